"""Features of the real images that fakes are compared with, read once and kept.

read_rows(classifier, images.train_u8, rows, batch_size=500, say=print)
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from dcgan_sweeps.scoring.cache import FEW, Arrays, load_arrays, name_arrays
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

    def measure() -> Arrays:
        begin = time.perf_counter()
        say(f"reading {len(images_u8):,} real images, once for this machine ...")
        features, logits = classifier.read(images_u8, batch_size)
        say(f"  done after {time.perf_counter() - begin:.0f} s")
        return {"features": features, "logits": logits}

    name = f"{classifier.sha256[:16]}_{batch_size}_{name_arrays(images_u8, *first)}"
    kept = load_arrays(name, measure, say)
    return kept["features"], kept["logits"]
