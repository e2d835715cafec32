from __future__ import annotations

import dataclasses

import pytest
from logged_runs import make_run

from dcgan_sweeps.reporting.comparison import compare_config, compare_scores


def test_keys_that_can_change_a_result_come_first():
    one = {"tracking.dir": "a", "optimizer.lr": "1e-3", "seed": "0", "config_hash": "x"}
    other = {"tracking.dir": "b", "optimizer.lr": "2e-3", "seed": "0", "config_hash": "y"}
    changes = compare_config(one, other)
    assert [(each.fact, each.decisive) for each in changes] == [
        ("optimizer.lr", True),
        ("tracking.dir", False),
    ]


def test_a_key_that_one_run_lacks_is_told():
    (change,) = compare_config({"model.dropout": "0.3"}, {})
    assert (change.expected, change.got) == ("0.3", "")


@pytest.mark.parametrize(
    ("fcd", "verdict"),
    [
        (30.0, "equal: both have fcd 30.00"),
        (31.0, "tied: the fcd differs by 3.3%, within the 11% of two seeds"),
        (60.0, "00000000 is better: the fcd differs by 66.7%, more than 11%"),
    ],
)
def test_scores_are_tied_within_the_noise(fcd, verdict):
    assert compare_scores(make_run(1, 30.0), make_run(2, fcd))[1] == verdict


def test_scores_of_two_identities_are_not_compared():
    other = make_run(2, 30.0)
    other = dataclasses.replace(other, params={**other.params, "score.identity": "b" * 16})
    scores, verdict = compare_scores(make_run(1, 30.0), other)
    assert scores == []
    assert verdict.startswith("scores of 2 identities cannot be compared")
