"""Trains the runs of a bank of learning curves: `python -m benchmarks.curves.train --dir FOLDER`.

One study of paired lists: the default and other configurations with some seeds each, which all
share, and the default with more. Each run is scored after every epoch and keeps all its
checkpoints, so that other classifiers can score its generators. The command prints the study's own
command, and resumes a study that was interrupted. `--space wide` trains those of search=wide.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

from benchmarks.curves.spaces import SPACES

SETTINGS = (
    "data.limit=8000",
    "train.epochs=6",
    "score.extra_metrics=never",
    "tracking.keep_checkpoints=null",
    "tracking.system_metrics_s=0",
    "tracking.offline=true",
    "hydra.sweeper.zip=true",
    "hydra.sweeper.stop_after_failures=1000",
)


def main() -> None:
    parser = argparse.ArgumentParser("benchmarks.curves.train", description=__doc__)
    parser.add_argument("--dir", default="mlruns", help="folder of the study (mlruns)")
    parser.add_argument("--space", choices=SPACES, default="fcd")
    options = parser.parse_args()
    space = SPACES[options.space]
    columns = zip(*space.list_runs(), strict=True)
    lists = [
        f"{key}={','.join(values)}"
        for key, values in zip((*space.keys, "seed"), columns, strict=True)
    ]
    places = [f"tracking.dir={options.dir}", f"hydra.sweeper.study_name={space.study}"]
    words = [*SETTINGS, *space.settings, *lists, *places]
    command = [sys.executable, "-m", "dcgan_sweeps.run", "-m", *words]
    sys.exit(subprocess.run(command).returncode)


if __name__ == "__main__":
    main()
