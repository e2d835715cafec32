"""Measures the time of a report of many runs: `python -m benchmarks.report --runs 10000`.

Trains one run, copies its rows in the store's database with other learning rates and scores, and
then times the command from its start.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

from dcgan_sweeps.tracking.provenance import describe_machine

TABLES = ("runs", "params", "tags", "metrics", "latest_metrics")
TURNS = 3
COMMANDS = {
    "the first 100 by score": [],
    'the first 100 with --where "optimizer.lr < 1e-3"': ["--where", "optimizer.lr < 1e-3"],
    "every run, --csv": ["--csv"],
    "every run, --html": ["--html"],
}


def main() -> None:
    parser = argparse.ArgumentParser("benchmarks.report", description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    options = parser.parse_args()
    machine = describe_machine()
    print(f"{machine['cpu']}, {machine['cores']} cores\n")
    with tempfile.TemporaryDirectory() as folder:
        run(folder, "run", "experiment=tiny", "tracking.system_metrics_s=0")
        multiply(Path(folder) / "mlruns" / "mlflow.db", options.runs)
        print(f"| of {options.runs:,} runs | seconds, median of {TURNS} |\n|---|---|")
        for what, words in COMMANDS.items():
            turns = [run(folder, "report", *words) for _ in range(TURNS)]
            print(f"| {what} | {statistics.median(turns):.1f} |", flush=True)


def run(folder: str, verb: str, *words: str) -> float:
    """Return the seconds that a command takes, including its start."""
    begin = time.perf_counter()
    command = [sys.executable, "-m", f"dcgan_sweeps.{verb}", *words]
    environment = {"PYTHONPATH": str(Path(__file__).parents[1])}
    subprocess.run(command, cwd=folder, check=True, capture_output=True, env=environment)
    return time.perf_counter() - begin


def multiply(database: Path, count: int) -> None:
    """Copy the rows of the only run in a store until it has `count` runs."""
    source = random.Random(0)
    with sqlite3.connect(database) as store:
        columns = {
            table: [row[1] for row in store.execute(f"pragma table_info({table})")]
            for table in TABLES
        }
        rows = {table: store.execute(f"select * from {table}").fetchall() for table in TABLES}
        for _ in range(count - 1):
            own = {"run_uuid": uuid.uuid4().hex, "artifact_uri": "file:///nowhere"}
            score, rate = source.uniform(100, 600), f"{10 ** source.uniform(-4, -2):.6g}"
            for table in TABLES:
                copies = [
                    vary(
                        dict(zip(columns[table], row, strict=True)) | own,
                        score,
                        rate,
                        columns[table],
                    )
                    for row in rows[table]
                ]
                places = ", ".join("?" * len(columns[table]))
                store.executemany(f"insert into {table} values ({places})", copies)


def vary(row: dict, score: float, rate: str, columns: list[str]) -> list:
    """Return the values of a row, with another score and learning rate."""
    if row.get("key") == "score/fcd":
        row["value"] = score
    elif row.get("key") == "optimizer.lr":
        row["value"] = rate
    elif row.get("key") == "config_hash":
        row["value"] = uuid.uuid4().hex[:16]
    return [row[name] for name in columns]


if __name__ == "__main__":
    main()
