"""Computes parameter importances with Optuna, from trials or from logged runs.

    rows = choose_scored(board.rows)
    trials = [as_trial(row, spaces, {3: row.score}) for row in rows]
    compute_importances(trials).shares["optimizer.lr"]

A report converts its logged runs, and does not read the study's own storage. It thus needs the
MLflow store only, and works for runs that were started one by one, too.
"""

from __future__ import annotations

import math
import re
import statistics
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState, create_trial

from dcgan_sweeps.reporting.leaderboard import Row
from dcgan_sweeps.runs.filters import as_number

INT = re.compile(r"[+-]?[0-9]+")
SMALLEST, LARGEST = 1e-30, 1e30  # beyond these, plots and importances overflow
LARGEST_INT = 2**53  # above this, a float is not exact
SEED = "seed"
FEWEST_TRIALS, TRIALS_PER_PARAMETER = 10, 3  # fewer give importances of chance
# The best trials, which are compared with all: a tenth, or ten if that is more, but half at most.
BEST_SHARE, BEST_TRIALS, MOST_BEST_SHARE = 0.1, 10, 0.5
LOG_RATIO = 10  # only positive values that span a larger ratio have a logarithmic axis
LOG_MEDIAN = 0.35  # and only where half of them are in this part of the range from below


def choose_scored(rows: Sequence[Row]) -> list[Row]:
    """Return the rows that have a score which can be drawn, in the order of their start."""
    scored = [row for row in rows if row.score is not None and _can_be_drawn(row.score)]
    return sorted(scored, key=lambda row: row.run.start_ms)


def as_trial(
    row: Row, spaces: Mapping[str, BaseDistribution], scores: Mapping[int, float]
) -> FrozenTrial:
    """Return the Optuna trial of a run, with the parameters that the run has.

    `spaces` has the range of each parameter, and `scores` is {epoch: score}. A run that is not
    complete counts as pruned, with its last score.
    """
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
        intermediate_values=dict(scores),
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


@dataclass(frozen=True)
class Importances:
    """The importance of each parameter, the most important first; they add up to 1.

    They are computed from the scores of `trials` trials after `epoch`. Without any, `reason` says
    why.
    """

    shares: Mapping[str, float]
    epoch: int | None
    trials: int
    reason: str


def compute_importances(trials: Sequence[FrozenTrial]) -> Importances:
    """Return the importances for the scores of the last epoch that enough trials have reached.

    Pruned trials count too, where they have a score of that epoch. The seed is no parameter. The
    method is PED-ANOVA, Watanabe et al. 2023, https://arxiv.org/abs/2304.10255: how much more
    the best trials have certain values of a parameter than all trials. Its time is linear in
    the number of trials.
    """
    keys = {key for trial in trials for key in trial.params} - {SEED}
    if not keys:
        return Importances({}, None, 0, "the trials have no parameters but the seed")
    enough = max(FEWEST_TRIALS, TRIALS_PER_PARAMETER * len(keys))
    epoch = find_last_epoch(trials, enough)
    if epoch is None:
        return Importances({}, None, 0, f"no epoch has the scores of {enough} trials")
    scored = [_at_epoch(each, epoch) for each in trials if _has_score(each, epoch)]
    shares = _evaluate(scored)
    total = sum(shares.values())
    if total == 0:
        return Importances({}, epoch, len(scored), "all trials have the same scores or parameters")
    found = {key: share / total for key, share in shares.items()}
    return Importances(found, epoch, len(scored), "")


def find_last_epoch(trials: Sequence[FrozenTrial], enough: int) -> int | None:
    """Return the last epoch after which so many trials have a score, None if there is none."""
    counts = Counter(
        epoch for trial in trials for epoch in trial.intermediate_values if _has_score(trial, epoch)
    )
    return max((epoch for epoch, count in counts.items() if count >= enough), default=None)


def _has_score(trial: FrozenTrial, epoch: int) -> bool:
    return math.isfinite(trial.intermediate_values.get(epoch, math.nan))


def _at_epoch(trial: FrozenTrial, epoch: int) -> FrozenTrial:
    """Return a trial as if it had ended after an epoch, without its seed."""
    params = {key: value for key, value in trial.params.items() if key != SEED}
    return create_trial(
        value=trial.intermediate_values[epoch],
        params=params,
        distributions={key: trial.distributions[key] for key in params},
    )


def _evaluate(trials: Sequence[FrozenTrial]) -> dict[str, float]:
    """Return the importance of each parameter, the most important first."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="minimize")
    study.add_trials(trials)
    best = min(max(BEST_SHARE, BEST_TRIALS / len(trials)), MOST_BEST_SHARE)
    with warnings.catch_warnings():
        # A parameter that one trial alone has is left out, and `normalize` is experimental.
        warnings.simplefilter("ignore")
        evaluator = PedAnovaImportanceEvaluator(target_quantile=best)
        return dict(get_param_importances(study, evaluator=evaluator, normalize=False))
