from __future__ import annotations

import json

import pytest
from logged_runs import make_run
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from dcgan_sweeps.reporting.figures import build_lanes, draw_figures
from dcgan_sweeps.reporting.leaderboard import Choice, rank_runs
from dcgan_sweeps.reporting.media import POINTS, Media, thin
from dcgan_sweeps.reporting.optuna_study import as_study, choose_distribution, compute_importances


def make_board(count=8):
    runs = [
        make_run(
            number,
            30.0 + 10 * number,
            "pruned" if number % 4 == 3 else "complete",
            start_ms=10_000 * number,
            optimizer__lr=str(10 ** (-4 + number / 4)),
            model__dropout=str(0.1 * (number % 3)),
        )
        for number in range(count)
    ]
    return rank_runs(runs, Choice())


def test_runs_become_trials_in_the_order_they_started():
    study = as_study(make_board().rows, ("optimizer.lr", "model.dropout"))
    assert [trial.value for trial in study.trials] == [30.0 + 10 * number for number in range(8)]
    assert [trial.state.name for trial in study.trials][3] == "PRUNED"
    assert study.best_trial.params["optimizer.lr"] == pytest.approx(1e-4)


@pytest.mark.parametrize(
    ("texts", "space"),
    [
        (["1e-4", "1e-2"], FloatDistribution(1e-4, 1e-2, log=True)),
        (["0.1", "0.3", None], FloatDistribution(0.1, 0.3)),
        (["16", "256"], IntDistribution(16, 256, log=True)),
        (["-1", "2"], IntDistribution(-1, 2)),
        (["batch", "inference", "batch"], CategoricalDistribution(["batch", "inference"])),
        (["None", "0.5"], CategoricalDistribution(["0.5", "None"])),
        (["3", "3"], None),
    ],
)
def test_the_range_of_a_parameter_is_that_of_its_values(texts, space):
    assert choose_distribution(texts) == space


def test_what_decides_the_score_comes_first():
    study = as_study(make_board(16).rows, ("model.dropout", "optimizer.lr"))
    importances = compute_importances(study, seed=0)
    assert next(iter(importances)) == "optimizer.lr"
    assert sum(importances.values()) == pytest.approx(1)


def test_a_study_of_several_parameters_has_every_figure():
    board = make_board()
    all_media = {
        row.run.run_id: Media(row.run, {"score/fcd": {1: 90.0, 2: row.score}}, {})
        for row in board.rows
    }
    figures, params = draw_figures(board, all_media)
    assert [*figures] == [
        "history",
        "epochs",
        "importances",
        "parallel",
        "slices",
        "contour",
        "timeline",
    ]
    assert params == ["optimizer.lr", "model.dropout"]
    json.dumps(figures, allow_nan=False)


def test_one_run_alone_has_its_curve_and_its_time():
    board = make_board(1)
    all_media = {board.rows[0].run.run_id: Media(board.rows[0].run, {"score/fcd": {1: 9.0}}, {})}
    figures, _ = draw_figures(board, all_media)
    assert [*figures] == ["epochs", "timeline"]


def test_runs_of_a_slot_are_in_its_lane_with_its_idle_time():
    tags = {"slot": "here, slot 0: 1 thread"}.items()
    runs = [make_run(1, tags=tags), make_run(2, tags=tags, start_ms=15_000)]
    (lane,) = build_lanes(runs)
    assert lane.name == "here, slot 0: 1 thread"
    assert lane.busy == pytest.approx(0.5)  # twice 5 s, 10 s between


def test_runs_without_a_slot_take_as_many_lanes_as_ran_at_once():
    runs = [make_run(number, start_ms=start) for number, start in enumerate([0, 1000, 6000, 7000])]
    lanes = build_lanes(runs)
    assert [[int(run.run_id, 16) for run in lane.runs] for lane in lanes] == [[0, 2], [1, 3]]


def test_a_long_curve_is_thinned_and_keeps_its_ends():
    thinned = thin({step: float(step) for step in range(1000)})
    assert len(thinned) <= POINTS + 1
    assert {0, 999} <= thinned.keys()
    assert thin({1: 2.0}) == {1: 2.0}
