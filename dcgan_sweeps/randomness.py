"""Derives independent random streams by name from the seed of a run.

stream(0, "batches", 3).permutation(60_000)   # the order of epoch 3
tf.random.stateless_normal(shape, seed_pair(0, "latents"))
"""

from __future__ import annotations

import zlib

import numpy as np
import numpy.typing as npt


def stream(seed: int, name: str, *index: int) -> np.random.Generator:
    """Return the generator of a named stream; an index, such as an epoch, selects a substream."""
    return np.random.default_rng([seed, zlib.crc32(name.encode()), *index])


def seed_pair(seed: int, name: str) -> npt.NDArray[np.int32]:
    """Return the seed of a named stream for TensorFlow's stateless operations, shape (2,)."""
    return stream(seed, name).integers(2**31, size=2, dtype=np.int32)


def seed_int(seed: int, name: str) -> int:
    """Return the seed of a named stream for a Keras initializer, below 2**31."""
    return int(stream(seed, name).integers(2**31))
