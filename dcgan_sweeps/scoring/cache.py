"""What is measured of real images alone, kept on this machine from run to run.

    metrics = load_metrics(name, measure)   # measure() is called where there are none yet

A cache saves time and nothing else: what cannot be read is measured again, and what cannot be
written is not kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import platformdirs

from dcgan_sweeps.files import write_whole

Metrics = Mapping[str, float]

FEW = 2000  # images are read and measured as fast as what is kept of them is found


def find_features_dir() -> Path | None:
    """Return the folder of the cache, which need not exist; None where this user has no home
    folder."""
    try:
        return platformdirs.user_cache_path("dcgan_sweeps") / "features"
    except RuntimeError:
        return None


def name_arrays(*arrays: npt.NDArray[np.float32]) -> str:
    """Return a name that changes with any bit of the arrays: 32 hex digits."""
    sha256 = hashlib.sha256()
    for array in arrays:
        sha256.update(f"{array.dtype}{array.shape}".encode())
        sha256.update(array.tobytes())
    return sha256.hexdigest()[:32]


def load_metrics(name: str, measure: Callable[[], Metrics]) -> Metrics:
    """Return {name: value} as it was kept under `name`, or as `measure` returns it now."""
    folder = find_features_dir()
    if folder is None:
        return measure()
    path = folder / f"{name}.json"
    try:
        kept = json.loads(path.read_text())
        return {str(key): float(value) for key, value in kept.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        pass  # none there, or not whole
    metrics = measure()
    with contextlib.suppress(OSError):
        write_whole(path, json.dumps(dict(metrics)))
    return metrics
