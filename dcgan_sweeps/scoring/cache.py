"""Caches on this machine what depends on real images alone, such as their features.

    arrays = load_arrays(name, measure, say=print)   # measure() is called where there are none yet

The cache only saves time: what cannot be read is measured again, and what cannot be written is not
cached.
"""

from __future__ import annotations

import functools
import hashlib
import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from dcgan_sweeps.files import write_whole
from dcgan_sweeps.paths import find_cache
from dcgan_sweeps.scoring.identity import DAMAGED

Metrics = Mapping[str, float]
Arrays = Mapping[str, npt.NDArray[Any]]

FEW = 2000  # reading so few images is as fast as loading them from the cache


find_features_dir = functools.partial(find_cache, "features")


def name_arrays(*arrays: npt.NDArray[Any]) -> str:
    """Return a name that changes with any bit of the arrays: 32 hex digits."""
    sha256 = hashlib.sha256()
    for array in arrays:
        sha256.update(f"{array.dtype}{array.shape}".encode())
        sha256.update(array.tobytes())
    return sha256.hexdigest()[:32]


def load_arrays(name: str, measure: Callable[[], Arrays], say: Callable[[str], None]) -> Arrays:
    """Return {name: array} from the cache, or from `measure` where it is not cached yet.

    `say` gets a line where it cannot be cached.
    """
    folder = find_features_dir()
    if folder is None:
        return measure()
    path = folder / f"{name}.npz"
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as kept:
            return dict(kept)
    except (OSError, *DAMAGED):
        pass  # missing or damaged
    arrays: dict[str, Any] = {**measure()}
    content = io.BytesIO()
    np.savez(content, **arrays)
    try:
        write_whole(path, content.getvalue())
    except OSError as error:
        say(f"  {path} cannot be written ({error.strerror}); the next run reads them again")
    return arrays


def load_metrics(name: str, measure: Callable[[], Metrics]) -> Metrics:
    """Return {name: value} from the cache, or from `measure` where it is not cached yet."""
    arrays = load_arrays(
        name,
        lambda: {key: np.asarray(value) for key, value in measure().items()},
        say=lambda line: None,
    )
    return {key: float(value) for key, value in arrays.items()}
