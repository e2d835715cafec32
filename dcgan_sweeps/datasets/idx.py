"""Loads any data set of four IDX files: MNIST, KMNIST, EMNIST, and one's own.

python -m dcgan_sweeps.run data=idx data.dir=kmnist
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from dcgan_sweeps.config.schema import Data
from dcgan_sweeps.datasets.data_dir import require_dir
from dcgan_sweeps.datasets.data_error import DataError
from dcgan_sweeps.datasets.idx_format import find_file, read_array
from dcgan_sweeps.datasets.images import Images, ImagesU8, Labels, split_test

TRAIN, TEST = "train", "t10k"
IMAGES, LABELS = "{}-images-idx3-ubyte", "{}-labels-idx1-ubyte"
CONTENT = (
    "train-images-idx3-ubyte and, if there are any, train-labels-idx1-ubyte, "
    "t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, plain or with .gz"
)


def load(data: Data, say: Callable[[str], None]) -> Images:
    """Return the images in `data.dir`; without test files, a sixth are test images.

    Each value among the labels is a class, in ascending order.
    """
    folder = require_dir(data, CONTENT)
    train_u8, found = read_part(folder, TRAIN)
    if find_file(folder, IMAGES.format(TEST)) is None:
        rows, test_rows = split_test(len(train_u8))
        test_u8, found_test = train_u8[test_rows], found[test_rows] if found is not None else None
        train_u8, found = train_u8[rows], found[rows] if found is not None else None
    else:
        test_u8, found_test = read_part(folder, TEST)
    if test_u8.shape[1:] != train_u8.shape[1:]:
        sizes = [f"{each.shape[1]}x{each.shape[2]}" for each in (train_u8, test_u8)]
        problem = f"got {folder}; its training images are {sizes[0]}, its test images {sizes[1]}"
        raise DataError("data.dir", problem)
    if (found is None) != (found_test is None):
        lacking = LABELS.format(TRAIN if found is None else TEST)
        problem = f"got {folder}, which has no {lacking}; allowed: labels of both parts, or of none"
        raise DataError("data.dir", problem)
    train_labels, test_labels, names = number_classes(found, found_test)
    return Images("idx", f"data.dir: {folder}", train_u8, train_labels, test_u8, test_labels, names)


def read_part(folder: Path, part: str) -> tuple[ImagesU8, Labels | None]:
    """Return the images (n, h, w, 1) of a part, and its labels (n,) as they are in the file."""
    path = find_file(folder, IMAGES.format(part))
    if path is None:
        problem = f"got {folder}, which has no {IMAGES.format(part)}; allowed: {CONTENT}"
        raise DataError("data.dir", problem)
    images = read_array(path, dimensions=3)[..., None]
    path = find_file(folder, LABELS.format(part))
    if path is None:
        return images, None
    labels = read_array(path, dimensions=1)
    if len(labels) != len(images):
        problem = f"has {len(labels):,} labels; expected {len(images):,}, as many as images"
        raise DataError(str(path), problem)
    return images, labels


def number_classes(
    train: Labels | None, test: Labels | None
) -> tuple[Labels | None, Labels | None, tuple[str, ...]]:
    """Return both arrays of labels counted from 0 without gaps, and the values as names."""
    if train is None or test is None:
        return None, None, ()
    values = np.unique(np.concatenate([train, test]))
    numbers = [np.searchsorted(values, each).astype(np.uint8) for each in (train, test)]
    return numbers[0], numbers[1], tuple(str(value) for value in values)
