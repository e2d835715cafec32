"""What is measured of real images alone, kept on this machine from run to run.

    arrays = load_arrays(name, measure, say=print)   # measure() is called where there are none yet

A cache saves time and nothing else: what cannot be read is measured again, and what cannot be
written is not kept.
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

FEW = 2000  # images are read and measured as fast as what is kept of them is found


find_features_dir = functools.partial(find_cache, "features")


def name_arrays(*arrays: npt.NDArray[Any]) -> str:
    """Return a name that changes with any bit of the arrays: 32 hex digits."""
    sha256 = hashlib.sha256()
    for array in arrays:
        sha256.update(f"{array.dtype}{array.shape}".encode())
        sha256.update(array.tobytes())
    return sha256.hexdigest()[:32]


def load_arrays(name: str, measure: Callable[[], Arrays], say: Callable[[str], None]) -> Arrays:
    """Return {name: array} as it was kept under `name`, or as `measure` returns it now; `say` gets
    a line where it cannot be kept."""
    folder = find_features_dir()
    if folder is None:
        return measure()
    path = folder / f"{name}.npz"
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as kept:
            return dict(kept)
    except (OSError, *DAMAGED):
        pass  # none there, or not whole
    arrays: dict[str, Any] = {**measure()}
    content = io.BytesIO()
    np.savez(content, **arrays)
    try:
        write_whole(path, content.getvalue())
    except OSError as error:
        say(f"  they will be read anew next time: {path} cannot be written ({error.strerror})")
    return arrays


def load_metrics(name: str, measure: Callable[[], Metrics]) -> Metrics:
    """Return {name: value} as it was kept under `name`, or as `measure` returns it now."""
    arrays = load_arrays(
        name,
        lambda: {key: np.asarray(value) for key, value in measure().items()},
        say=lambda line: None,
    )
    return {key: float(value) for key, value in arrays.items()}
