"""The identity of a score; scores of different identities cannot be compared.

    identity = Identity(classifier=sha256, data=digest, count=10_000, seed=0)
    identity.digest      # 16 hex digits
    identity.describe()  # in words

This module does not import TensorFlow.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dcgan_sweeps.config.faults import refuse
from dcgan_sweeps.config.schema import Score
from dcgan_sweeps.datasets.images import HOLDOUT_SEED
from dcgan_sweeps.paths import resolve_folder

SHIPPED = Path(__file__).resolve().parent / "classifier" / "shipped"
WEIGHTS_FILE = "classifier.npz"
PREPROCESSING = "u8 / 127.5 - 1, float32"
TAP = "spatial means of the last convolution after its ReLU, with a root mean square of 1"
# The errors that NumPy raises for a file that is not an npz of arrays.
DAMAGED = (ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)
# Increased whenever a generator would get another score for a reason that no field states.
VERSION = 1


@dataclass(frozen=True)
class Identity:
    """All that a score depends on except the generator."""

    classifier: str  # SHA-256 of its file
    data: str  # digest of the data set
    count: int  # fakes
    seed: int  # of their latents
    tap: str = TAP
    preprocessing: str = PREPROCESSING
    holdout_seed: int = HOLDOUT_SEED
    version: int = VERSION

    @property
    def digest(self) -> str:
        """16 hex digits that are equal only where every field is equal."""
        parts = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return hashlib.sha256(parts.encode()).hexdigest()[:16]

    def describe(self) -> str:
        """Return the identity in words, so that people can tell two apart."""
        return (
            f"{self.count} images, classifier {self.classifier[:12]}, data {self.data[:12]}, "
            f"seed {self.seed}, version {self.version}"
        )


def read_arrays(folder: str | None) -> list[npt.NDArray[np.float32]]:
    """Return the weights of the classifier in `folder`, or of the shipped one, in their order.

    Raises RequestError that names a file that is not a classifier.
    """
    content = read_weights(folder)
    with naming_damage(folder):
        return decode_arrays(content)


@contextmanager
def naming_damage(folder: str | None) -> Iterator[None]:
    """Turn one of DAMAGED, or an OSError, into a RequestError that names a classifier's file."""
    try:
        yield
    except (OSError, *DAMAGED) as error:
        path = find_classifier_dir(folder) / WEIGHTS_FILE
        problem = f"got {path}, which is not a classifier ({error})"
        raise refuse("score.classifier", problem) from error


def decode_arrays(content: bytes) -> list[npt.NDArray[np.float32]]:
    """Return the weights in a classifier's file, in their order; nothing is unpickled.

    Raises one of DAMAGED where they are not those of a classifier.
    """
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        weights = [arrays[name].astype(np.float32) for name in sorted(arrays.files)]
    dense = [each for each in weights if each.ndim == 2]
    if not any(each.ndim == 4 for each in weights) or len(dense) != 2:
        raise ValueError(f"arrays of shapes {[each.shape for each in weights]}")
    return weights


def identify(settings: Score, data_digest: str) -> Identity:
    """Return the identity of the scores that `settings` ask for on a data set.

    Raises RequestError where the classifier cannot be read.
    """
    sha256 = hashlib.sha256(read_weights(settings.classifier)).hexdigest()
    return Identity(sha256, data_digest, settings.count, settings.seed)


def find_classifier_dir(folder: str | None) -> Path:
    """Return the folder of a classifier, where None is the shipped one."""
    return SHIPPED if folder is None else resolve_folder("score.classifier", folder)


def read_weights(folder: str | None) -> bytes:
    """Return the content of a classifier's file, that of the shipped one for None.

    Raises RequestError that names a file that cannot be read.
    """
    with naming_damage(folder):
        return (find_classifier_dir(folder) / WEIGHTS_FILE).read_bytes()
