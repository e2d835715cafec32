"""Reads files of the IDX format, plain or compressed.

    find_file(folder, "train-images-idx3-ubyte")        # with or without .gz, or None
    read_array(path, dimensions=3)                      # (60000, 28, 28), 0 to 255

The format is described at http://yann.lecun.com/exdb/mnist/: a magic number, the sizes, then the
bytes.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dcgan_sweeps.datasets.data_error import DataError

UNSIGNED_BYTES = 0x08  # the third byte of the magic number; the fourth one is that of dimensions


def find_file(folder: Path, name: str) -> Path | None:
    """Return the path of a file in `folder`, plain or with .gz, or None if it is missing."""
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    return None


def unpack(path: Path) -> bytes:
    """Return the content of a plain or gzip file; raises DataError if it cannot be unpacked."""
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(str(path), f"cannot be unpacked ({error})") from error


def read_array(path: Path, dimensions: int) -> npt.NDArray[np.uint8]:
    """Return the unsigned bytes in an IDX file; raises DataError for another content."""
    content = unpack(path)
    expected = bytes([0, 0, UNSIGNED_BYTES, dimensions])
    header = 4 + 4 * dimensions
    if content[:4] != expected or len(content) < header:
        raise DataError(
            str(path),
            f"starts with {content[:header].hex(' ')!r}; expected {expected.hex(' ')!r}, unsigned "
            f"bytes of {dimensions} dimension{'s' * (dimensions > 1)}, and their sizes",
        )
    shape = struct.unpack(f">{dimensions}I", content[4:header])
    expected_size = header + math.prod(shape)
    if len(content) != expected_size:
        problem = f"has {len(content)} bytes unpacked; expected {expected_size} for shape {shape}"
        raise DataError(str(path), problem)
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)
