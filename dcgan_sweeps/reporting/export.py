"""Exports a leaderboard as a terminal table, Markdown, JSON, CSV or a DataFrame.

print_table(console, make_board_table(board))
print(render_csv(board))
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from rich.table import Table

from dcgan_sweeps.metrics import METRICS, OWN, SCORE, Metric
from dcgan_sweeps.reporting.leaderboard import Board, Row
from dcgan_sweeps.runs.configurations import CONFIDENCE
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


def show_interval(interval: tuple[float, float] | None) -> str:
    """Return an interval of scores as text, "" if there is none."""
    return "" if interval is None else f"[{interval[0]:.1f}, {interval[1]:.1f}]"


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
    "interval": lambda row: show_interval(row.interval),
    "seeds": lambda row: row.seeds,
    "epochs": lambda row: row.epochs,
    "time": lambda row: "" if row.run.wall_s is None else format_duration(row.run.wall_s),
    "repeats": lambda row: str(row.repeats) if row.repeats > 1 else "",
    "state": lambda row: "" if row.run.outcome == "complete" else row.run.outcome or "unfinished",
}
SEED_COLUMNS = ("interval", "seeds")  # of boards with configurations of several seeds
LEFT = ("rank", "run", "name")  # aligned to the left; all others to the right
# Before and after the parameters.
FIRST, NAMES = ("rank", METRICS[SCORE].short, *SEED_COLUMNS), ("run", "name")
LEGEND = {
    "interval": f"{CONFIDENCE:.0%} confidence interval of the mean",
    "seeds": "scores are means of so many seeds, and run is that of the lowest fcd",
    "+-": "standard error of fcd due to the choice of latents",
    "share": "fcd on a scale from real images (0%) to noise (100%)",
    "repeats": "runs of the same configuration and seed",
    "time": "from start to end of the run",
}


def name_params(board: Board) -> dict[str, str]:
    """Return {parameter that varies: its heading}, the last part of it where that is unique."""
    others = {key for row in board.rows for key in row.run.params} - {*board.varied}
    leaves = (key.rpartition(".")[2] for key in others)
    return shorten_keys(board.varied, taken=[*COLUMNS, *leaves])


def make_columns(board: Board, rows: Sequence[Row] = ()) -> dict[str, list[str]]:
    """Return {column: texts of all rows}: rank, score, parameters that vary, names, the others.

    `rows` are other rows than those of the board.
    """
    rows = rows or board.rows
    cells = {name: [show(row) for row in rows] for name, show in COLUMNS.items()}
    shown = {name: texts for name, texts in cells.items() if any(texts)}
    varied = {
        heading: [shorten_value(row.params.get(key, "")) for row in rows]
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
        "params": row.params if row.runs else dict(run.params),
    }


def as_configuration(row: Row) -> dict[str, Any]:
    """Return the row of a configuration as a record.

    It has the facts of the run that stands for it, its mean score with interval, the number of
    complete seeds, and the ids of all of its runs.
    """
    low, high = (x if math.isfinite(x) else None for x in row.interval or (math.nan, math.nan))
    is_complete = row.run.outcome == "complete" and row.score is not None
    means = {
        "mean": row.score if is_complete else None,
        "low": low,
        "high": high,
        "seeds": row.count if is_complete else 0,
        "run_ids": [each.run.run_id for each in row.runs or (row,)],
    }
    record = as_record(row)
    return {"rank": record.pop("rank"), **means, **record}


def render_json(board: Board) -> str:
    """Return a board as one JSON object."""
    name, describe = ("runs", as_record) if board.by_run else ("configurations", as_configuration)
    whole = {
        "identity": board.identity,
        "description": board.description,
        "left_out": board.left_out,
        "other_identities": dict(board.others),
        "varied": list(board.varied),
        name: [describe(row) for row in board.rows],
    }
    return json.dumps(whole, indent=2, allow_nan=False) + "\n"


def render_csv(board: Board) -> str:
    """Return a board as CSV, a line for each row, with columns for scores and parameters.

    Text that a spreadsheet would take for a formula is prefixed with an apostrophe.
    """
    import pandas as pd

    records = [
        {as_cell(name): as_cell(value) for name, value in each.items()} for each in _flatten(board)
    ]
    return str(pd.DataFrame(records, dtype=object).to_csv(index=False, lineterminator="\n"))


def make_frame(board: Board) -> pd.DataFrame:
    """Return a board as a DataFrame, a row for each of its rows, with the columns of the CSV."""
    import pandas as pd

    return pd.DataFrame([*_flatten(board)])


def _flatten(board: Board) -> Iterator[dict[str, Any]]:
    """Yield each row of a board as a flat mapping from column to value."""
    for row in board.rows:
        record = as_record(row) if board.by_run else as_configuration(row)
        scores = {f"{OWN}{name}": value for name, value in record.pop("scores").items()}
        params = record.pop("params")
        if "run_ids" in record:
            record["run_ids"] = " ".join(record["run_ids"])
        yield {**record, **scores, **params}
