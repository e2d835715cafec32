"""A leaderboard for the terminal, and for other programs: a table, JSON and CSV.

print(render_csv(board))
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from dcgan_sweeps.reporting.leaderboard import Board, Row
from dcgan_sweeps.terminal import as_cell, format_duration, shorten_keys, shorten_value

# Column, and what a row shows in it; a column in which no row has anything is left out.
COLUMNS: dict[str, Callable[[Row], str]] = {
    "rank": lambda row: row.rank,
    "run": lambda row: row.run.run_id[:8],
    "name": lambda row: row.name,
    "fcd": lambda row: _show(row.score, ".2f"),
    "+-": lambda row: _show(row.scores.get("fcd_error"), ".2f"),
    "share": lambda row: _show(row.scores.get("fcd_share"), ".1%"),
    "fcd_test": lambda row: _show(row.scores.get("fcd_test"), ".2f"),
    "epochs": lambda row: row.epochs,
    "time": lambda row: "" if row.run.wall_s is None else format_duration(row.run.wall_s),
    "repeats": lambda row: str(row.repeats) if row.repeats > 1 else "",
    "state": lambda row: "" if row.run.outcome == "complete" else row.run.outcome or "unended",
}
LEFT = ("rank", "run", "name")  # aligned so; all others to the right


def tabulate(board: Board) -> dict[str, list[str]]:
    """Return {column: a text for each row}, with the parameters that vary after the names."""
    cells = {name: [show(row) for row in board.rows] for name, show in COLUMNS.items()}
    for key, heading in shorten_keys(board.varied, taken=COLUMNS).items():
        cells[heading] = [shorten_value(row.run.params.get(key, "")) for row in board.rows]
    first = [name for name in LEFT if any(cells[name])]
    varied = list(shorten_keys(board.varied, taken=COLUMNS).values())
    rest = [name for name in COLUMNS if name not in LEFT and any(cells[name])]
    return {name: cells[name] for name in [*first, *varied, *rest]}


def as_record(row: Row) -> dict[str, Any]:
    """Return a row with every digit: what is known of the run, its scores, its parameters."""
    run, tags = row.run, row.run.tags
    return {
        "rank": row.rank,
        "run_id": run.run_id,
        "name": run.name,
        "study": tags.get("study", ""),
        "trial": tags.get("trial", ""),
        "outcome": run.outcome,
        "epochs": row.epochs,
        "wall_s": run.wall_s,
        "repeats": row.repeats,
        "scores": {name: x for name, x in row.scores.items() if math.isfinite(x)},
        "params": dict(run.params),
    }


def render_json(board: Board) -> str:
    """Return the board as one JSON object."""
    whole = {
        "identity": board.identity,
        "description": board.description,
        "left_out": board.left_out,
        "other_identities": dict(board.others),
        "varied": list(board.varied),
        "runs": [as_record(row) for row in board.rows],
    }
    return json.dumps(whole, indent=2, allow_nan=False) + "\n"


def render_csv(board: Board) -> str:
    """Return the board as CSV, a line for each run: "score/NAME" and the parameters are columns.

    Text that a spreadsheet would take for a formula has a ' before it.
    """
    records = [_flatten(as_record(row)) for row in board.rows]
    names = list(dict.fromkeys(name for record in records for name in record))
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(map(as_cell, names))
    for record in records:
        writer.writerow([as_cell(record.get(name, "")) for name in names])
    return file.getvalue()


def _flatten(record: Mapping[str, Any]) -> dict[str, Any]:
    scores = {f"score/{name}": value for name, value in record["scores"].items()}
    rest = {name: value for name, value in record.items() if name not in ("scores", "params")}
    return {**rest, **scores, **record["params"]}


def _show(value: float | None, digits: str) -> str:
    return "" if value is None else f"{value:{digits}}"
