"""Loads CIFAR-10 from its binary version, which is made of plain bytes; nothing is unpickled.

python -m dcgan_sweeps.run data=cifar10 data.dir=cifar-10-batches-bin

A record is a byte for the label, then the red, the green and the blue plane, row by row:
https://www.cs.toronto.edu/~kriz/cifar.html.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from dcgan_sweeps.config.schema import Data
from dcgan_sweeps.datasets.data_dir import read_file, require_dir, require_file
from dcgan_sweeps.datasets.data_error import DataError
from dcgan_sweeps.datasets.images import Images, ImagesU8, Labels

SIDE = 32
RECORD = 1 + 3 * SIDE * SIDE  # bytes
TRAIN = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
TEST = "test_batch.bin"
NAMES = "batches.meta.txt"
CONTENT = (
    f"{TRAIN[0]} to {TRAIN[-1]}, {TEST} and {NAMES} of the binary version, which is unpacked as "
    "cifar-10-batches-bin"
)


def load(data: Data, say: Callable[[str], None]) -> Images:
    """Return the images in `data.dir`, (n, 32, 32, 3)."""
    folder = require_dir(data, CONTENT)
    paths = [require_file(folder, name, CONTENT) for name in (*TRAIN, TEST, NAMES)]
    names = tuple(read_file(paths[-1]).decode("utf-8", "replace").split())
    parts = [read_batch(path, len(names)) for path in paths[:-1]]
    return Images(
        "cifar10",
        f"data.dir: {folder}",
        np.concatenate([images for images, _ in parts[:-1]]),
        np.concatenate([labels for _, labels in parts[:-1]]),
        *parts[-1],
        names,
    )


def read_batch(path: Path, classes: int) -> tuple[ImagesU8, Labels]:
    """Return the images (n, 32, 32, 3) and the labels (n,) of a batch; raises DataError."""
    content = read_file(path)
    if not content or len(content) % RECORD:
        problem = f"has {len(content):,} bytes; expected a multiple of {RECORD:,}"
        raise DataError(str(path), problem)
    records = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
    labels = records[:, 0].copy()
    if labels.max() >= classes:
        problem = f"has the label {labels.max()}; expected 0 to {classes - 1}, as {NAMES} names"
        raise DataError(str(path), problem)
    planes = records[:, 1:].reshape(-1, 3, SIDE, SIDE)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels
