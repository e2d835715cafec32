"""What is taken for the score of a configuration, from the scores of all."""

from __future__ import annotations

import math

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from dcgan_sweeps.sweep.confirmation.smoothing import scale, smooth_scores

RATE = FloatDistribution(1e-4, 1e-2, log=True)


def make_trials(scores, rates, epochs):
    study = optuna.create_study()
    for score, rate, epoch in zip(scores, rates, epochs, strict=True):
        study.add_trial(
            create_trial(
                params={"lr": rate},
                distributions={"lr": RATE},
                intermediate_values={epoch: score},
                value=score,
                state=TrialState.COMPLETE,
            )
        )
    return study.get_trials()


def test_a_lucky_score_among_poor_neighbours_is_not_the_best_estimate():
    random = np.random.default_rng(0)
    rates = np.geomspace(1e-4, 1e-2, 25)
    truth = 5 + 2 * np.log10(rates / 5e-4) ** 2  # the best rate is 5e-4
    log_scores = truth + random.normal(0, 0.07, 25)
    log_scores[22] = log_scores.min() - 0.05  # one seed far from it was lucky
    estimates = smooth_scores(make_trials(np.exp(log_scores), rates, [6] * 25), 6)
    best = min(estimates, key=estimates.get)
    assert best != 22
    assert 3e-4 < rates[best] < 9e-4


def test_a_trial_that_was_pruned_early_counts_as_what_it_would_have_reached():
    rates = np.geomspace(1e-4, 1e-2, 12)
    epochs = [1, 6] * 6
    scores = [math.exp(6 - 0.2 * epoch) for epoch in epochs]  # only the epoch matters
    estimates = smooth_scores(make_trials(scores, rates, epochs), 6)
    assert estimates[0] == pytest.approx(estimates[1], abs=0.25)


def test_few_trials_keep_their_own_scores():
    trials = make_trials([300.0, 200.0], [1e-3, 2e-3], [6, 6])
    assert smooth_scores(trials, 6) == pytest.approx({0: math.log(300), 1: math.log(200)})


def test_a_point_is_scaled_to_numbers_from_0_to_1():
    spaces = {
        "rate": RATE,
        "size": IntDistribution(16, 48),
        "norm": CategoricalDistribution(("batch", "inference")),
        "slope": FloatDistribution(0, 1),
    }
    point = {"rate": 1e-3, "size": 24, "norm": "inference"}
    assert scale(point, spaces) == pytest.approx([0.5, 0.25, 0.0, 1.0, 0.5])
