"""The images of a run in memory, and how they are divided.

images.train_u8  # (60000, 28, 28, 1), 0 to 255
images.shape     # (28, 28, 1)
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from dcgan_sweeps.config.faults import refuse
from dcgan_sweeps.randomness import stream

ImagesU8 = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.unsignedinteger[Any]]
Indices = npt.NDArray[np.int64]
Shape = tuple[int, int, int]  # height, width, channels

HOLDOUT_SEED = 0


@dataclass(frozen=True)
class Images:
    """A data set in memory: images (n, height, width, channels) in 0..255, channels 1 or 3.

    Labels (n,) are indices into `class_names`; without labels they are None, and there are no
    names.
    """

    name: str
    source: str
    train_u8: ImagesU8
    train_labels: Labels | None
    test_u8: ImagesU8
    test_labels: Labels | None
    class_names: tuple[str, ...]

    @property
    def shape(self) -> Shape:
        """The height, width and number of channels of an image."""
        height, width, channels = self.train_u8.shape[1:]
        return height, width, channels

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the bytes of all arrays, as 64 hex digits."""
        sha256 = hashlib.sha256()
        for array in (self.train_u8, self.train_labels, self.test_u8, self.test_labels):
            if array is not None:
                sha256.update(np.ascontiguousarray(array).data)
        return sha256.hexdigest()


def describe_shape(shape: Shape) -> str:
    """Return the shape of an image in words: "28x28, grey"."""
    height, width, channels = shape
    return f"{height}x{width}, {'grey' if channels == 1 else 'colour'}"


def split_holdout(count: int) -> tuple[Indices, Indices]:
    """Return a seeded split of the indices into five sixths and one sixth.

    The scoring classifier is trained on the first part; generators are scored against the second.
    """
    order = np.random.default_rng(HOLDOUT_SEED).permutation(count)
    return order[: count - count // 6], order[count - count // 6 :]


def split_test(count: int) -> tuple[Indices, Indices]:
    """Return a seeded split of the indices into training and test images, a sixth.

    Both are in ascending order. This is for data sets without test images of their own.
    """
    order = stream(0, "test images").permutation(count)
    return np.sort(order[: count - count // 6]), np.sort(order[count - count // 6 :])


def choose_subset(count: int, limit: int | None, seed: int) -> Indices:
    """Return the indices of `limit` of `count` images, chosen by `seed`, or of all images.

    Raises RequestError if `limit` is larger than `count`.
    """
    if limit is None:
        return np.arange(count)
    if limit > count:
        raise refuse("data.limit", f"got {limit}; allowed: at most {count}")
    return stream(seed, "subset").permutation(count)[:limit]
