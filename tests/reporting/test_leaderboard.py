from __future__ import annotations

import dataclasses

import pytest
from logged_runs import IDENTITY, make_run

from dcgan_sweeps.config import RequestError
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


def test_runs_of_one_config_hash_are_counted():
    twins = [make_run(number, 30.0 + number, config_hash="same") for number in (1, 2)]
    board = rank_runs([*twins, make_run(3, 50.0)], Choice())
    assert [row.repeats for row in board.rows] == [2, 2, 1]


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
    (note,) = board.notes
    assert note.endswith(f"--identity {'c' * 16} (90 images)")


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
