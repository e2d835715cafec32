"""Features of the real images that fakes are compared with, read once and kept.

read_rows(classifier, images.train_u8, rows, batch_size=500, say=print)
"""

from __future__ import annotations

import hashlib
import io
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dcgan_sweeps.files import write_whole
from dcgan_sweeps.scoring.cache import FEW, find_features_dir
from dcgan_sweeps.scoring.classifier.network import Classifier

ImagesU8 = npt.NDArray[np.uint8]
Read = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]  # features, logits
Say = Callable[[str], None]


def read_rows(
    classifier: Classifier,
    images_u8: ImagesU8,
    rows: npt.NDArray[np.int64],
    batch_size: int,
    say: Say,
) -> Read:
    """Return features (n, d) and logits (n, 10) of some of the images (m, 28, 28) of a data set."""
    if len(rows) <= FEW:
        return classifier.read(images_u8[rows], batch_size)
    features, logits = read_kept(classifier, images_u8, batch_size, say)
    return features[rows], logits[rows]


def read_kept(classifier: Classifier, images_u8: ImagesU8, batch_size: int, say: Say) -> Read:
    """Return features and logits of images (n, 28, 28), from the cache where they are in it.

    The first batch is always read, and is a part of the name that they are kept under: whatever
    changes the last bit, such as the number of threads, has a file of its own.
    """
    first = classifier.read(images_u8[:batch_size], batch_size)
    folder = find_features_dir()
    if folder is None:
        return classifier.read(images_u8, batch_size)
    path = folder / f"{_name(classifier, images_u8, batch_size, first)}.npz"
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
            return arrays["features"], arrays["logits"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        pass  # none there, or not whole
    begin = time.perf_counter()
    say(f"reading {len(images_u8):,} real images, once for this machine ...")
    read = classifier.read(images_u8, batch_size)
    say(f"  done after {time.perf_counter() - begin:.0f} s")
    try:
        _keep(path, read)
    except OSError as error:
        say(f"  they will be read anew next time: {path} cannot be written ({error.strerror})")
    return read


def _name(classifier: Classifier, images_u8: ImagesU8, batch_size: int, first: Read) -> str:
    sha256 = hashlib.sha256(f"{classifier.sha256} {batch_size}".encode())
    for array in (images_u8, *first):
        sha256.update(array.tobytes())
    return sha256.hexdigest()[:32]


def _keep(path: Path, read: Read) -> None:
    file = io.BytesIO()
    np.savez(file, features=read[0], logits=read[1])
    write_whole(path, file.getvalue())
