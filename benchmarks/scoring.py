"""Measures the time of scoring the documented generator: `python -m benchmarks.scoring`.

Times the distance of 10,000 images. Then times the extra metrics twice: for the first time on a
machine, which includes reading the real images, and again.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from dcgan_sweeps.config.compose import compose
from dcgan_sweeps.config.schema import Config
from dcgan_sweeps.datasets.loading import load_images
from dcgan_sweeps.device import set_up_device
from dcgan_sweeps.gan.networks import build_gan
from dcgan_sweeps.gan.sampling import make_image_sampler
from dcgan_sweeps.randomness import LatentSpace
from dcgan_sweeps.scoring.fcd import Fakes, prepare_scorer
from dcgan_sweeps.tracking.provenance import describe_machine

TURNS = 5


def main() -> None:
    config = compose("config", [], Config)
    print(set_up_device(config.runner).describe())
    machine = describe_machine()
    print(f"{machine['cpu']}, {machine['cores']} cores\n")
    images = load_images(config.data, print)
    scorer = prepare_scorer(config.score, images)
    sample = make_image_sampler(
        build_gan(config.model, images.shape, 0, "float32").generator, config.score.batch_size
    )

    space = LatentSpace(config.model.latent_dim, config.train.latents)

    def score() -> Fakes:
        fakes = scorer.draw(sample, space, iter)
        scorer.score(fakes)
        return fakes

    fakes = score()  # not timed: the first call traces the functions
    turns = [measure(score) for _ in range(TURNS)]
    print(f"fcd: {statistics.median(turns):.1f} s ({min(turns):.1f} to {max(turns):.1f})")
    rows = np.arange(len(images.train_u8))
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder  # an empty cache
        for when in ("the first time", "from then on"):
            seconds = measure(lambda: scorer.examine(fakes, rows, print))
            print(f"extra metrics, {when}: {seconds:.1f} s")


def measure(work: Callable[[], Any]) -> float:
    """Return the seconds that some work takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
