"""Reads the bank of learning curves as arrays.

bank = read_bank(TABLE, "shipped")
bank.log_fcd[c, s, e]     # of configuration c, seed s, after epoch e + 1; NaN where there is none
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.curves.collect import TABLE as TABLE
from benchmarks.curves.collect import read_table
from benchmarks.curves.train import DEFAULT, Configuration

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


def read_bank(table: Path, classifier: str) -> Bank:
    """Return the scores of a classifier; a configuration without a finished run is left out."""
    rows = [row for row in read_table(table) if row["classifier"] == classifier]
    found = {name(row) for row in rows}
    configurations = (DEFAULT, *sorted(found - {DEFAULT}))
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


def name(row: dict[str, str]) -> Configuration:
    """Return the configuration of a row."""
    return float(row["lr"]), float(row["dropout"]), int(row["latent_dim"])
