from __future__ import annotations

import csv
import io
import json

from logged_runs import IDENTITY, make_run

from dcgan_sweeps.reporting.export import make_columns, render_csv, render_json
from dcgan_sweeps.reporting.leaderboard import Choice, rank_runs
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


def test_keys_that_end_alike_keep_their_groups():
    keys = ("optimizer.lr", "other.lr", "model.dropout", "study.name")
    names = shorten_keys(keys, taken=["name"])
    assert [*names.values()] == ["optimizer.lr", "other.lr", "dropout", "study.name"]


def test_json_keeps_every_digit():
    whole = json.loads(render_json(BOARD))
    assert whole["identity"] == IDENTITY
    first = whole["runs"][0]
    assert first["scores"]["fcd"] == 30.123456789
    assert first["params"]["optimizer.lr"] == "0.00012345678"
    assert first["wall_s"] == 5.0


def test_csv_has_a_column_for_each_score_and_parameter():
    rows = list(csv.DictReader(io.StringIO(render_csv(BOARD))))
    assert [row["score/fcd"] for row in rows] == ["30.123456789", "90.0"]
    assert [row["optimizer.lr_discriminator"] for row in rows] == ["None", "0.02"]
