"""Logged runs as an Optuna study, for Optuna's plots.

    study = as_study(rows, ("optimizer.lr", "model.dropout"))

Made from the runs and not from the study's own storage: so a report needs nothing but the MLflow
store, and runs that were started one by one can be looked at in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState, create_trial

from dcgan_sweeps.reporting.leaderboard import Row
from dcgan_sweeps.runs.filters import as_number

INT = re.compile(r"[+-]?[0-9]+")
LEAST, MOST = 1e-30, 1e30  # beyond, what draws and explains the values overflows
LARGEST_INT = 2**53  # above, a float is no longer exact
LOG_RATIO = 10  # values that span more than this, all positive, are shown on a logarithmic axis


def as_study(rows: Sequence[Row], params: Sequence[str]) -> optuna.Study:
    """Return a study in memory with the rows that have a score, in the order they started.

    What was stopped is pruned; its score is the last one that it had.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    scored = [row for row in rows if row.score is not None and _can_be_drawn(row.score)]
    spaces = {
        key: space
        for key in params
        if (space := choose_distribution([_read(row, key) for row in scored]))
    }
    study = optuna.create_study(direction="minimize")
    scored.sort(key=lambda row: row.run.start_ms)
    study.add_trials([as_trial(row, spaces) for row in scored])
    return study


def as_trial(row: Row, spaces: dict[str, BaseDistribution]) -> FrozenTrial:
    """Return a run as a trial, with the parameters that it has."""
    texts = {key: _read(row, key) for key in spaces}
    known = {key: text for key, text in texts.items() if text is not None}
    params = {key: convert(text, spaces[key]) for key, text in known.items()}
    is_complete = row.run.outcome == "complete"
    return create_trial(
        state=TrialState.COMPLETE if is_complete else TrialState.PRUNED,
        value=row.score,
        params=params,
        distributions={key: spaces[key] for key in params},
    )


def choose_distribution(texts: Sequence[str | None]) -> BaseDistribution | None:
    """Return the range of these values, or the choice where they are not all numbers; None where
    they are all alike."""
    known = [text for text in texts if text is not None]
    if len(set(known)) < 2:
        return None
    values = [number for number in map(as_number, known) if number is not None]
    low, high = min(values, default=0.0), max(values, default=0.0)
    if len(values) < len(known) or not all(map(_can_be_drawn, values)):
        return CategoricalDistribution(sorted(set(known)))
    is_log = low > 0 and high / low > LOG_RATIO
    if max(-low, high) <= LARGEST_INT and all(INT.fullmatch(text) for text in known):
        return IntDistribution(int(low), int(high), log=is_log)
    return FloatDistribution(low, high, log=is_log)


def _can_be_drawn(number: float) -> bool:
    return number == 0 or LEAST <= abs(number) <= MOST


def convert(text: str, space: BaseDistribution) -> float | int | str:
    """Return the text of a parameter as a value of its space."""
    if isinstance(space, CategoricalDistribution):
        return text
    return int(text) if isinstance(space, IntDistribution) else float(text)


def _read(row: Row, key: str) -> str | None:
    return row.run.params.get(key)
