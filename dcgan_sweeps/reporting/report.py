"""The page of a leaderboard: every run with its pictures, figures, and the atlas.

page = render_report("study lr", board, read_all_media(client, board, say))
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dcgan_sweeps.reporting.export import COLUMNS, tabulate
from dcgan_sweeps.reporting.figures import draw_figures
from dcgan_sweeps.reporting.leaderboard import Board, Row
from dcgan_sweeps.reporting.media import Media, read_media
from dcgan_sweeps.reporting.page import as_image, render_page
from dcgan_sweeps.runs.filters import as_number
from dcgan_sweeps.terminal import format_duration, shorten_keys
from dcgan_sweeps.tracking.store import Client

REPRODUCE = ("python", "-m", "dcgan_sweeps.reproduce")
GIFS = 10  # runs with their GIF, the best: it is larger than all else of a run
MOST_MEDIA = 100  # runs with curves and pictures, the best: each adds some 100 KB to the page


def read_all_media(client: Client, board: Board, say: Callable[[int], None]) -> dict[str, Media]:
    """Return {run id: what there is to see of it} of the best runs; `say` gets how many are
    read."""
    all_media: dict[str, Media] = {}
    for index, row in enumerate(board.rows[:MOST_MEDIA]):
        all_media[row.run.run_id] = read_media(client, row.run, with_gif=index < GIFS)
        say(len(all_media))
    return all_media


def render_report(
    title: str, board: Board, all_media: Mapping[str, Media], place: Sequence[str] = ()
) -> str:
    """Return the page of a board; `place` are the words that lead a command to its runs."""
    figures, params = draw_figures(board, all_media)
    differing = find_differing(board)
    cells = tabulate(board)
    first = board.rows[0].run.params if board.rows else {}
    content = {
        "columns": list(cells),
        "rows": [
            describe_row(row, {name: column[index] for name, column in cells.items()}, differing)
            | {"command": shlex.join([*REPRODUCE, row.run.run_id, *place])}
            for index, row in enumerate(board.rows)
        ],
        "common": {key: value for key, value in first.items() if key not in differing},
        "params": params,
        "keys": [*differing, "outcome", "score/fcd", "wall_s"],
        "media": {run_id: describe_media(media) for run_id, media in all_media.items()},
        "figures": {figure.name: figure.spec for figure in figures},
    }
    return render_page(
        "report",
        title,
        content,
        figures=figures,
        summary=summarise(board, len(all_media)),
        tied=any(row.rank.endswith("=") for row in board.rows),
    )


def find_differing(board: Board) -> list[str]:
    """Return every key in which two configurations differ: first what can change a result."""
    params = [row.run.params for row in board.rows]
    known = dict.fromkeys(key for each in params for key in each)
    differing = [key for key in known if len({each.get(key) for each in params}) > 1]
    return [*board.varied, *(key for key in differing if key not in board.varied)]


def describe_row(row: Row, cells: Mapping[str, str], differing: list[str]) -> dict[str, Any]:
    """Return a row as the page's script takes it."""
    run = row.run
    headings = {heading: key for key, heading in shorten_keys(differing, taken=COLUMNS).items()}
    sort = {
        name: _as_key(run.params.get(headings.get(name, ""), text)) for name, text in cells.items()
    }
    sort |= {"run": run.run_id, "name": row.name, "fcd": row.score, "time": run.wall_s}
    facts = {
        **run.tags,
        "name": run.name,
        "outcome": run.outcome,
        "run_id": run.run_id,
        "score/fcd": row.score,
        "wall_s": run.wall_s,
        **run.metrics,
    }
    return {
        "id": run.run_id,
        "name": row.name,
        "rank": row.rank,
        "outcome": run.outcome,
        "cells": cells,
        "sort": sort,
        "params": {key: run.params[key] for key in differing if key in run.params},
        "facts": {key: value for key, value in facts.items() if is_shown(value)},
        "summary": describe_run(row),
    }


def is_shown(value: float | str | None) -> bool:
    """Return whether a value is there, and can be written as JSON: no NaN, nothing infinite."""
    return value is not None and not (isinstance(value, float) and not math.isfinite(value))


def _as_key(text: str) -> float | str | None:
    """Return what a cell is sorted by: "1=" and "3 of 6" by their numbers."""
    if not text:
        return None
    number = as_number(text.rstrip("=%").split(" of ")[0])
    return text if number is None else number


def describe_run(row: Row) -> str:
    """Return the state of a run, its score and its time, in a line."""
    error = row.scores.get("fcd_error")
    spread = "" if error is None else f" ± {error:.2f} (standard error, for the latents)"
    parts = [
        row.run.outcome or "not ended",
        f"rank {row.rank}" if row.rank else "",
        "" if row.score is None else f"fcd {row.score:.2f}{spread}",
        f"{row.epochs} epochs" if row.epochs else "",
        "" if row.run.wall_s is None else format_duration(row.run.wall_s),
        row.run.tags.get("outcome.reason", ""),
    ]
    return " · ".join(filter(None, parts))


def describe_media(media: Media) -> dict[str, Any]:
    """Return curves and grids as the page's script takes them."""
    curves = {
        name: {step: float(f"{value:.5g}") for step, value in points.items()}
        for name, points in media.curves.items()
    }
    return {
        "curves": curves,
        "grids": {epoch: as_image(file) for epoch, file in media.grids.items()},
        "gif": as_image(media.gif, "gif") if media.gif else None,
    }


def summarise(board: Board, pictured: int) -> str:
    """Return what is on the board, in words."""
    outcomes = [row.run.outcome or "not ended" for row in board.rows]
    counts = ", ".join(f"{outcomes.count(name)} {name}" for name in dict.fromkeys(outcomes))
    words = f" ({board.description})" if board.description else ""
    parts = [f"{len(board.rows)} runs: {counts}", f"score identity {board.identity}{words}"]
    parts += board.notes
    if pictured < len(board.rows):
        parts.append(f"curves and samples are here of the first {pictured}")
    return "; ".join(parts) + "."
