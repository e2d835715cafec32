"""A study's trials as a leaderboard."""

from __future__ import annotations

import csv
import io
import itertools

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from dcgan_sweeps.reporting.export import render_csv, render_markdown
from dcgan_sweeps.sweep.ranking import rank_trials
from dcgan_sweeps.sweep.result import IDENTITY

ONE, OTHER = ("a" * 16, "200 images"), ("b" * 16, "100 images")


@pytest.fixture
def make_trials():
    """Return a function that makes the trials of a study from (outcome, scores, identity)."""
    states = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED}

    def make(*rows):
        study = optuna.create_study()
        for number, (outcome, scores, identity) in enumerate(rows):
            state = states.get(outcome, TrialState.FAIL)
            attributes = {"outcome": outcome, "varied": [f"optimizer.lr={number}e-4"]}
            attributes |= {IDENTITY: identity} if identity else {}
            study.add_trial(
                create_trial(
                    state=state,
                    value=scores[-1] if outcome == "complete" else None,
                    intermediate_values=dict(enumerate(scores, 1)),
                    user_attrs=attributes,
                )
            )
        return study.get_trials()

    return make


def test_complete_trials_come_by_score_then_pruned_ones_then_the_others(make_trials):
    trials = make_trials(
        ("failed", [], None),
        ("pruned", [20.0], ONE),
        ("complete", [90.0, 60.0], ONE),
        ("complete", [90.0, 30.0], ONE),
    )
    board = rank_trials(trials, "lr", {})
    assert [row.name for row in board.rows] == ["lr 3", "lr 2", "lr 1", "lr 0"]
    assert [row.rank for row in board.rows] == ["1", "2", "", ""]
    assert [row.epochs for row in board.rows] == ["2", "2", "1", ""]


def test_trials_of_two_scores_stay_in_their_order_without_ranks(make_trials):
    board = rank_trials(
        make_trials(("complete", [60.0], ONE), ("complete", [30.0], OTHER)), "lr", {}
    )
    assert [row.name for row in board.rows] == ["lr 0", "lr 1"]
    assert not board.has_ranks
    assert board.others == dict([ONE, OTHER])


def test_what_varies_has_a_column_in_csv_and_markdown(make_trials):
    board = rank_trials(make_trials(("complete", [60.0], ONE), ("failed", [], None)), "lr", {})
    rows = list(csv.DictReader(io.StringIO(render_csv(board))))
    assert [row["optimizer.lr"] for row in rows] == ["0e-4", "1e-4"]
    assert [row["score/fcd"] for row in rows] == ["60.0", ""]
    heading, rule, first, last = render_markdown(board).splitlines()
    assert heading.startswith("| rank | fcd | lr | name |")
    assert rule.count("---") == heading.count("|") - 1
    assert first.startswith("| 1 | 60.00 | 0 | lr 0 | 1 |")
    assert last.endswith("| failed |")


def test_trials_that_differ_in_the_seed_are_one_row_and_the_best_trial_is_of_the_best_mean(
    make_trials,
):
    scores = ([200.0], [400.0], [250.0], [270.0])
    trials = make_trials(*(("complete", each, ONE) for each in scores))
    for trial, varied in zip(trials, itertools.product("ab", "12"), strict=True):
        trial.user_attrs["varied"] = [f"optimizer.lr={varied[0]}", f"seed={varied[1]}"]
    board = rank_trials(trials, "s", {})
    assert [(row.name, row.score, row.seeds) for row in board.rows] == [
        ("s 2", 260.0, "2"),
        ("s 0", 300.0, "2"),
    ]
    assert board.varied == ("optimizer.lr",)
    by_run = rank_trials(trials, "s", {}, by_run=True)
    assert [row.name for row in by_run.rows] == ["s 0", "s 2", "s 3", "s 1"]


def test_a_score_that_is_not_finite_is_not_ranked(make_trials):
    trials = make_trials(("complete", [float("inf")], ONE), ("complete", [30.0], ONE))
    board = rank_trials(trials, "lr", {})
    assert [(row.name, row.rank) for row in board.rows] == [("lr 1", "1"), ("lr 0", "")]
