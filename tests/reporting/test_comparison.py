from __future__ import annotations

import dataclasses

import pytest
from logged_runs import make_run

from dcgan_sweeps.metrics import METRICS
from dcgan_sweeps.reporting.comparison import (
    Side,
    compare,
    compare_config,
    compare_provenance,
    compare_scores,
    describe_change,
)
from dcgan_sweeps.reporting.media import Media


def test_keys_that_can_change_a_result_come_first():
    one = {"tracking.dir": "a", "optimizer.lr": "1e-3", "seed": "0", "config_hash": "x"}
    other = {"tracking.dir": "b", "optimizer.lr": "2e-3", "seed": "0", "config_hash": "y"}
    changes = compare_config([one, other])
    assert [(each.fact, each.decisive) for each in changes] == [
        ("optimizer.lr", True),
        ("tracking.dir", False),
    ]


def test_a_key_that_one_run_lacks_is_told():
    (change,) = compare_config([{"model.dropout": "0.3"}, {}])
    assert change.values == ("0.3", "")


@pytest.mark.parametrize(
    ("fcd", "verdict"),
    [
        (30.0, "equal: both have fcd 30.00"),
        (31.0, "tied: the fcd differs by 3.3%, within the 21% of two seeds"),
        (60.0, "00000000 is better: the fcd differs by 66.7%, more than 21%"),
    ],
)
def test_scores_are_tied_within_the_noise(fcd, verdict):
    assert compare_scores([make_run(1, 30.0), make_run(2, fcd)])[1] == verdict


def test_scores_of_two_identities_are_not_compared():
    other = make_run(2, 30.0)
    other = dataclasses.replace(other, params={**other.params, "score.identity": "b" * 16})
    scores, verdict = compare_scores([make_run(1, 30.0), other])
    assert scores == []
    assert verdict.startswith("scores of 2 identities cannot be compared")


def test_three_runs_have_a_column_each_with_the_difference_from_the_first():
    runs = [make_run(n, fcd) for n, fcd in enumerate([30.0, 31.0, 60.0])]
    scores, verdict = compare_scores(runs)
    assert scores[0].name == "fcd"
    assert scores[0].texts == ("30.00", "31.00 (+3.3%, tied)", "60.00 (+66.7%, worse)")
    assert verdict == "ranked by fcd: 1= A (30.00), 1= B (31.00), 3 C (60.00); = marks ties"


def make_sides(*configurations):
    """Return a side for the first run of each configuration, which are given by their scores."""
    sides = []
    for number, scores in enumerate(configurations):
        runs = [
            make_run(10 * number + seed, fcd, seed=seed, optimizer__lr=number)
            for seed, fcd in enumerate(scores)
        ]
        sides.append(Side(runs[0], {}, Media(runs[0], {}, {}), runs))
    return sides


def test_where_there_are_seeds_the_means_are_compared():
    means = compare(make_sides([200.0, 300.0, 310.0], [250.0, 251.0, 252.0])).means
    assert means.startswith("by mean fcd of the seeds in the store: 1= B (251.00 [")
    assert "; 1= A (270.00 [" in means
    assert means.endswith("(df 4, from 2 configurations with several seeds)")
    assert compare(make_sides([200.0], [300.0])).means == ""


def test_means_that_differ_by_more_than_their_seeds_are_not_tied():
    means = compare(make_sides([300.0, 301.0, 302.0], [310.0, 311.0, 312.0])).means
    assert "1 A (301.00 [" in means
    assert "2 B (311.00 [" in means


def test_runs_that_are_seeds_of_one_configuration_are_said_to_be():
    (side,) = make_sides([300.0, 302.0, 304.0])
    other = dataclasses.replace(side, run=side.repeats[1])
    means = compare([side, other]).means
    assert means.startswith("A, B differ in nothing but the seed; mean fcd of the seeds in")
    assert "A, B (302.00 [" in means
    assert "3 seeds" in means


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("score/fcd", 45.0, " (-75.9%, better)"),
        ("score/recall", 45.0, " (-75.9%, worse)"),
        ("score/recall", 99.0, " (-1.0%, worse)"),  # its noise is not known
        ("score/density", 45.0, " (-75.9%)"),  # neither is better
        ("score/fcd", 100.0, " (equal)"),
    ],
)
def test_a_difference_has_its_direction(name, value, text):
    assert describe_change(METRICS[name], 100.0, value) == text


def test_a_fact_that_differs_in_the_third_run_only_has_the_first_value_in_the_second():
    facts = [{"commit": each, "device": {"threads": 1}} for each in ("a", "a", "b")]
    (only,) = compare_provenance(facts)
    assert (only.fact, only.values, only.decisive) == ("commit", ("a", "a", "b"), True)
