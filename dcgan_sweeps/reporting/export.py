"""Exports a leaderboard as a terminal table, Markdown, JSON, CSV or a DataFrame.

print_table(console, make_board_table(board))
print(render_csv(board))
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from rich.table import Table

from dcgan_sweeps.metrics import METRICS, OWN, SCORE, Metric
from dcgan_sweeps.reporting.leaderboard import Board, Row
from dcgan_sweeps.terminal import (
    as_cell,
    format_duration,
    make_table,
    shorten_keys,
    shorten_value,
)

if TYPE_CHECKING:
    import pandas as pd


def show_score(metric: Metric, row: Row) -> str:
    """Return a score of a row as text, "" if it has none."""
    return metric.show(row.scores[metric.score]) if metric.score in row.scores else ""


# {column: the text of a row}; a column that is empty in all rows is left out.
COLUMNS: dict[str, Callable[[Row], str]] = {
    "rank": lambda row: row.rank,
    "run": lambda row: row.run.run_id[:8],
    "name": lambda row: row.name,
    **{
        metric.short: partial(show_score, metric)
        for metric in METRICS.values()
        if metric.short and metric.name.startswith(OWN)
    },
    "epochs": lambda row: row.epochs,
    "time": lambda row: "" if row.run.wall_s is None else format_duration(row.run.wall_s),
    "repeats": lambda row: str(row.repeats) if row.repeats > 1 else "",
    "state": lambda row: "" if row.run.outcome == "complete" else row.run.outcome or "unfinished",
}
LEFT = ("rank", "run", "name")  # aligned to the left; all others to the right
FIRST, NAMES = ("rank", METRICS[SCORE].short), ("run", "name")  # before and after the parameters
LEGEND = {
    "+-": "standard error of fcd due to the choice of latents",
    "share": "fcd on a scale from real images (0%) to noise (100%)",
    "repeats": "runs of the same configuration",
    "time": "from start to end of the run",
}


def name_params(board: Board) -> dict[str, str]:
    """Return {parameter that varies: its heading}, the last part of it where that is unique."""
    others = {key for row in board.rows for key in row.run.params} - {*board.varied}
    leaves = (key.rpartition(".")[2] for key in others)
    return shorten_keys(board.varied, taken=[*COLUMNS, *leaves])


def make_columns(board: Board) -> dict[str, list[str]]:
    """Return {column: texts of all rows}: rank, score, parameters that vary, names, the others."""
    cells = {name: [show(row) for row in board.rows] for name, show in COLUMNS.items()}
    shown = {name: texts for name, texts in cells.items() if any(texts)}
    varied = {
        heading: [shorten_value(row.params.get(key, "")) for row in board.rows]
        for key, heading in name_params(board).items()
    }
    pick = partial(_pick, shown)
    return {**pick(FIRST), **varied, **pick(NAMES), **shown}


def _pick(columns: Mapping[str, list[str]], names: Sequence[str]) -> dict[str, list[str]]:
    return {name: columns[name] for name in names if name in columns}


def make_legend(columns: Iterable[str]) -> str:
    """Return a line that explains those of these columns that need it, "" if none does."""
    return "; ".join(f"{name}: {LEGEND[name]}" for name in columns if name in LEGEND)


def make_board_table(board: Board) -> Table:
    """Return a board as a table for the terminal."""
    columns = make_columns(board)
    return make_table(list(columns), list(zip(*columns.values(), strict=True)), LEFT)


def render_markdown(board: Board) -> str:
    """Return a board as a Markdown table, which MLflow shows in a run's description."""
    columns = make_columns(board)
    rows = [columns, ["---"] * len(columns), *zip(*columns.values(), strict=True)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def as_record(row: Row) -> dict[str, Any]:
    """Return a row as a record: facts of the run, its scores with every digit, its parameters."""
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
    """Return a board as one JSON object."""
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
    """Return a board as CSV, a line for each run, with columns for scores and parameters.

    Text that a spreadsheet would take for a formula is prefixed with an apostrophe.
    """
    import pandas as pd

    records = [
        {as_cell(name): as_cell(value) for name, value in _flatten(row).items()}
        for row in board.rows
    ]
    return str(pd.DataFrame(records, dtype=object).to_csv(index=False, lineterminator="\n"))


def make_frame(board: Board) -> pd.DataFrame:
    """Return a board as a DataFrame, a row for each run, with the columns of the CSV."""
    import pandas as pd

    return pd.DataFrame([_flatten(row) for row in board.rows])


def _flatten(row: Row) -> dict[str, Any]:
    """Return a row as a flat mapping from column to value."""
    record = as_record(row)
    scores = {f"{OWN}{name}": value for name, value in record.pop("scores").items()}
    params = record.pop("params")
    return {**record, **scores, **params}
