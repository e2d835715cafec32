"""Reads a bank of learning curves as arrays.

bank = read_bank(SPACES["fcd"], "shipped")
bank.log_fcd[c, s, e]     # of configuration c, seed s, after epoch e + 1; NaN where there is none
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.curves.collect import Row, read_table
from benchmarks.curves.spaces import Configuration, Space

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Bank:
    """Scores of configurations by seed and epoch, on the log scale; the default comes first."""

    configurations: tuple[Configuration, ...]
    seeds: tuple[int, ...]
    log_fcd: Floats  # (configurations, seeds, epochs)
    log_fcd_test: Floats

    @property
    def means(self) -> Floats:
        """The mean over the seeds of each configuration after the last epoch."""
        return np.asarray(np.nanmean(self.log_fcd[:, :, -1], axis=1))


def list_classifiers(space: Space, table: Path | None = None) -> list[str]:
    """Return the names of the classifiers of a table."""
    return sorted({row["classifier"] for row in read_table(table or space.table)})


def read_bank(space: Space, classifier: str, table: Path | None = None) -> Bank:
    """Return the scores of a classifier; a configuration without a finished run is left out."""

    def name(row: Row) -> Configuration:
        return tuple(row[column] for column in space.columns)

    rows = [row for row in read_table(table or space.table) if row["classifier"] == classifier]
    configurations = tuple(dict.fromkeys([space.default, *map(name, rows)]))
    seeds = tuple(sorted({int(row["seed"]) for row in rows}))
    epochs = max(int(row["epoch"]) for row in rows)
    shape = (len(configurations), len(seeds), epochs)
    scores = {key: np.full(shape, np.nan) for key in ("fcd", "fcd_test")}
    for row in rows:
        place = (
            configurations.index(name(row)),
            seeds.index(int(row["seed"])),
            int(row["epoch"]) - 1,
        )
        for key, array in scores.items():
            array[place] = np.log(float(row[key]))
    return Bank(configurations, seeds, scores["fcd"], scores["fcd_test"])
