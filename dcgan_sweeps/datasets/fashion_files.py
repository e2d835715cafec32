"""Reads and verifies the four IDX files of Fashion-MNIST.

The digests are those of the unpacked bytes, since each distributor compresses differently.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dcgan_sweeps.datasets.data_error import DataError
from dcgan_sweeps.datasets.idx_format import find_file, unpack


@dataclass(frozen=True)
class IdxFile:
    """One file of the data set: its name, the shape of its bytes, and their SHA-256."""

    name: str
    shape: tuple[int, ...]
    sha256: str


TRAIN_IMAGES = IdxFile(
    "train-images-idx3-ubyte",
    (60_000, 28, 28),
    "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
)
TRAIN_LABELS = IdxFile(
    "train-labels-idx1-ubyte",
    (60_000,),
    "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
)
TEST_IMAGES = IdxFile(
    "t10k-images-idx3-ubyte",
    (10_000, 28, 28),
    "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
)
TEST_LABELS = IdxFile(
    "t10k-labels-idx1-ubyte",
    (10_000,),
    "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
)
FILES = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)

WAYS_TO_PROVIDE = (
    "set data.dir=FOLDER with the four IDX files (plain or .gz), install Debian's package "
    "dataset-fashion-mnist, or connect to a network to fetch them"
)


def read_verified(folder: Path, file: IdxFile) -> npt.NDArray[np.uint8]:
    """Return the content of `file` in its shape; raises DataError if it is missing or wrong."""
    path = find_file(folder, file.name)
    try:
        if path is None:
            raise DataError(str(folder / file.name), "is missing, with and without .gz")
        return parse_verified(unpack(path), file, str(path))
    except DataError as error:
        raise DataError(error.place, error.problem, WAYS_TO_PROVIDE) from error


def parse_verified(content: bytes, file: IdxFile, place: str) -> npt.NDArray[np.uint8]:
    """Return the array in the content of an IDX file; raises DataError, which names `place`."""
    header = 4 + 4 * len(file.shape)
    expected_header = struct.pack(f">I{len(file.shape)}I", 0x0800 + len(file.shape), *file.shape)
    if content[:header] != expected_header:
        raise DataError(
            place,
            f"starts with {content[:header].hex(' ')!r}; expected {expected_header.hex(' ')!r}, "
            f"unsigned bytes of shape {file.shape}",
        )
    expected_size = header + int(np.prod(file.shape))
    if len(content) != expected_size:
        raise DataError(place, f"has {len(content)} bytes unpacked; expected {expected_size}")
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != file.sha256:
        raise DataError(place, f"has the SHA-256 {sha256} unpacked; expected {file.sha256}")
    return np.frombuffer(content, np.uint8, offset=header).reshape(file.shape)
