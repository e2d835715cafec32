"""Reads the progress of a running trial from its history.

progress = read_progress(folder, config)
progress.epoch, progress.share, progress.score
"""

from __future__ import annotations

from dataclasses import dataclass

from dcgan_sweeps.config.flat import flatten
from dcgan_sweeps.config.schema import Config
from dcgan_sweeps.datasets.batches import count_images
from dcgan_sweeps.sweep.result import SCORE
from dcgan_sweeps.tracking.folder import RunFolder

ALL_IMAGES = 60_000  # of Fashion-MNIST


@dataclass(frozen=True)
class Progress:
    """The progress of a trial; `share` is that of its optimizer steps, from 0 to 1."""

    epoch: int = 0
    step: int = 0
    share: float = 0.0
    score: float | None = None
    scored: int = 0  # the epoch of that score
    steps: int = 0  # of the whole run


def read_progress(folder: RunFolder, config: Config) -> Progress:
    """Return the progress of the trial in a folder; one that has not started is at 0."""
    epoch, step, score, scored = 0, 0, None, 0
    for record in folder.read_records():
        epoch = record.get("epoch", epoch)
        step = record.get("step", step)
        if SCORE in record:
            score, scored = record[SCORE], record["epoch"]
    images = folder.read_description().get("data", {}).get("rows")
    steps = count_steps(config, images or guess_images(config))
    return Progress(epoch, step, min(1.0, step / max(1, steps)), score, scored, steps)


def guess_images(config: Config) -> int:
    """Return the images of an epoch, before the data set is read."""
    drawn = flatten(config).get("data.count")
    return min(config.data.limit or ALL_IMAGES, drawn or ALL_IMAGES)


def count_steps(config: Config, images: int) -> int:
    """Return the optimizer steps of a run on so many images."""
    return config.train.epochs * (images // count_images(config.train))
