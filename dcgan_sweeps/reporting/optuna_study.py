"""Converts logged runs to an Optuna study, for its parameter importances.

    rows = choose_scored(board.rows)
    study = as_study(rows, {"optimizer.lr": choose_distribution(["1e-4", "1e-2"])})
    compute_importances(study, seed=0)["optimizer.lr"]

The study is made from the logged runs and not read from its own storage. A report thus needs the
MLflow store only, and works for runs that were started one by one, too.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState, create_trial

from dcgan_sweeps.reporting.leaderboard import Row
from dcgan_sweeps.runs.filters import as_number

INT = re.compile(r"[+-]?[0-9]+")
SMALLEST, LARGEST = 1e-30, 1e30  # beyond these, plots and importances overflow
LARGEST_INT = 2**53  # above this, a float is not exact
LOG_RATIO = 10  # only positive values that span a larger ratio have a logarithmic axis
LOG_MEDIAN = 0.35  # and only where half of them are in this part of the range from below


def choose_scored(rows: Sequence[Row]) -> list[Row]:
    """Return the rows that have a score which can be drawn, in the order of their start."""
    scored = [row for row in rows if row.score is not None and _can_be_drawn(row.score)]
    return sorted(scored, key=lambda row: row.run.start_ms)


def as_study(rows: Sequence[Row], spaces: Mapping[str, BaseDistribution]) -> optuna.Study:
    """Return an in-memory study of rows with a score; `spaces` has the range of each parameter.

    A run that is not complete counts as pruned, with its last score.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="minimize")
    study.add_trials([as_trial(row, spaces) for row in rows])
    return study


def as_trial(row: Row, spaces: Mapping[str, BaseDistribution]) -> FrozenTrial:
    """Return the Optuna trial of a run, with the parameters that the run has."""
    kinds: dict[type, Callable[[str], Any]] = {IntDistribution: int, FloatDistribution: float}
    params = {
        key: kinds.get(type(space), str)(row.params[key])
        for key, space in spaces.items()
        if key in row.params
    }
    is_complete = row.run.outcome == "complete"
    return create_trial(
        state=TrialState.COMPLETE if is_complete else TrialState.PRUNED,
        value=row.score,
        params=params,
        distributions={key: spaces[key] for key in params},
    )


def choose_distribution(texts: Sequence[str | None]) -> BaseDistribution | None:
    """Return the range of these values, or a categorical one if not all of them are numbers.

    None if all are equal.
    """
    known = [text for text in texts if text is not None]
    if len(set(known)) < 2:
        return None
    values = [number for number in map(as_number, known) if number is not None]
    low, high = min(values, default=0.0), max(values, default=0.0)
    if len(values) < len(known) or not all(map(_can_be_drawn, values)):
        return CategoricalDistribution(sorted(set(known)))
    middle = statistics.median_low(values)
    is_log = low > 0 and high / low > LOG_RATIO and middle - low < LOG_MEDIAN * (high - low)
    if max(-low, high) <= LARGEST_INT and all(INT.fullmatch(text) for text in known):
        return IntDistribution(int(low), int(high), log=is_log)
    return FloatDistribution(low, high, log=is_log)


def _can_be_drawn(number: float) -> bool:
    return number == 0 or SMALLEST <= abs(number) <= LARGEST


def compute_importances(study: optuna.Study, seed: int) -> dict[str, float]:
    """Return {parameter: share of the score's variance}, by fANOVA over the complete trials.

    Hutter et al. 2014, https://proceedings.mlr.press/v32/hutter14.html. Empty with fewer than four
    different scores, or without a parameter that all trials have.
    """
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    values = {each.value for each in complete}
    if len(values) < 4 or math.inf in values or not complete[0].params:
        return {}
    try:
        return dict(get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=seed)))
    except (RuntimeError, ValueError):  # there is no parameter that all trials have
        return {}
