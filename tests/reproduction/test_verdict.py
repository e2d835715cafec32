from __future__ import annotations

import math

from dcgan_sweeps.reproduction.verdict import compare_histories, judge, tabulate
from dcgan_sweeps.tracking.history import History

LOSSES = {8: 0.7, 16: 0.6}
SCORES = {1: 300.0, 2: 200.0}
WEIGHTS = {1: "a" * 64, 2: "b" * 64}


def history(losses=LOSSES, scores=SCORES, weights=WEIGHTS):
    return History({"loss/generator": losses, "score/fcd": scores}, {"digest.weights": weights})


def verdict(got, *, last_epoch=None, tolerance=0.1, same_request=True):
    comparisons = compare_histories(history(), got, last_epoch)
    return judge(comparisons, tolerance, same_request=same_request)


def test_equal_series_are_identical():
    found = verdict(history())
    assert found.word == "identical"
    assert found.reason == "all 6 values are bit-identical"
    assert found.reproduced


def test_the_last_bit_is_a_difference():
    got = history(losses={8: 0.7, 16: math.nextafter(0.6, 1)})
    assert verdict(got).word == "within tolerance"
    assert "first at step 16 in loss/generator" in verdict(got).reason


def test_a_score_beyond_the_tolerance_is_different():
    got = history(scores={1: 300.0, 2: 221.0})
    assert verdict(got).word == "different"
    assert not verdict(got).reproduced
    assert verdict(got, tolerance=0.11).word == "within tolerance"


def test_only_the_last_score_counts_for_the_tolerance():
    assert verdict(history(scores={1: 900.0, 2: 201.0})).word == "within tolerance"


def test_a_missing_value_is_a_difference_and_a_missing_score_is_different():
    assert verdict(history(losses={8: 0.7})).word == "within tolerance"
    assert verdict(history(scores={1: 300.0})).word == "different"


def test_another_digest_alone_is_not_identical():
    found = verdict(history(weights={1: "a" * 64, 2: "c" * 64}))
    assert found.word == "within tolerance"
    assert "first at epoch 2 in digest.weights" in found.reason


def test_with_fewer_epochs_only_the_beginning_is_compared():
    got = history(losses={8: 0.7}, scores={1: 300.0}, weights={1: "a" * 64})
    assert verdict(got, last_epoch=1).word == "identical"


def test_nothing_to_compare_is_no_success():
    nothing = compare_histories(History({}, {}), history(), None)
    assert not judge(nothing, 0.1, same_request=True).reproduced


def test_another_request_is_never_within_tolerance():
    assert verdict(history(losses={8: 0.5, 16: 0.6}), same_request=False).word == "different"
    assert verdict(history(), same_request=False).word == "identical"


def test_the_table_names_the_first_step_and_the_largest_difference():
    rows = tabulate(compare_histories(history(), history(losses={8: 0.5, 16: 0.6}), None))
    assert rows[0] == ("loss/generator", "2", "0.600000", "0.600000", "step 8", "0.2")
    assert rows[1] == ("digest.weights", "2", "b" * 12, "b" * 12, "none", "")
