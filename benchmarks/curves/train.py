"""Trains the runs of the bank of learning curves: `python -m benchmarks.curves.train --dir FOLDER`.

One study of paired lists: the default and 32 other configurations with four seeds each, which all
share, and the default with eight more. Each run is scored after every epoch and keeps all its
checkpoints, so that other classifiers can score its generators. The command prints the study's own
command, and resumes a study that was interrupted.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator

from scipy.stats import qmc

CONFIGURATIONS = 32  # beside the default
SHARED_SEEDS = range(4)
SEEDS_OF_DEFAULT = range(12)
DEFAULT = (1e-3, 0.3, 100)
STUDY = "curves"
SETTINGS = (
    "data.limit=8000",
    "train.epochs=6",
    "score.extra_metrics=never",
    "tracking.keep_checkpoints=null",
    "tracking.system_metrics_s=0",
    "tracking.offline=true",
    "hydra.sweeper.zip=true",
    "hydra.sweeper.stop_after_failures=1000",
    f"hydra.sweeper.study_name={STUDY}",
)
Configuration = tuple[float, float, int]  # learning rate, dropout, latent size


def main() -> None:
    parser = argparse.ArgumentParser("benchmarks.curves.train", description=__doc__)
    parser.add_argument("--dir", default="mlruns", help="folder of the study (mlruns)")
    options = parser.parse_args()
    rows = list(list_runs(draw_configurations()))
    lists = [
        f"{key}={','.join(map(str, values))}"
        for key, values in zip(
            ("optimizer.lr", "model.dropout", "model.latent_dim", "seed"),
            zip(*rows, strict=True),
            strict=True,
        )
    ]
    command = ["dcgan_sweeps.run", "-m", *SETTINGS, *lists, f"tracking.dir={options.dir}"]
    sys.exit(subprocess.run([sys.executable, "-m", *command]).returncode)


def draw_configurations() -> list[Configuration]:
    """Return points of the search space of search=fcd, evenly spread by a Sobol sequence."""
    points = qmc.Sobol(3, seed=0).random(CONFIGURATIONS)
    return [
        (float(f"{1e-4 * 40**x:.3g}"), round(0.6 * y, 2), round(16 * 16**z)) for x, y, z in points
    ]


def list_runs(configurations: list[Configuration]) -> Iterator[tuple[float, float, int, int]]:
    """Return the configuration and seed of each run; a part of them has whole seeds."""
    for seed in SHARED_SEEDS:
        for each in (DEFAULT, *configurations):
            yield (*each, seed)
    for seed in SEEDS_OF_DEFAULT[len(SHARED_SEEDS) :]:
        yield (*DEFAULT, seed)


if __name__ == "__main__":
    main()
