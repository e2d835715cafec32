"""Loads the images of a run.

images = load_images(config.data, say=print)
images.train_u8  # (60000, 28, 28, 1), 0 to 255
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from dcgan_sweeps.config.faults import refuse
from dcgan_sweeps.config.parts import find_builder
from dcgan_sweeps.config.schema import Data
from dcgan_sweeps.datasets.images import Images

LEAST = 36  # training images; the held-out sixth of fewer has no meaningful covariance
LEAST_TEST = 2


def name_images(data: Data) -> Data:
    """Return `data` without the settings that only say which of its images a run trains on."""
    return dataclasses.replace(data, limit=None, shuffle_buffer=None)


def load_images(data: Data, say: Callable[[str], None]) -> Images:
    """Return the data set that `data` names; `say` gets progress lines.

    Raises RequestError, which names the file, what was found and what was expected.
    """
    images: Images = find_builder("data", data)(data, say)
    counts = len(images.train_u8), len(images.test_u8)
    if counts[0] < LEAST or counts[1] < LEAST_TEST:
        problem = (
            f"got {counts[0]} training and {counts[1]} test images; allowed: at least {LEAST} and "
            f"{LEAST_TEST}"
        )
        raise refuse("data", problem)
    return images
