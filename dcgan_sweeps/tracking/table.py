"""Makes the table of a run's extra metrics, in the form of MLflow's log_table.

make_table(folder.read_records())
# {"columns": ["metric", "generated", ...], "data": [["score/kid", 1.25, ...], ...]}
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from dcgan_sweeps.metrics import EXTRA_METRICS, REAL

TABLE_FILE = "score/extra_metrics.json"
COLUMNS = ("metric", "generated", "real", "unit", "better", "definition")


def make_table(records: Iterable[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return the last extra metrics in the records of a history.jsonl, None if there are none.

    A value that is not finite is text, since JSON has no such number; a missing one is "".
    """
    last = {name: value for record in records for name, value in record.items()}
    rows = [
        [
            metric.name,
            _as_json(last[metric.name]),
            _as_json(last.get(f"{metric.name}{REAL}")),
            metric.unit,
            metric.better,
            metric.definition,
        ]
        for metric in EXTRA_METRICS
        if metric.name in last
    ]
    return {"columns": COLUMNS, "data": rows} if rows else None


def _as_json(value: float | None) -> float | str:
    if value is None:
        return ""
    return value if math.isfinite(value) else str(value)
