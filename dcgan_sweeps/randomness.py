"""Derives independent random streams by name from the seed of a run.

stream(0, "batches", 3).permutation(60_000)   # the order of epoch 3
tf.random.stateless_normal(shape, seed_pair(0, "latents"))
LatentSpace(100, "normal").draw(stream(0, "pictures/latents"), 25)
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

NORMAL, UNIFORM = LATENTS = ("normal", "uniform")


@dataclass(frozen=True)
class LatentSpace:
    """The distribution of a generator's latents: standard normal, or uniform from -1 to 1."""

    dim: int
    kind: str  # one of LATENTS

    def draw(self, random: np.random.Generator, *shape: int) -> npt.NDArray[np.float32]:
        """Return latents of shape (*shape, dim)."""
        if self.kind == UNIFORM:
            return random.uniform(-1, 1, (*shape, self.dim)).astype(np.float32)
        return random.standard_normal((*shape, self.dim), np.float32)


def stream(seed: int, name: str, *index: int) -> np.random.Generator:
    """Return the generator of a named stream; an index, such as an epoch, selects a substream."""
    return np.random.default_rng([seed, zlib.crc32(name.encode()), *index])


def seed_pair(seed: int, name: str) -> npt.NDArray[np.int32]:
    """Return the seed of a named stream for TensorFlow's stateless operations, shape (2,)."""
    return stream(seed, name).integers(2**31, size=2, dtype=np.int32)


def seed_int(seed: int, name: str) -> int:
    """Return the seed of a named stream for a Keras initializer, below 2**31."""
    return int(stream(seed, name).integers(2**31))
