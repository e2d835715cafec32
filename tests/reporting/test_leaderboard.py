from __future__ import annotations

import dataclasses
import itertools

import pytest
from logged_runs import IDENTITY, make_run

from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.reporting.leaderboard import Choice, find_varied, rank_runs
from dcgan_sweeps.runs.filters import read_filters


def read_ids(board):
    return [int(row.run.run_id, 16) for row in board.rows]


def test_complete_runs_come_by_score_then_the_pruned_then_the_others():
    runs = [
        make_run(1, 20.0, "pruned"),
        make_run(2, None, "failed"),
        make_run(3, 90.0),
        make_run(4, 30.0),
        make_run(5, 10.0, "diverged"),
    ]
    board = rank_runs(runs, Choice())
    assert read_ids(board) == [4, 3, 1, 5, 2]
    assert [row.rank for row in board.rows] == ["1", "2", "", "", ""]


def test_runs_within_the_noise_share_a_rank():
    board = rank_runs([make_run(1, 30.0), make_run(2, 31.0), make_run(3, 60.0)], Choice())
    assert [row.rank for row in board.rows] == ["1=", "1=", "3"]


def test_the_limit_keeps_the_best_and_says_so():
    board = rank_runs([make_run(1, 90.0), make_run(2, 30.0)], Choice(limit=1))
    assert read_ids(board) == [2]
    assert board.left_out == "only the best 1 are shown (--limit)"


def test_runs_that_do_not_meet_a_filter_are_not_ranked():
    runs = [make_run(1, 30.0, seed=1), make_run(2, 60.0, seed=2)]
    board = rank_runs(runs, Choice(filters=read_filters(["seed = 2"])))
    assert read_ids(board) == [2]
    assert board.rows[0].rank == "1"
    with pytest.raises(RequestError, match="none of these 2 runs meets these filters"):
        rank_runs(runs, Choice(filters=read_filters(["seed = 3"])))


def test_runs_of_one_config_hash_are_one_row_and_counted():
    twins = [make_run(number, 30.0 + number, config_hash="same") for number in (1, 2)]
    board = rank_runs([*twins, make_run(3, 50.0)], Choice())
    assert [(row.score, row.repeats, row.seeds) for row in board.rows] == [
        (31.5, 2, ""),
        (50.0, 1, ""),
    ]
    board = rank_runs([*twins, make_run(3, 50.0)], Choice(by_run=True))
    assert [row.repeats for row in board.rows] == [2, 2, 1]


def make_seeds(lr, scores, outcome="complete"):
    """Return a run for each score, with the seeds 1, 2 and so on."""
    first = round(1e6 * lr)
    return [
        make_run(first + seed, score, outcome, seed=seed, optimizer__lr=lr)
        for seed, score in enumerate(scores, 1)
    ]


def test_seeds_are_one_row_that_is_ranked_by_their_mean():
    lucky, steady = make_seeds(1e-3, [200.0, 300.0, 310.0]), make_seeds(2e-3, [250.0, 260.0, 261.0])
    board = rank_runs([*lucky, *steady], Choice())
    assert [row.score for row in board.rows] == [pytest.approx(257.0), pytest.approx(270.0)]
    best = board.rows[0]
    assert (best.run, best.seeds, best.count) == (steady[0], "3", 3)
    assert best.interval[0] < best.score < best.interval[1]
    assert [row.run for row in best.runs] == steady
    assert board.varied == ("optimizer.lr",)
    assert len(board.runs) == 6


def test_runs_that_are_not_complete_are_within_and_do_not_count():
    whole = make_seeds(1e-3, [200.0, 220.0])
    pruned = make_run(9, 100.0, "pruned", seed=3, optimizer__lr=1e-3)
    (row,) = rank_runs([pruned, *whole], Choice()).rows
    assert (row.score, row.seeds, row.rank) == (210.0, "2 of 3", "1")
    assert [each.run for each in row.runs] == [*whole, pruned]


def test_a_configuration_without_a_complete_run_has_no_rank_and_its_last_score():
    stopped = make_seeds(2e-3, [100.0, 90.0], "pruned")
    row = rank_runs([*make_seeds(1e-3, [200.0]), *stopped], Choice()).rows[1]
    assert (row.rank, row.score, row.seeds, row.interval) == ("", 90.0, "0 of 2", None)


def test_means_are_tied_by_the_spread_of_their_seeds():
    close = [make_seeds(1e-3, [300.0, 301, 302]), make_seeds(2e-3, [310.0, 311, 312])]
    board = rank_runs([*itertools.chain(*close)], Choice())
    assert [row.rank for row in board.rows] == ["1", "2"]  # 3 % apart, and the seeds 0.3 %
    wide = [make_seeds(1e-3, [260.0, 301, 342]), make_seeds(2e-3, [270.0, 311, 352])]
    board = rank_runs([*itertools.chain(*wide)], Choice())
    assert [row.rank for row in board.rows] == ["1=", "1="]
    assert "their seeds" in board.tie_rule
    assert "df 4, from 2 configurations" in board.notes[0]


def test_a_single_pair_of_seeds_does_not_decide_on_ties():
    lone = [make_run(n, fcd, seed=1, optimizer__lr=n) for n, fcd in ((1, 500.0), (2, 540.0))]
    board = rank_runs([*make_seeds(1e-3, [300.0, 301.0]), *lone], Choice())
    assert [row.rank for row in board.rows] == ["1", "2=", "2="]
    assert "21%" in board.tie_rule


def test_single_runs_are_ranked_with_a_note_on_the_noise_that_this_leaves():
    runs = [*make_seeds(1e-3, [300.0]), *make_seeds(2e-3, [500.0])]
    (note,) = rank_runs(runs, Choice()).notes
    assert note == "one seed of each configuration is ranked, and two seeds differ by about 21%"
    assert rank_runs(runs[:1], Choice()).notes == ()


def test_seeds_of_different_configurations_are_a_parameter():
    runs = [make_run(n, 30.0 * n, seed=n, optimizer__lr=n) for n in (1, 2)]
    assert rank_runs(runs, Choice()).varied == ("seed", "optimizer.lr")


def test_a_run_without_the_score_that_is_compared_is_left_out_and_counted():
    other = make_run(2, 10.0)
    other = dataclasses.replace(other, params={**other.params, "score.identity": "b" * 16})
    board = rank_runs([make_run(1, 30.0), other], Choice(identity=IDENTITY))
    assert read_ids(board) == [1]
    assert board.left_out == "1 runs without a score of this identity are left out"


def test_scores_that_were_added_later_are_named():
    run = make_run(1, 30.0, tags=[(f"score.identity.{'c' * 16}", "90 images")])
    run = dataclasses.replace(run, metrics={**run.metrics, f"score_{'c' * 16}/fcd": 40.0})
    board = rank_runs([run, make_run(2, 60.0)], Choice())
    assert board.identity == IDENTITY
    assert board.notes[-1].endswith(f"--identity {'c' * 16} (90 images)")


def test_the_parameters_that_vary_are_those_that_can_change_a_result():
    runs = [
        make_run(1, optimizer__lr="1e-3", tracking__dir="a", runner__threads="1", trial="0"),
        make_run(2, optimizer__lr="2e-3", tracking__dir="b", runner__threads="2", trial="1"),
    ]
    assert find_varied(runs) == ("optimizer.lr",)


def test_a_trial_is_named_by_its_study_and_a_stopped_one_counts_its_epochs():
    trial = make_run(1, 30.0, "pruned", tags={"study": "lr", "trial": "4"}.items())
    (row,) = rank_runs([trial], Choice()).rows
    assert (row.name, row.epochs) == ("lr 4", "3 of 6")
