from __future__ import annotations

import csv
import io
import json

from logged_runs import IDENTITY, make_run

from dcgan_sweeps.reporting.export import make_columns, make_legend, render_csv, render_json
from dcgan_sweeps.reporting.leaderboard import Choice, mark_inactive, rank_runs
from dcgan_sweeps.terminal import shorten_keys

RUNS = [
    make_run(1, 30.123456789, optimizer__lr="0.00012345678", optimizer__lr_discriminator="None"),
    make_run(2, 90.0, optimizer__lr="0.01", optimizer__lr_discriminator="0.02"),
]
BOARD = rank_runs(RUNS, Choice())


def test_the_table_has_what_varies_and_no_empty_column():
    columns = make_columns(BOARD)
    assert columns["lr"] == ["0.0001235", "0.01"]
    assert columns["fcd"] == ["30.12", "90.00"]
    assert "share" not in columns
    assert "state" not in columns


def test_the_score_is_beside_the_rank_and_the_parameters_follow():
    assert [*make_columns(BOARD)][:4] == ["rank", "fcd", "lr", "lr_discriminator"]


def test_a_heading_is_the_whole_key_where_another_parameter_ends_alike():
    runs = [make_run(n, 30.0, data__count=n, score__count=5) for n in (1, 2)]
    assert "data.count" in make_columns(rank_runs(runs, Choice()))


def test_a_parameter_is_not_shown_where_its_condition_does_not_hold():
    tags = {"study": "s", "trial": "0"}.items()
    runs = [
        make_run(n, 30.0, tags=tags, model__generator_activation=act, model__leaky_slope=slope)
        for n, (act, slope) in enumerate([("selu", "0.2"), ("leaky_relu", "0.1")])
    ]
    condition = {"model.leaky_slope": "model.generator_activation=leaky_relu,relu"}
    board = mark_inactive(rank_runs(runs, Choice()), {"s": condition})
    assert make_columns(board)["leaky_slope"] == ["", "0.1"]


def test_the_legend_explains_the_columns_that_are_shown():
    assert make_legend(["rank", "fcd", "+-"]).startswith("+-: standard error of fcd")
    assert make_legend(["rank", "fcd"]) == ""


def test_keys_that_end_alike_keep_their_groups():
    keys = ("optimizer.lr", "other.lr", "model.dropout", "study.name")
    names = shorten_keys(keys, taken=["name"])
    assert [*names.values()] == ["optimizer.lr", "other.lr", "dropout", "study.name"]


def test_json_keeps_every_digit():
    whole = json.loads(render_json(BOARD))
    assert whole["identity"] == IDENTITY
    first = whole["configurations"][0]
    assert first["scores"]["fcd"] == 30.123456789
    assert first["params"]["optimizer.lr"] == "0.00012345678"
    assert first["wall_s"] == 5.0


def test_a_configuration_is_one_record_with_its_mean_and_its_runs():
    runs = [make_run(n, 30.0 + n, seed=n, optimizer__lr="1e-3") for n in (1, 2, 3)]
    board = rank_runs([*runs, make_run(9, 90.0, seed=1, optimizer__lr="2e-3")], Choice())
    first, other = json.loads(render_json(board))["configurations"]
    assert (first["mean"], first["seeds"], first["run_id"]) == (32.0, 3, runs[0].run_id)
    assert first["low"] < 32.0 < first["high"]
    assert first["run_ids"] == [run.run_id for run in runs]
    assert "seed" not in first["params"]
    assert (other["mean"], other["seeds"], other["low"]) == (90.0, 1, None)
    rows = list(csv.DictReader(io.StringIO(render_csv(board))))
    assert [row["run_ids"].split() for row in rows] == [first["run_ids"], other["run_ids"]]


def test_by_run_a_record_is_one_run():
    runs = [make_run(n, 30.0 + n, seed=n) for n in (1, 2)]
    whole = json.loads(render_json(rank_runs(runs, Choice(by_run=True))))
    assert [each["scores"]["fcd"] for each in whole["runs"]] == [31.0, 32.0]
    assert "mean" not in whole["runs"][0]


def test_the_table_has_the_seeds_where_there_are_several_only():
    runs = [make_run(n, 30.0 + n, seed=n) for n in (1, 2)]
    columns = make_columns(rank_runs(runs, Choice()))
    assert [*columns][:4] == ["rank", "fcd", "interval", "seeds"]
    assert (columns["fcd"], columns["seeds"]) == (["31.50"], ["2"])
    assert "interval" not in make_columns(BOARD)
    assert "seeds" not in make_columns(BOARD)


def test_csv_has_a_column_for_each_score_and_parameter():
    rows = list(csv.DictReader(io.StringIO(render_csv(BOARD))))
    assert [row["score/fcd"] for row in rows] == ["30.123456789", "90.0"]
    assert [row["optimizer.lr_discriminator"] for row in rows] == ["None", "0.02"]
