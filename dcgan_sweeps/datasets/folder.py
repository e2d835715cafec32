"""Loads the PNG and JPEG files of a folder, resized and cropped to squares.

    python -m dcgan_sweeps.run data=folder data.dir=pictures data.size=64

The folder has the training images in train/ and the test images in test/; without train/, or
without test/, a sixth of the images are test images. Subfolders are classes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dcgan_sweeps.config.schema import BuiltInData
from dcgan_sweeps.datasets.data_dir import require_dir
from dcgan_sweeps.datasets.data_error import DataError
from dcgan_sweeps.datasets.decoding import Format, decode_all
from dcgan_sweeps.datasets.images import Images, Labels, split_test

SUFFIXES = (".png", ".jpg", ".jpeg")
CONTENT = "PNG or JPEG files, in any depth, also in train/ and test/"


@dataclass(frozen=True)
class Picture:
    """A file, and the name of the subfolder that is its class, None without subfolders."""

    path: Path
    class_name: str | None


def load(data: BuiltInData, say: Callable[[str], None]) -> Images:
    """Return the images of `data.dir`, (n, size, size, channels), in the order of their paths."""
    folder = require_dir(data, CONTENT)
    train, test = list_parts(folder)
    shape = Format(data.size or 0, data.channels or 0)
    images_u8 = decode_all([each.path for each in (*train, *test)], folder, shape, say)
    train_labels, names = number_classes(folder, train)
    test_labels = find_numbers(folder, test, names)
    return Images(
        "folder",
        f"data.dir: {folder}",
        images_u8[: len(train)],
        train_labels,
        images_u8[len(train) :],
        test_labels,
        names,
    )


def list_parts(folder: Path) -> tuple[list[Picture], list[Picture]]:
    """Return the training and the test pictures; raises DataError where there are none."""
    train, test = folder / "train", folder / "test"
    pictures = list_pictures(train if train.is_dir() else folder)
    if train.is_dir() and test.is_dir():
        return pictures, list_pictures(test)
    rows, test_rows = split_test(len(pictures))
    return [pictures[row] for row in rows], [pictures[row] for row in test_rows]


def list_pictures(folder: Path) -> list[Picture]:
    """Return the pictures below `folder` in the order of their paths; raises DataError for none.

    Hidden files and folders are left out.
    """
    found: list[Path] = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [
            Path(place, name)
            for name in files
            if name.lower().endswith(SUFFIXES) and not name.startswith(".")
        ]
    if not found:
        raise DataError("data.dir", f"got {folder}, which has none; allowed: {CONTENT}")
    paths = sorted(found, key=lambda path: path.relative_to(folder).parts)
    inside = [path for path in paths if path.parent != folder]
    if not inside:
        return [Picture(path, None) for path in paths]
    if len(inside) < len(paths):
        stray = next(path for path in paths if path.parent == folder)
        problem = "is beside subfolders, which are classes; expected all files in one of them"
        raise DataError(str(stray), problem)
    return [Picture(path, path.relative_to(folder).parts[0]) for path in paths]


def number_classes(
    folder: Path, pictures: Sequence[Picture]
) -> tuple[Labels | None, tuple[str, ...]]:
    """Return the labels of pictures and the names of their classes, in alphabetical order."""
    names = tuple(sorted({each.class_name for each in pictures if each.class_name is not None}))
    return find_numbers(folder, pictures, names), names


def find_numbers(folder: Path, pictures: Sequence[Picture], names: Sequence[str]) -> Labels | None:
    """Return the labels of pictures as indices into `names`, None where there are no classes.

    Raises DataError for a picture of another class.
    """
    numbers = {name: number for number, name in enumerate(names)}
    for each in pictures:
        if each.class_name is not None and each.class_name not in numbers:
            expected = f"one of {', '.join(names)}" if names else "none, as in train/"
            problem = f"is in the class {each.class_name}; expected {expected}"
            raise DataError(str(each.path), problem)
        if each.class_name is None and names:
            problem = f"is in no class; expected one of {', '.join(names)}"
            raise DataError(str(each.path), problem)
    if not names:
        return None
    kind = np.uint8 if len(names) <= 256 else np.uint16
    return np.array([numbers[each.class_name or ""] for each in pictures], kind)
