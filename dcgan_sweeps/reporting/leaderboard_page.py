"""The page of a leaderboard: every run with its pictures, figures, and the atlas.

page = render_board("study lr", board, read_all_media(client, board))
"""

from __future__ import annotations

import math
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from dcgan_sweeps.metrics import METRICS, SCORE
from dcgan_sweeps.reporting.export import COLUMNS, LEFT, make_columns
from dcgan_sweeps.reporting.figures import draw_figures
from dcgan_sweeps.reporting.leaderboard import Board, Row, find_differing
from dcgan_sweeps.reporting.media import Media, describe_media, read_media
from dcgan_sweeps.reporting.page import render_page
from dcgan_sweeps.runs.filters import as_number
from dcgan_sweeps.terminal import format_duration, shorten_keys, track
from dcgan_sweeps.tracking.store import Client

REPRODUCE = ("python", "-m", "dcgan_sweeps.reproduce")
GIFS = 10  # runs with their GIF, the best: it is larger than all else of a run
MOST_MEDIA = 100  # runs with curves and pictures, the best: each adds some 100 KB to the page


def read_all_media(client: Client, board: Board) -> dict[str, Media]:
    """Return {run id: what there is to see of it} of the best runs."""
    best = track(board.rows[:MOST_MEDIA], "runs with curves and pictures read")
    return {
        row.run.run_id: read_media(client, row.run, with_gif=index < GIFS)
        for index, row in enumerate(best)
    }


def render_board(
    title: str, board: Board, all_media: Mapping[str, Media], place: Sequence[str] = ()
) -> str:
    """Return the page of a board; `place` are the words that lead a command to its runs."""
    figures, params = draw_figures(board, all_media)
    keys = find_differing([row.run for row in board.rows])
    differing = [*dict.fromkeys([*board.varied, *keys])]  # first what can change a result
    columns = make_columns(board)
    first = board.rows[0].run.params if board.rows else {}
    content = {
        "columns": list(columns),
        "left": [*LEFT, "state"],
        "rows": [
            describe_row(row, dict(zip(columns, cells, strict=True)), differing)
            | {"command": shlex.join([*REPRODUCE, row.run.run_id, *place])}
            for row, cells in zip(board.rows, zip(*columns.values(), strict=True), strict=True)
        ],
        "common": {key: value for key, value in first.items() if key not in differing},
        "params": params,
        "keys": [*differing, "outcome", SCORE, "wall_s"],
        "media": {run_id: describe_media(each) for run_id, each in all_media.items()},
        "figures": figures,
    }
    summary = summarize(board, len(all_media))
    tied = any(row.rank.endswith("=") for row in board.rows)
    return render_page("report", title, content, figures=figures, summary=summary, tied=tied)


def describe_row(row: Row, cells: Mapping[str, str], differing: list[str]) -> dict[str, Any]:
    """Return a row as the page's script takes it."""
    run = row.run
    known = {"outcome": run.outcome, SCORE: row.score, "wall_s": run.wall_s}
    facts = {**run.tags, "name": run.name, "run_id": run.run_id, **known, **run.metrics}
    keys = {heading: key for key, heading in shorten_keys(differing, taken=COLUMNS).items()}
    sort = {name: as_sort_key(run.params.get(keys.get(name, ""), x)) for name, x in cells.items()}
    exact = {"run": run.run_id, "name": row.name, "fcd": row.score, "time": run.wall_s}
    return {
        "id": run.run_id,
        "name": row.name,
        "rank": row.rank,
        "outcome": run.outcome,
        "cells": cells,
        "sort": {**sort, **exact},
        "params": {key: run.params[key] for key in differing if key in run.params},
        "facts": {key: value for key, value in facts.items() if is_shown(value)},
        "summary": describe_run(row),
    }


def is_shown(value: float | str | None) -> bool:
    """Return whether a value is there, and can be written as JSON: no NaN, nothing infinite."""
    return value is not None and not (isinstance(value, float) and not math.isfinite(value))


def as_sort_key(text: str) -> float | str | None:
    """Return what a cell is sorted by: "1=" and "3 of 6" by their numbers."""
    if not text:
        return None
    number = as_number(text.rstrip("=%").split(" of ")[0])
    return text if number is None else number


def describe_run(row: Row) -> str:
    """Return the state of a run, its score and its time, in a line."""
    metric, error = METRICS[SCORE], row.scores.get("fcd_error")
    spread = "" if error is None else f" ± {error:.2f} (standard error, for the latents)"
    parts = [
        row.run.outcome or "not ended",
        f"rank {row.rank}" if row.rank else "",
        "" if row.score is None else f"{metric.short} {metric.show(row.score)}{spread}",
        f"{row.epochs} epochs" if row.epochs else "",
        "" if row.run.wall_s is None else format_duration(row.run.wall_s),
        row.run.tags.get("outcome.reason", ""),
    ]
    return " · ".join(filter(None, parts))


def summarize(board: Board, pictured: int) -> str:
    """Return what is on the board, in words."""
    outcomes = Counter(row.run.outcome or "not ended" for row in board.rows)
    counts = ", ".join(f"{number} {name}" for name, number in outcomes.items())
    parts = [f"{len(board.rows)} runs: {counts}", board.score_identity, *board.notes]
    if pictured < len(board.rows):
        parts.append(f"curves and samples are here of the first {pictured}")
    return "; ".join(parts) + "."
