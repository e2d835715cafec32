"""Params, names and times as a foreign store may have them: every form of a report takes them."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re

import pytest
from logged_runs import make_run

from dcgan_sweeps.reporting.comparison import Side, compare
from dcgan_sweeps.reporting.export import make_columns, render_csv, render_json
from dcgan_sweeps.reporting.leaderboard import Choice, rank_runs
from dcgan_sweeps.reporting.leaderboard_page import render_board
from dcgan_sweeps.reporting.media import Media
from dcgan_sweeps.runs.filters import meets, read_filters

ODD = [
    "9" * 6000,
    "-" + "9" * 5000,
    "1e999",
    "-1e999",
    "1e308",
    "-1e308",
    "5e-324",
    "nan",
    "inf",
    "-inf",
    "Infinity",
    "1_000",
    "٣",
    "²",
    "--5",
    "+5",
    "",
    " ",
    "=1+1",
    "</script><b>",
    "a\x1b[2J\u202eb\n\tc",
    "\u2028",
    "{{ 7 * 7 }}",
    "x" * 6000,
    "null",
    "0x10",
    "1e",
    ".",
    "True",
]


@pytest.mark.parametrize("odd", ODD, ids=lambda text: ascii(text)[:20])
@pytest.mark.parametrize("other", ["0.5", "word"])
def test_every_form_takes_an_odd_param(odd, other):
    runs = [
        make_run(n, 30.0 + n, start_ms=n, a__odd=text, b__lr=str(n))
        for n, text in enumerate([odd, other, odd, other])
    ]
    board = rank_runs(runs, Choice())
    page = render_board("odd", board, {})
    assert not re.search("[\x1b\u202e\u2028]", page)
    assert len(json.loads(render_json(board))["configurations"]) == 4
    rows = list(csv.DictReader(io.StringIO(render_csv(board))))
    assert len(rows) == 4
    assert all(len(cells) == 4 for cells in make_columns(board).values())
    assert meets(runs[1], read_filters([f"a.odd = {other}"]))


@pytest.mark.parametrize("odd", ODD, ids=lambda text: ascii(text)[:20])
def test_an_odd_name_or_reason_is_shown(odd):
    run = dataclasses.replace(
        make_run(1, 30.0, tags={"outcome.reason": odd, "slot": odd}), name=odd
    )
    board = rank_runs([run, make_run(2, 40.0)], Choice())
    page = render_board(odd, board, {run.run_id: Media(run, {"score/fcd": {1: 2.0}}, {})})
    assert not re.search("[\x1b\u202e\u2028]", page)
    assert "</script><b>" not in page


@pytest.mark.parametrize(
    ("start_ms", "end_ms"), [(10_000, 4_000), (0, 0), (10, 10**18), (10**18, 10**18 + 5), (-5, 5)]
)
def test_a_clock_that_jumped_gives_no_negative_time(start_ms, end_ms):
    run = dataclasses.replace(make_run(1, 30.0), start_ms=start_ms, end_ms=end_ms)
    board = rank_runs([run, make_run(2, 40.0)], Choice())
    assert not any(text.startswith("-") for text in make_columns(board)["time"])
    render_board("clock", board, {})


@pytest.mark.parametrize(("one", "other"), [(-1.0, 1.0), (0.0, 0.0), (0.0, 1.0), (1e308, 1e308)])
def test_scores_of_any_sign_compare(one, other):
    sides = [Side(run, {}, Media(run, {}, {})) for run in (make_run(1, one), make_run(2, other))]
    assert compare(sides).verdict


@pytest.mark.parametrize("score", [0.0, 1e308, 1e-308, -1.0])
def test_a_report_takes_scores_of_any_size(score):
    runs = [make_run(n, each, a__b=str(n)) for n, each in enumerate([score, 30.0, 40.0, 50.0])]
    render_board("odd", rank_runs(runs, Choice()), {})


@pytest.mark.parametrize("score", [0.0, 1e308, 1e-308, -1.0])
def test_seeds_take_scores_of_any_size(score):
    scores = [score, score, 30.0, 1e308]
    runs = [make_run(n, each, seed=n, a__b=n // 2) for n, each in enumerate(scores)]
    board = rank_runs(runs, Choice())
    assert len(json.loads(render_json(board))["configurations"]) == 2
    render_board("odd", board, {})
