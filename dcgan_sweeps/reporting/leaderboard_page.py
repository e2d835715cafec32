"""Renders the page of a leaderboard: configurations, their runs, figures, and the atlas.

page = render_board("study lr", board, read_all_media(client, board))
"""

from __future__ import annotations

import math
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dcgan_sweeps.metrics import METRICS, SCORE
from dcgan_sweeps.reporting.confirmation import Confirmation, make_confirmation
from dcgan_sweeps.reporting.export import (
    LEFT,
    make_columns,
    make_legend,
    name_params,
    show_interval,
)
from dcgan_sweeps.reporting.figures import (
    SCORE_AXIS,
    make_axis,
    make_figures,
    name_outcome,
    read_trials,
)
from dcgan_sweeps.reporting.leaderboard import Board, Row, find_differing
from dcgan_sweeps.reporting.media import Media, describe_media, fit_media, read_media
from dcgan_sweeps.reporting.page import render_page
from dcgan_sweeps.runs.filters import as_number, find_short_names, list_headings
from dcgan_sweeps.terminal import format_duration, track
from dcgan_sweeps.tracking.store import Client

REPRODUCE = ("python", "-m", "dcgan_sweeps.reproduce")
GIFS = 1  # best runs with their GIF, which is larger than all other media of a run
MOST_MEDIA = 60  # best runs with curves and their last grid; each adds 15 to 30 KB to the page
MOST_BYTES = 550_000  # of pictures, unless the last grids alone have more; base64 adds a third


def read_all_media(client: Client, board: Board) -> dict[str, Media]:
    """Return {run id: media} of the best runs, first of those that stand for a configuration."""
    named = {row.run.run_id: row for row in board.rows}
    known = [*(named | {row.run.run_id: row for row in board.runs}).values()]
    best = track(known[:MOST_MEDIA], "runs with curves and samples read")
    found = {
        row.run.run_id: read_media(client, row.run, with_gif=index < GIFS)
        for index, row in enumerate(best)
    }
    return fit_media(found, MOST_BYTES)


def render_board(
    title: str,
    board: Board,
    all_media: Mapping[str, Media],
    place: Sequence[str] = (),
    confirmation: Confirmation | None = None,
) -> str:
    """Return the page of a board; `place` are the options that select its store in a command."""
    figures, params = make_figures(board, all_media)
    gains = None if confirmation is None else make_confirmation(confirmation)
    figures = figures if gains is None else {"confirmation": gains, **figures}
    trials = read_trials(board)
    runs = [row.run for row in board.runs]
    differing = [*dict.fromkeys([*board.varied, *find_differing(runs)])]  # decisive ones first
    seeds = [(each, row) for row in board.rows for each in row.runs]
    columns = make_columns(board, [*board.rows, *(each for each, _ in seeds)])
    lines = zip(*columns.values(), strict=True)
    cells = [dict(zip(columns, texts, strict=True)) for texts in lines]
    first = runs[0].params if runs else {}
    keys = {heading: key for key, heading in name_params(board).items()}
    headings = list_headings(runs, board.varied)
    scales = {key: make_axis(key, space) for key, space in trials.spaces.items()}

    def describe(row: Row, texts: Mapping[str, str]) -> dict[str, Any]:
        return describe_row(row, texts, differing, keys) | {
            "command": shlex.join([*REPRODUCE, row.run.run_id, *place]),
            "style": name_outcome(row.run) + " best" * (row.run.run_id == trials.best),
        }

    content = {
        "columns": list(columns),
        "left": [*LEFT, "state"],
        "rows": [
            describe(row, texts)
            | {"seeds": [each.run.run_id for each in row.runs]}
            | {"title": describe_mark(row)}
            for row, texts in zip(board.rows, cells, strict=False)
        ],
        "seeds": [
            describe(each, texts)
            | {"title": f"{describe_mark(each)}; {describe_seed(row, board.varied)}"}
            | {"summary": f"{describe_run(each)} · {describe_seed(row, board.varied)}"}
            for (each, row), texts in zip(seeds, cells[len(board.rows) :], strict=True)
        ],
        "common": {key: value for key, value in first.items() if key not in differing},
        "params": params,
        "score": METRICS[SCORE].short,
        "scales": {**scales, METRICS[SCORE].short: SCORE_AXIS},
        "keys": [*headings, *differing],
        "headings": headings,
        "names": find_short_names(runs),
        "media": {run_id: describe_media(each) for run_id, each in all_media.items()},
        "figures": figures,
    }
    return render_page(
        "report",
        title,
        content,
        figures=figures,
        summary=summarize(board, len(all_media)),
        legend=describe_columns(board, columns),
        columns=len(columns),
        has_seeds=bool(seeds),
    )


def describe_columns(board: Board, columns: Iterable[str]) -> str:
    """Return a line on the columns and on ties."""
    return "; ".join(filter(None, [board.tie_rule, make_legend(columns)]))


def describe_row(
    row: Row, cells: Mapping[str, str], differing: Sequence[str], keys: Mapping[str, str]
) -> dict[str, Any]:
    """Return a row as the script of the page reads it; `keys` is {heading: parameter}."""
    run = row.run
    known = {"outcome": run.outcome, SCORE: row.score, "wall_s": run.wall_s}
    facts = {**run.tags, "name": run.name, "run_id": run.run_id, **known, **run.metrics}
    sort = {name: as_sort_key(row.params.get(keys.get(name, ""), x)) for name, x in cells.items()}
    exact = {"run": run.run_id, "name": row.name, "fcd": row.score, "time": run.wall_s}
    exact |= {"interval": row.interval[0]} if row.interval and is_shown(row.interval[0]) else {}
    return {
        "id": run.run_id,
        "name": row.name,
        "rank": row.rank,
        "outcome": run.outcome,
        "score": row.score,
        "cells": cells,
        "sort": {**sort, **exact},
        "params": {key: row.params[key] for key in differing if key in row.params},
        "facts": {key: value for key, value in facts.items() if is_shown(value)},
        "summary": describe_run(row),
    }


def describe_mark(row: Row) -> str:
    """Return the name, score, outcome and time of a run, for its marks in the figures."""
    parts = [
        row.name,
        "" if row.score is None else f"{METRICS[SCORE].short} {METRICS[SCORE].show(row.score)}",
        row.run.outcome or "unfinished",
        "" if row.run.wall_s is None else format_duration(row.run.wall_s),
    ]
    return ", ".join(filter(None, parts))


def describe_seed(row: Row, varied: Sequence[str]) -> str:
    """Return the configuration of a run as one line: its parameters that vary, and its mean."""
    names = [f"{key.rpartition('.')[2]}={row.params[key]}" for key in varied if key in row.params]
    metric, interval = METRICS[SCORE], show_interval(row.interval)
    score = "" if row.score is None else metric.show(row.score)
    mean = f"mean {metric.short} {score} {interval}" if interval else ""
    about = ", ".join(filter(None, [*names, mean]))
    return f"one of {len(row.runs)} runs of a configuration{': ' if about else ''}{about}"


def is_shown(value: float | str | None) -> bool:
    """Return whether a value exists and can be written as JSON, unlike NaN and infinity."""
    return value is not None and not (isinstance(value, float) and not math.isfinite(value))


def as_sort_key(text: str) -> float | str | None:
    """Return the sort key of a cell; "1=" and "3 of 6" are sorted by their first number."""
    if not text:
        return None
    number = as_number(text.rstrip("=%").split(" of ")[0])
    return text if number is None else number


def describe_run(row: Row) -> str:
    """Return the outcome, score and time of a run as one line."""
    metric, error = METRICS[SCORE], row.scores.get("fcd_error")
    spread = "" if error is None else f" ± {error:.2f} (standard error from the latents)"
    parts = [
        row.run.outcome or "unfinished",
        f"rank {row.rank}" if row.rank else "",
        "" if row.score is None else f"{metric.short} {metric.show(row.score)}{spread}",
        f"{row.epochs} epochs" if row.epochs else "",
        "" if row.run.wall_s is None else format_duration(row.run.wall_s),
        row.run.tags.get("outcome.reason", ""),
    ]
    return " · ".join(filter(None, parts))


def summarize(board: Board, pictured: int) -> str:
    """Return a sentence on the runs of a board and their scores."""
    outcomes = Counter(row.run.outcome or "unfinished" for row in board.runs)
    counts = ", ".join(f"{number} {name}" for name, number in outcomes.items())
    size = len(board.rows)
    is_grouped = size < len(board.runs)
    groups = f"{size} configuration{'s' if size > 1 else ''}, " if is_grouped else ""
    runs = f"{groups}{len(board.runs)} runs: {counts}"
    parts = [runs, board.score_identity, *board.notes]
    if pictured < len(board.runs):
        parts.append(f"this page has curves and samples of the first {pictured}")
    return "; ".join(parts) + "."
