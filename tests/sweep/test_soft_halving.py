"""Successive halving with soft ranks."""

from __future__ import annotations

import math

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from dcgan_sweeps.sweep.soft_halving import SoftHalvingPruner, decide, read_rung
from dcgan_sweeps.sweep.storage import open_storage

OTHERS = [100.0, 110.0, 120.0, 130.0, 140.0]  # with one more, the best third ends at 110


@pytest.mark.parametrize(
    ("own", "others", "continued", "goes_on"),
    [
        (500.0, [], 0, True),  # the first trial at a rung
        (99.0, OTHERS, 5, True),  # the best third continues, however many have continued
        (110.0, OTHERS, 5, True),
        (111.0, OTHERS, 0, True),  # tied with the cut at 110, which is within 8 %
        (118.0, OTHERS, 0, True),
        (120.0, OTHERS, 0, False),  # 110 * exp(0.08) is 119.2
        (111.0, OTHERS, 2, True),  # the third of six is half of them
        (111.0, OTHERS, 3, False),
        (101.0, [100.0], 1, False),  # both of two are more than half
        (math.inf, OTHERS, 0, False),
        (math.nan, OTHERS, 0, False),
        (111.0, [*OTHERS[:4], math.nan], 0, True),  # a score that is not a number is the last
        (0.0, OTHERS, 5, True),
    ],
)
def test_a_trial_continues_by_its_rank_or_by_a_tie_within_the_cap(own, others, continued, goes_on):
    assert decide(own, others, continued, 3, math.exp(0.08), 0.5) == goes_on


def test_without_noise_it_decides_as_successive_halving_does(tmp_path):
    curves = [(50.0, 40), (49, 39), (60, 30), (48, 38), (47, 37), (70, 20), (46, 41), (45, 36)]
    hard = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3)
    soft = SoftHalvingPruner(1, 3, noise=[0.0], tolerance=1.0, cap=0.5)
    assert play(curves, soft, tmp_path) == play(curves, hard, tmp_path)


def play(curves, pruner, folder):
    """Return the states of trials that score so in epochs 1 and 3, by real storage."""
    name = type(pruner).__name__
    study = optuna.create_study(storage=open_storage(None, folder / name), pruner=pruner)
    for curve in curves:
        trial, state = study.ask(), TrialState.COMPLETE
        for epoch, score in zip((1, 3), curve, strict=True):
            trial.report(score, epoch)
            if trial.should_prune():
                state = TrialState.PRUNED
                break
        study.tell(trial, curve[-1] if state == TrialState.COMPLETE else None, state=state)
    return "".join(each.state.name[0] for each in study.get_trials())


def test_ties_continue_until_half_of_a_rung_has_continued(tmp_path):
    equal = [(100.0 + number, 50.0 + number) for number in range(12)]
    pruner = SoftHalvingPruner(1, 3, noise=[0.2, 0.0], tolerance=1.0, cap=0.5)
    states = play(equal, pruner, tmp_path)
    study = optuna.load_study(
        study_name=None, storage=open_storage(None, tmp_path / "SoftHalvingPruner")
    )
    at_3 = [each.number for each in study.get_trials() if 3 in each.intermediate_values]
    assert at_3 == [0, 3, 5, 7, 9, 11]  # each as soon as it is within the half
    assert states == "CPPPPPPPPPPP"  # there the scores have no noise


def test_each_rung_has_its_noise_and_the_last_is_that_of_further_ones():
    pruner = SoftHalvingPruner(2, 3, noise=[0.2, 0.1], tolerance=1.0, cap=0.5)
    assert list(pruner._list_rungs(60)) == [(2, 0.2), (6, 0.1), (18, 0.1), (54, 0.1)]


def make(values, state=TrialState.PRUNED):
    last = [*values.values()][-1]
    value = last if state == TrialState.COMPLETE else None
    return create_trial(state=state, value=value, intermediate_values=values)


def test_a_rung_has_the_first_score_from_its_epoch_on():
    trials = [make({2: 9.0, 4: 8.0}), make({4: 7.0}), make({2: 6.0})]
    assert read_rung(trials, 3) == ([8.0, 7.0], 0)


def test_trials_that_ended_at_a_rung_have_not_continued():
    trials = [
        make({1: 9.0}),
        make({1: 9.0, 2: 8.0}),
        make({1: 9.0}, TrialState.FAIL),
        make({1: 9.0}, TrialState.RUNNING),
        make({1: 9.0}, TrialState.COMPLETE),
    ]
    assert read_rung(trials, 1) == ([9.0] * 5, 3)


def test_between_rungs_nothing_is_pruned():
    study = optuna.create_study(pruner=SoftHalvingPruner(1, 3, [0.0], 1.0, 0.5))
    study.add_trial(make({1: 1.0, 2: 1.0, 3: 1.0}, TrialState.COMPLETE))
    trial = study.ask()
    pruned = {}
    for epoch in (1, 2, 3):
        trial.report(9.0, epoch)
        pruned[epoch] = trial.should_prune()
    assert pruned == {1: True, 2: False, 3: True}


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((0, 3, [0.1], 1.0, 0.5), "min_resource"),
        ((1, 1, [0.1], 1.0, 0.5), "reduction_factor"),
        ((1, 3, [], 1.0, 0.5), "noise"),
        ((1, 3, [-0.1], 1.0, 0.5), "noise"),
        ((1, 3, [0.1], -1.0, 0.5), "tolerance"),
        ((1, 3, [0.1], 1.0, 0.3), "cap"),
        ((1, 3, [0.1], 1.0, 1.1), "cap"),
    ],
)
def test_every_bound_is_checked_when_it_is_made(arguments, name):
    with pytest.raises(ValueError, match=f"`{name}` is"):
        SoftHalvingPruner(*arguments)
