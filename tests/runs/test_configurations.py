from __future__ import annotations

import math
import statistics

import pytest
from logged_runs import make_run
from scipy import stats

from dcgan_sweeps.runs.configurations import average_seeds, find_lowest, group_runs, pool_spread


def list_ids(runs):
    return [int(run.run_id, 16) for run in runs]


def test_runs_that_differ_in_nothing_but_the_seed_are_one_configuration():
    runs = [
        make_run(1, seed=1, optimizer__lr="1e-3"),
        make_run(2, seed=1, optimizer__lr="2e-3"),
        make_run(3, seed=2, optimizer__lr="1e-3"),
    ]
    assert [list_ids(group) for group in group_runs(runs)] == [[1, 3], [2]]


@pytest.mark.parametrize(
    ("key", "groups"),
    [
        ("tracking__dir", 1),
        ("runner__slots", 1),
        ("score__extra_metrics", 1),
        ("score__seed", 2),
        ("runner__precision", 2),
    ],
)
def test_only_what_can_change_a_result_separates(key, groups):
    runs = [make_run(n, seed=n, **{key: n}) for n in (1, 2)]
    assert len(group_runs(runs)) == groups


def test_a_key_that_one_run_lacks_separates():
    assert len(group_runs([make_run(1, seed=1), make_run(2, seed=2, optimizer__lr="1e-3")])) == 2


def test_runs_without_a_seed_are_one_configuration_by_their_hash_only():
    runs = [make_run(n, config_hash=digest) for n, digest in enumerate("aab")]
    assert [len(group) for group in group_runs(runs)] == [2, 1]


def test_repeats_of_a_seed_count_once():
    assert average_seeds([("1", 30.0), ("2", 60.0), ("1", 40.0)]) == [35.0, 60.0]


def test_the_interval_of_one_configuration_is_that_of_student_on_the_logarithm():
    scores = [251.0, 268.0, 270.0, 301.0]
    logs = [*map(math.log, scores)]
    low, high = stats.t.interval(0.95, 3, statistics.fmean(logs), stats.sem(logs))
    mean = statistics.fmean(scores)
    shift = mean / math.exp(statistics.fmean(logs))  # the interval is stated about the mean
    found = pool_spread([scores]).compute_interval(mean, 4)
    assert found == pytest.approx((shift * math.exp(low), shift * math.exp(high)))
    assert found[0] < mean < found[1]


def test_the_spread_is_pooled_over_configurations_with_several_seeds():
    spread = pool_spread([[100.0, 110.0], [400.0, 420.0, 470.0], [50.0]])
    logs = [[math.log(x) for x in each] for each in ([100, 110], [400, 420, 470])]
    variance = (statistics.variance(logs[0]) + 2 * statistics.variance(logs[1])) / 3
    assert spread.sd == pytest.approx(math.sqrt(variance))
    assert (spread.df, spread.count) == (3, 2)


@pytest.mark.parametrize("samples", [[], [[100.0], [90.0]], [[0.0, 0.0]]])
def test_without_repeats_there_is_no_spread(samples):
    assert pool_spread(samples) is None


def test_intervals_have_their_coverage():
    # 400 boards of two configurations with two seeds each; 95 % +- 2.5 standard errors of 1.1 %.
    noise = stats.norm(scale=0.08).rvs((400, 2, 2), random_state=0)
    held = 0
    for board in 300 * math.e**noise:
        low, high = pool_spread(board).compute_interval(statistics.fmean(board[0]), 2)
        held += low <= 300 <= high
    assert held / 400 == pytest.approx(0.95, abs=0.027)


def test_the_best_is_the_lowest_run_of_the_lowest_mean():
    scores = {1: 200.0, 2: 400.0, 3: 250.0, 4: 260.0}
    runs = [make_run(n, x, seed=n, optimizer__lr=n > 2) for n, x in scores.items()]
    assert list_ids(find_lowest(runs, lambda run: run.metrics["score/fcd"])) == [3, 4]
