"""Parameter importances of trials."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from dcgan_sweeps.reporting.optuna_study import compute_importances

SPACES = {
    "lr": FloatDistribution(1e-4, 1e-2, log=True),
    "dropout": FloatDistribution(0.0, 0.6),
    "seed": IntDistribution(0, 10_000),
}


def make_trials(count, reached=1, keys=("lr", "dropout")):
    """Return trials whose score depends on lr; the first `reached` have one of epoch 3 too."""
    random = np.random.default_rng(0)
    trials = []
    for number in range(count):
        lr = float(10 ** random.uniform(-4, -2))
        known = {"lr": lr, "dropout": float(random.uniform(0, 0.6)), "seed": number}
        params = {key: known[key] for key in keys}
        score = 100 * (1 + abs(math.log10(lr / 1e-3)))
        scores = {1: score} | ({3: score / 2} if number < reached else {})
        trials.append(
            create_trial(
                state=TrialState.PRUNED,
                params=params,
                distributions={key: SPACES[key] for key in keys},
                intermediate_values=scores,
            )
        )
    return trials


@pytest.mark.parametrize(("reached", "epoch", "count"), [(9, 1, 30), (10, 3, 10), (25, 3, 25)])
def test_they_are_of_the_last_epoch_that_ten_trials_have_reached(reached, epoch, count):
    importances = compute_importances(make_trials(30, reached))
    assert (importances.epoch, importances.trials) == (epoch, count)
    assert [*importances.shares] == ["lr", "dropout"]
    assert importances.shares["lr"] > 0.6
    assert sum(importances.shares.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("trials", "reason"),
    [
        (make_trials(9), "no epoch has the scores of 10 trials"),
        ([], "the trials have no parameters but the seed"),
        (make_trials(30, keys=("seed",)), "the trials have no parameters but the seed"),
    ],
)
def test_without_any_there_is_a_reason(trials, reason):
    importances = compute_importances(trials)
    assert (importances.shares, importances.reason) == ({}, reason)


def test_a_score_that_is_not_finite_does_not_count():
    trials = make_trials(10)
    trials[0].intermediate_values[1] = math.inf
    assert compute_importances(trials).shares == {}


def test_the_seed_is_no_parameter():
    trials = make_trials(30, keys=("lr", "seed"))
    assert [*compute_importances(trials).shares] == ["lr"]


def test_equal_scores_have_no_importances():
    trials = make_trials(20)
    for each in trials:
        each.intermediate_values[1] = 7.0
    assert compute_importances(trials).reason == "all trials have the same scores or parameters"


def test_a_parameter_that_only_some_trials_have_counts_too():
    trials = make_trials(40)
    for number, each in enumerate(trials):
        if number % 2:
            each.params = {**each.params, "act": "ab"[number % 4 > 1]}
            each.distributions = {**each.distributions, "act": CategoricalDistribution("ab")}
    assert {*compute_importances(trials).shares} == {"lr", "dropout", "act"}


def test_their_time_is_linear_in_the_trials():
    def measure_s(count):
        trials = make_trials(count)
        begin_s = time.process_time()
        compute_importances(trials)
        return time.process_time() - begin_s

    # Other processes can disturb one measurement.
    few_s, many_s = (min(measure_s(count) for _ in range(3)) for count in (400, 4000))
    assert many_s < 30 * few_s  # ten times as many; fANOVA's time grew a hundredfold
