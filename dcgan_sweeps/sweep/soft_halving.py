"""Successive halving that also continues trials whose scores are tied with the cut.

pruner = SoftHalvingPruner(1, 3, noise=[0.08], tolerance=1.0, cap=0.5)
study = optuna.create_study(pruner=pruner)

It keeps no state: every decision follows from the scores in the study's storage.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import optuna
from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial, TrialState


class SoftHalvingPruner(BasePruner):
    """Asynchronous successive halving with soft ranks, for positive scores that are minimized.

    At `min_resource` epochs and at each rung of `reduction_factor` times more, the best
    1/`reduction_factor` of the trials continue: Li et al. 2020, https://arxiv.org/abs/1810.05934.
    A trial also continues within `tolerance` times the noise of the cut, as in PASHA's soft
    ranking, https://arxiv.org/abs/2207.06940, but only while at most the share `cap` of the trials
    of the rung has continued with it.

    `noise` has the standard deviation of log(score) between training seeds, for each rung; the last
    value is that of all further rungs. Raises ValueError for arguments out of their range.
    """

    def __init__(
        self,
        min_resource: int,
        reduction_factor: int,
        noise: Sequence[float],
        tolerance: float,
        cap: float,
    ):
        if min_resource < 1:
            raise ValueError(f"`min_resource` is {min_resource}, but must be at least 1")
        if reduction_factor < 2:
            raise ValueError(f"`reduction_factor` is {reduction_factor}, but must be at least 2")
        if not noise or min(noise) < 0:
            raise ValueError(f"`noise` is {noise}, but must be a list of numbers from 0")
        if tolerance < 0:
            raise ValueError(f"`tolerance` is {tolerance}, but must be at least 0")
        if not 1 / reduction_factor <= cap <= 1:
            raise ValueError(f"`cap` is {cap}, but must be from 1/`reduction_factor` to 1")
        self.min_resource = min_resource
        self.reduction_factor = reduction_factor
        self.noise = list(noise)
        self.tolerance = tolerance
        self.cap = cap

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Return whether a trial ends at a rung that its last score has reached."""
        step = trial.last_step
        if step is None:
            return False
        reached = [
            (rung, noise)
            for rung, noise in self._list_rungs(step)
            if _find_step(trial.intermediate_values, rung) == step
        ]
        if not reached:
            return False
        own = trial.intermediate_values[step]
        trials = study.get_trials(deepcopy=False)
        others = [each for each in trials if each.number != trial.number]
        return not all(self._continues(own, others, rung, noise) for rung, noise in reached)

    def _list_rungs(self, last: int) -> Iterator[tuple[int, float]]:
        """Return each rung up to an epoch, as its epoch and its noise."""
        rung, index = self.min_resource, 0
        while rung <= last:
            yield rung, self.noise[min(index, len(self.noise) - 1)]
            rung, index = rung * self.reduction_factor, index + 1

    def _continues(
        self, own: float, others: Sequence[FrozenTrial], rung: int, noise: float
    ) -> bool:
        scores, continued = read_rung(others, rung)
        ratio = math.exp(self.tolerance * noise)
        return decide(own, scores, continued, self.reduction_factor, ratio, self.cap)


def decide(
    own: float,
    others: Sequence[float],
    continued: int,
    reduction_factor: int,
    tied_ratio: float,
    cap: float,
) -> bool:
    """Return whether a trial with the score `own` continues at a rung.

    `others` are the scores of the other trials there, of which `continued` have continued. Scores
    are tied up to the ratio `tied_ratio`.
    """
    scores = sorted([own, *others], key=_last_if_nan)
    cut = scores[max(len(scores) // reduction_factor - 1, 0)]
    if own <= cut:
        return True
    return own <= cut * tied_ratio and continued + 1 <= cap * len(scores)


def read_rung(trials: Sequence[FrozenTrial], rung: int) -> tuple[list[float], int]:
    """Return the scores of trials at a rung, and how many of them have continued.

    A running trial has continued, as far as the storage knows.
    """
    scores, continued = [], 0
    for trial in trials:
        step = _find_step(trial.intermediate_values, rung)
        if step is not None:
            scores.append(trial.intermediate_values[step])
            is_ended = trial.state in (TrialState.PRUNED, TrialState.FAIL)
            continued += not (is_ended and trial.last_step == step)
    return scores, continued


def _find_step(values: Mapping[int, float], rung: int) -> int | None:
    """Return the first scored epoch from a rung on, None where there is none."""
    return min((step for step in values if step >= rung), default=None)


def _last_if_nan(score: float) -> float:
    return math.inf if math.isnan(score) else score
