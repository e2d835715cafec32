"""Loads SVHN, the Street View House Numbers, from its cropped digits in MATLAB's format.

python -m dcgan_sweeps.run data=svhn data.dir=svhn

http://ufldl.stanford.edu/housenumbers/: X has shape (32, 32, 3, n), y has labels from 1 to 10,
where 10 is the digit 0.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from dcgan_sweeps.config.schema import Data
from dcgan_sweeps.datasets.data_dir import require_dir, require_file
from dcgan_sweeps.datasets.data_error import DataError
from dcgan_sweeps.datasets.images import Images, ImagesU8, Labels

SIDE = 32
TRAIN, TEST = "train_32x32.mat", "test_32x32.mat"
CONTENT = f"{TRAIN} and {TEST}"
# The errors that SciPy raises for a file that is not of MATLAB's format, or is cut off.
DAMAGED = (
    *(OSError, ValueError, TypeError, EOFError, NotImplementedError, LookupError),
    *(MatReadError, zlib.error, MemoryError),
)


def load(data: Data, say: Callable[[str], None]) -> Images:
    """Return the images in `data.dir`, (n, 32, 32, 3), with the digits 0 to 9 as labels."""
    folder = require_dir(data, CONTENT)
    train, test = (read_part(require_file(folder, name, CONTENT)) for name in (TRAIN, TEST))
    return Images("svhn", f"data.dir: {folder}", *train, *test, tuple("0123456789"))


def read_part(path: Path) -> tuple[ImagesU8, Labels]:
    """Return the images (n, 32, 32, 3) and the digits (n,) of a file; raises DataError."""
    try:
        content = loadmat(path, variable_names=("X", "y"))
    except DAMAGED as error:
        raise DataError(str(path), f"cannot be read as a .mat file ({error})") from error
    lacking = {"X", "y"} - content.keys()
    if lacking:
        raise DataError(str(path), f"has no variable {min(lacking)}; expected X and y")
    images, labels = content["X"], content["y"]
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[:3] != (SIDE, SIDE, 3):
        problem = f"has X of {images.dtype} {images.shape}; expected uint8 (32, 32, 3, n)"
        raise DataError(str(path), problem)
    if labels.dtype.kind not in "uif" or labels.shape != (images.shape[3], 1):
        problem = f"has y of {labels.dtype} {labels.shape}; expected {(images.shape[3], 1)}"
        raise DataError(str(path), problem)
    if not np.isin(labels, range(1, 11)).all():
        problem = f"has labels from {labels.min()} to {labels.max()}; expected 1 to 10"
        raise DataError(str(path), problem)
    digits = (labels[:, 0] % 10).astype(np.uint8)
    return np.ascontiguousarray(images.transpose(3, 0, 1, 2)), digits
