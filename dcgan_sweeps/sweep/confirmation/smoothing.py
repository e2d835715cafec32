"""Estimates the score of each configuration of a study from the scores of all.

estimates = smooth_scores(trials, epoch=6)   # {trial number: log score}

A trial's own score is that of one seed, and the best of many is lucky. A Gaussian process over the
search space and the epoch takes a part of each score for noise.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState

Floats = npt.NDArray[np.float64]
FEWEST = 6  # trials with a score; with fewer, each trial's own score is the estimate
MOST = 300  # trials that the process is fitted to; its time grows with their third power
SEED_KEY = "seed"


def smooth_scores(trials: Sequence[FrozenTrial], epoch: int) -> dict[int, float]:
    """Return {trial number: estimated log score at `epoch`} of the trials with a finite score."""
    scored = {each.number: read_last(each, epoch) for each in trials}
    points = {
        number: (each.params, *last)
        for each in trials
        if (last := scored[number := each.number]) is not None
    }
    own = {number: log_score for number, (_, _, log_score) in points.items()}
    spaces = find_spaces(trials)
    if len(points) < FEWEST or not spaces:
        return own
    # Those that got furthest, the best of them first.
    chosen = sorted(points, key=lambda number: (-points[number][1], own[number]))[:MOST]
    inputs = np.array([[*scale(points[n][0], spaces), points[n][1] / epoch] for n in chosen])
    at_end = inputs.copy()
    at_end[:, -1] = 1.0
    estimates = fit(inputs, np.array([own[number] for number in chosen]), at_end)
    return dict(zip(chosen, map(float, estimates), strict=True))


def read_last(trial: FrozenTrial, epoch: int) -> tuple[int, float] | None:
    """Return the epoch and the logarithm of a trial's last score, None without a usable one.

    A trial that an earlier run finished has only its final score, that of `epoch`.
    """
    if trial.last_step is not None:
        step, score = trial.last_step, trial.intermediate_values[trial.last_step]
    elif trial.state == TrialState.COMPLETE and trial.value is not None:
        step, score = epoch, trial.value
    else:
        return None
    return (step, math.log(score)) if 0 < score < math.inf else None


def find_spaces(trials: Sequence[FrozenTrial]) -> dict[str, BaseDistribution]:
    """Return {key: distribution} of the keys that vary, without the seed."""
    spaces: dict[str, BaseDistribution] = {}
    for trial in trials:
        spaces |= trial.distributions
    return {key: space for key, space in spaces.items() if key != SEED_KEY and not space.single()}


def scale(params: dict[str, object], spaces: dict[str, BaseDistribution]) -> list[float]:
    """Return a point of the search space as numbers from 0 to 1, several for a choice.

    A key that a trial does not have is in the middle.
    """
    scaled: list[float] = []
    for key, space in spaces.items():
        if isinstance(space, CategoricalDistribution):
            scaled += [float(params.get(key) == choice) for choice in space.choices]
            continue
        low, high = float(space.low), float(space.high)  # type: ignore[attr-defined]
        value = float(params.get(key, math.nan))  # type: ignore[arg-type]
        if space.log:  # type: ignore[attr-defined]
            low, high, value = math.log(low), math.log(high), math.log(value)
        scaled.append(0.5 if math.isnan(value) else (value - low) / (high - low))
    return scaled


def fit(inputs: Floats, values: Floats, wanted: Floats) -> Floats:
    """Return the mean of a Gaussian process at the points `wanted`.

    It is fitted to noisy `values` (n,) at `inputs` (n, d) from 0 to 1, with one length scale for
    each dimension.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    kernel = ConstantKernel(1.0, (0.05, 20.0)) * Matern(
        np.full(inputs.shape[1], 0.5), (0.1, 10.0), nu=2.5
    ) + WhiteKernel(0.1, (0.005, 1.0))
    process = GaussianProcessRegressor(
        kernel, normalize_y=True, n_restarts_optimizer=2, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a length scale at its bound
        mean: Floats = process.fit(inputs, values).predict(wanted)
    return mean
