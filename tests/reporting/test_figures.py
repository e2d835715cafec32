from __future__ import annotations

import json

import pytest
from logged_runs import make_run
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from dcgan_sweeps.reporting.figures import (
    build_lanes,
    make_axis,
    make_figures,
    make_history,
    make_pair,
    read_trials,
)
from dcgan_sweeps.reporting.leaderboard import Choice, rank_runs
from dcgan_sweeps.reporting.media import POINTS, Media, fit_media, thin
from dcgan_sweeps.reporting.optuna_study import as_trial, choose_distribution


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
    known = read_trials(make_board())
    trials = [as_trial(row, known.spaces, {1: 9.0}) for row in known.rows]
    assert [trial.value for trial in trials] == [30.0 + 10 * number for number in range(8)]
    assert [trial.state.name for trial in trials][3] == "PRUNED"
    assert trials[0].params["optimizer.lr"] == pytest.approx(1e-4)
    assert trials[0].intermediate_values == {1: 9.0}


@pytest.mark.parametrize(
    ("texts", "space"),
    [
        (["1e-4", "1e-2"], FloatDistribution(1e-4, 1e-2, log=True)),
        (["0.1", "0.3", None], FloatDistribution(0.1, 0.3)),
        (["0.01", "0.2", "0.3", "0.5"], FloatDistribution(0.01, 0.5)),  # evenly spread
        (["16", "256"], IntDistribution(16, 256, log=True)),
        (["-1", "2"], IntDistribution(-1, 2)),
        (["batch", "inference", "batch"], CategoricalDistribution(["batch", "inference"])),
        (["None", "0.5"], CategoricalDistribution(["0.5", "None"])),
        (["3", "3"], None),
    ],
)
def test_the_range_of_a_parameter_is_that_of_its_values(texts, space):
    assert choose_distribution(texts) == space


def test_importances_are_of_the_last_epoch_that_enough_runs_have_reached():
    board = make_board(16)  # four are pruned
    figures, params = make_figures(board, {})
    (panel,) = figures["importances"]["panels"]
    assert panel["x"]["label"] == "importance at epoch 6 (12 trials)"
    assert params == ["optimizer.lr", "model.dropout"]
    assert "importances" not in make_figures(make_board(8), {})[0]


def test_the_seeds_of_trials_are_no_parameter_beside_others():
    runs = [make_run(n, 30.0 + n, seed=str(1000 + n), a__b=str(n)) for n in range(3)]
    assert [*read_trials(rank_runs(runs, Choice())).spaces] == ["a.b"]
    runs = [make_run(n, 30.0 + n, seed=str(1000 + n)) for n in range(3)]
    assert [*read_trials(rank_runs(runs, Choice(by_run=True))).spaces] == ["seed"]


def test_a_study_of_several_parameters_has_every_figure():
    board = make_board(14)
    all_media = {
        row.run.run_id: Media(row.run, {"score/fcd": {1: 90.0, 2: row.score}}, {})
        for row in board.rows
    }
    figures, params = make_figures(board, all_media)
    assert [*figures] == [
        "history",
        "epochs",
        "importances",
        "parallel",
        "slices",
        "pair",
        "timeline",
    ]
    assert params == ["optimizer.lr", "model.dropout"]
    json.dumps(figures, allow_nan=False)


def test_two_parameters_are_not_shown_together_by_less_than_eight_complete_trials():
    keys = ("optimizer.lr", "model.dropout")
    assert make_pair(read_trials(make_board(9)), keys) is None  # two of them are pruned
    assert make_pair(read_trials(make_board(11)), keys) is not None


def test_a_learning_rate_has_a_logarithmic_axis_and_other_parameters_their_own():
    near = FloatDistribution(2e-4, 4e-4)
    assert make_axis("optimizer.lr", near)["scale"] == "log"
    assert make_axis("model.dropout", FloatDistribution(0.1, 0.5))["scale"] == "linear"
    assert make_axis("model.name", CategoricalDistribution(["b", "a"]))["values"] == ["b", "a"]


def test_the_history_has_the_numbers_of_the_trials_and_the_best_score_so_far():
    scores = {5: 60.0, 2: 80.0, 7: 40.0, 4: 50.0}
    runs = [
        make_run(n, fcd, start_ms=n, tags={"study": "s", "trial": str(n)}.items(), a__b=str(n))
        for n, fcd in scores.items()
    ]
    panel = make_history(read_trials(rank_runs(runs, Choice())))["panels"][0]
    line, *dots = panel["marks"]
    assert [*zip(line["x"], line["y"], strict=True)] == [
        *[(2, 80.0), (4, 80.0), (4, 50.0)],
        *[(5, 50.0), (7, 50.0), (7, 40.0)],
    ]
    assert {dot["x"][0]: dot["y"][0] for dot in dots} == scores
    assert (panel["x"]["label"], panel["x"]["scale"]) == ("trial", "whole")
    assert dots[-1]["style"] == "complete best"  # drawn over the others
    assert dots[-1]["x"] == [7]


def test_every_complete_trial_is_a_line_also_where_a_parameter_is_missing():
    slopes = [{}, {"c__d": "0.1"}, {"c__d": "0.2"}]
    runs = [
        make_run(n, 30.0 + n, a__b=str(n), b__c=str(n * n), **slope)
        for n, slope in enumerate(slopes)
    ]
    figures, _ = make_figures(rank_runs(runs, Choice()), {})
    parallel = figures["parallel"]
    assert [axis["label"] for axis in parallel["axes"]] == ["fcd", "a.b", "b.c"]
    assert [line["best"] for line in parallel["lines"]] == [False, False, True]


def test_pictures_of_a_page_are_those_of_the_best_runs_within_a_limit():
    grids = dict.fromkeys(range(5), b"x" * 10)
    media = {name: Media(make_run(n), {}, grids, b"g" * 20) for n, name in enumerate("abc")}
    fitted = fit_media(media, 92)
    assert [each.gif is not None for each in fitted.values()] == [True, False, False]
    assert [[*each.grids] for each in fitted.values()] == [[*range(5)], [4], [4]]


def test_one_run_alone_has_its_curve_and_its_time():
    board = make_board(1)
    all_media = {board.rows[0].run.run_id: Media(board.rows[0].run, {"score/fcd": {1: 9.0}}, {})}
    figures, _ = make_figures(board, all_media)
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
