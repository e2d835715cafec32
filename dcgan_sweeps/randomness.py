"""Independent random streams, each split by name from the one seed of a run.

stream(0, "batches", 3).permutation(60_000)   # the order of epoch 3
tf.random.stateless_normal(shape, seed_pair(0, "latents"))
"""

from __future__ import annotations

import zlib

import numpy as np
import numpy.typing as npt


def stream(seed: int, name: str, *index: int) -> np.random.Generator:
    """Return the generator of one named stream; an index (an epoch, say) makes a substream."""
    return np.random.default_rng([seed, zlib.crc32(name.encode()), *index])


def seed_pair(seed: int, name: str) -> npt.NDArray[np.int32]:
    """Return the seed of TensorFlow's stateless operations for one named stream, shape (2,)."""
    return stream(seed, name).integers(2**31, size=2, dtype=np.int32)


def seed_int(seed: int, name: str) -> int:
    """Return the seed of a Keras initializer for one named stream, below 2**31."""
    return int(stream(seed, name).integers(2**31))
