"""Logged runs as an Optuna study, for Optuna's plots, and what decides the score of a study.

    study = as_study(rows, ("optimizer.lr", "model.dropout"))
    compute_importances(study, seed=0)["optimizer.lr"]

Made from the runs and not from the study's own storage: so a report needs nothing but the MLflow
store, and runs that were started one by one can be looked at in the same way.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
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
SMALLEST, LARGEST = 1e-30, 1e30  # beyond, what draws and explains the values overflows
LARGEST_INT = 2**53  # above, a float is no longer exact
LOG_RATIO = 10  # values that span more than this, all positive, are shown on a logarithmic axis


def as_study(rows: Sequence[Row], params: Sequence[str]) -> optuna.Study:
    """Return a study in memory with the rows that have a score, in the order they started.

    What was stopped is pruned; its score is the last one that it had.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    scored = [row for row in rows if row.score is not None and _can_be_drawn(row.score)]
    scored.sort(key=lambda row: row.run.start_ms)
    found = {
        key: choose_distribution([row.run.params.get(key) for row in scored]) for key in params
    }
    spaces = {key: space for key, space in found.items() if space is not None}
    study = optuna.create_study(direction="minimize")
    study.add_trials([as_trial(row, spaces) for row in scored])
    return study


def as_trial(row: Row, spaces: dict[str, BaseDistribution]) -> FrozenTrial:
    """Return a run as a trial, with the parameters that it has."""
    kinds: dict[type, Callable[[str], Any]] = {IntDistribution: int, FloatDistribution: float}
    params = {
        key: kinds.get(type(space), str)(row.run.params[key])
        for key, space in spaces.items()
        if key in row.run.params
    }
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
    return number == 0 or SMALLEST <= abs(number) <= LARGEST


def compute_importances(study: optuna.Study, seed: int) -> dict[str, float]:
    """Return {parameter: share of the score's variance}, by fANOVA over the complete trials.

    Hutter et al. 2014, https://proceedings.mlr.press/v32/hutter14.html. Empty where fewer than four
    trials say anything, or none of them differs.
    """
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    values = {each.value for each in complete}
    if len(values) < 4 or math.inf in values or not complete[0].params:
        return {}
    try:
        return dict(get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=seed)))
    except (RuntimeError, ValueError):  # no parameter that all of them have
        return {}
