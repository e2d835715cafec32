"""Decodes picture files to arrays of one shape, and caches the result on this machine.

images_u8 = decode_all(paths, folder, Format(64, 3), say=print)   # (n, 64, 64, 3)
"""

from __future__ import annotations

import functools
import hashlib
import io
import struct
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL
from PIL import Image, ImageOps

from dcgan_sweeps.config.faults import Fault, require_none
from dcgan_sweeps.datasets.data_error import DataError
from dcgan_sweeps.datasets.images import ImagesU8
from dcgan_sweeps.files import write_whole
from dcgan_sweeps.paths import find_cache

PROGRESS_EVERY_S = 3
FEW = 500  # files; decoding so few is as fast as reading the cache
NAMED = 10  # damaged files that are named
BLOCK = 500  # files of a block, after which progress may be said
# The errors that Pillow raises for a file that is not an image, is cut off, or is damaged.
DAMAGED = (
    *(OSError, ValueError, SyntaxError, EOFError, TypeError, LookupError),
    *(struct.error, zlib.error, MemoryError, Image.DecompressionBombError),
)

Say = Callable[[str], None]
find_decoded_dir = functools.partial(find_cache, "decoded")


@dataclass(frozen=True)
class Format:
    """The form of a decoded image: a square with sides of `size` pixels, 1 or 3 channels."""

    size: int
    channels: int


def decode_all(paths: Sequence[Path], folder: Path, shape: Format, say: Say) -> ImagesU8:
    """Return the images in `paths`, (n, size, size, channels), in their order.

    Many images are cached under a digest of all files and of `shape`. Raises RequestError that
    names the files that cannot be decoded.
    """
    cache = find_decoded_dir() if len(paths) > FEW else None
    if cache is None:
        return _decode(paths, shape, say)
    path = cache / f"{_digest_files(paths, folder, shape)}.npy"
    expected = (len(paths), shape.size, shape.size, shape.channels)
    try:
        kept = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
        if kept.dtype == np.uint8 and kept.shape == expected:
            return np.asarray(kept)
    except (OSError, ValueError, EOFError):
        pass  # missing or damaged
    images_u8 = _decode(paths, shape, say)
    content = io.BytesIO()
    np.save(content, images_u8)
    try:
        write_whole(path, content.getvalue())
    except OSError as error:
        say(f"  {path} cannot be written ({error.strerror}); the next run decodes the files again")
    return images_u8


def _digest_files(paths: Sequence[Path], folder: Path, shape: Format) -> str:
    """Return a name that changes with any file and with the way of decoding: 32 hex digits."""
    sha256 = hashlib.sha256(f"{shape} Pillow {PIL.__version__}".encode())
    for path in paths:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise DataError(str(path), f"cannot be read ({error.strerror})") from error
        sha256.update(f"{path.relative_to(folder)}\0{len(content)}\0".encode(errors="replace"))
        sha256.update(content)
    return sha256.hexdigest()[:32]


def _decode(paths: Sequence[Path], shape: Format, say: Say) -> ImagesU8:
    images_u8 = np.empty((len(paths), shape.size, shape.size, shape.channels), np.uint8)
    faults: list[Fault] = []
    decode = functools.partial(try_decode, shape=shape)
    with ThreadPoolExecutor() as pool:  # Pillow decodes outside Python's lock
        for start in _track(len(paths), say):
            for index, found in enumerate(pool.map(decode, paths[start : start + BLOCK]), start):
                if isinstance(found, Fault):
                    faults.append(found)
                else:
                    images_u8[index] = found
    more = len(faults) - NAMED
    others = [Fault("data.dir", f"has {more:,} more files that cannot be read")] if more > 0 else []
    require_none([*faults[:NAMED], *others])
    return images_u8


def _track(count: int, say: Say) -> Iterator[int]:
    """Yield the start of each block, and say now and then how many files are decoded."""
    begin = said = time.monotonic()
    for start in range(0, count, BLOCK):
        now = time.monotonic()
        if start and now - said > PROGRESS_EVERY_S:
            left_s = (now - begin) / start * (count - start)
            say(f"decoded {start:,} of {count:,} pictures, {left_s:.0f} s left ...")
            said = now
        yield start


def try_decode(path: Path, shape: Format) -> ImagesU8 | Fault:
    """Return the image in a file, (size, size, channels), or the fault of a damaged file."""
    try:
        return decode(path, shape)
    except DAMAGED as error:
        return Fault(str(path), f"cannot be decoded ({error}); expected a PNG or JPEG file")


def decode(path: Path, shape: Format) -> ImagesU8:
    """Return the image in a file, (size, size, channels); raises one of DAMAGED.

    It is turned as its EXIF data ask, put on white where it is transparent, resized so that the
    shorter side fits, and cropped around its centre.
    """
    with Image.open(path, formats=("PNG", "JPEG")) as opened:
        image = ImageOps.exif_transpose(opened)
        if image.mode.startswith("I"):  # 16 bits, which Pillow would cut off at 255
            image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        if image.has_transparency_data:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        image = image.convert("L" if shape.channels == 1 else "RGB")
        side = (shape.size, shape.size)
        fitted = ImageOps.fit(image, side, Image.Resampling.LANCZOS)
    return np.asarray(fitted).reshape(*side, shape.channels)
