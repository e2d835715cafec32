"""Loads the images of a run.

images = load_images(config.data, say=print)
images.train_u8  # (60000, 28, 28), 0 to 255
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from dcgan_sweeps.config.faults import refuse
from dcgan_sweeps.config.parts import find_builder
from dcgan_sweeps.config.schema import BuiltInData, Data
from dcgan_sweeps.datasets import idx
from dcgan_sweeps.datasets.idx import DataError
from dcgan_sweeps.datasets.sources import Source, fetch, find_source, list_sources
from dcgan_sweeps.randomness import stream

ImagesU8 = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.uint8]
Indices = npt.NDArray[np.int64]

HOLDOUT_SEED = 0
SIDE = 28
# The exponent of the p-norm of each class; filled shapes and rings make ten classes.
NORMS = (0.7, 1.0, 1.5, 2.0, 8.0, 0.7, 1.0, 1.5, 2.0, 8.0)
RING_FROM = 5  # from this class on, shapes are rings
FASHION_CLASSES = (
    "top",
    "trousers",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "boot",
)


@dataclass(frozen=True)
class Images:
    """A data set in memory: images (n, 28, 28) in 0..255, labels (n,) in 0..9."""

    name: str
    source: str
    train_u8: ImagesU8
    train_labels: Labels
    test_u8: ImagesU8
    test_labels: Labels

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the labels 0 to 9."""
        return FASHION_CLASSES if self.name == "fashion_mnist" else tuple("0123456789")

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the bytes of all four arrays, as 64 hex digits."""
        sha256 = hashlib.sha256()
        for array in (self.train_u8, self.train_labels, self.test_u8, self.test_labels):
            sha256.update(np.ascontiguousarray(array).data)
        return sha256.hexdigest()


def load_images(data: Data, say: Callable[[str], None]) -> Images:
    """Return the data set that `data` names; `say` gets progress lines while it is fetched.

    Raises DataError, which names the file, what was found and what was expected.
    """
    images: Images = find_builder("data", data)(data, say)
    return images


def load_fashion_mnist(data: BuiltInData, say: Callable[[str], None]) -> Images:
    """Return Fashion-MNIST, from this machine or fetched; raises DataError."""
    return find_fashion_mnist(data.dir, say)


def load_synthetic(data: BuiltInData, say: Callable[[str], None]) -> Images:
    """Return images of small shapes."""
    return draw_synthetic(data.count or 0)


def find_fashion_mnist(data_dir: str | None, say: Callable[[str], None]) -> Images:
    """Return Fashion-MNIST as `read_local` does, and fetch it if there is no valid local copy.

    Raises DataError if `data_dir` is not valid, or if the data could not be fetched.
    """
    found = read_local(data_dir, say)
    return read_fashion_mnist(fetch(say)) if found is None else found


def read_local(data_dir: str | None, say: Callable[[str], None]) -> Images | None:
    """Return Fashion-MNIST from `data_dir`, or from the first source whose files are valid.

    Returns None if there is no such source. `say` gets a line for each source that is skipped.
    """
    named = find_source(data_dir) if data_dir is not None else None
    if named is not None:
        return read_fashion_mnist(named)
    for source in list_sources():
        try:
            return read_fashion_mnist(source)
        except DataError as error:
            say(f"skipped {source.name}: {error.what}")
    return None


def read_fashion_mnist(source: Source) -> Images:
    """Return Fashion-MNIST from the four files of `source`, each of which is verified."""
    arrays = [idx.read_verified(source.folder, file) for file in idx.FILES]
    return Images("fashion_mnist", f"{source.name}: {source.folder}", *arrays)


def draw_synthetic(count: int) -> Images:
    """Return `count` training images of small shapes, and a sixth as many test images."""
    train = draw_shapes(count, stream(0, "synthetic/train"))
    test = draw_shapes(count // 6, stream(0, "synthetic/test"))
    return Images("synthetic", "drawn", *train, *test)


def draw_shapes(count: int, random: np.random.Generator) -> tuple[ImagesU8, Labels]:
    """Return `count` images (n, 28, 28) of small shapes, and their labels (n,) in cyclic order."""
    labels = (np.arange(count) % 10).astype(np.uint8)
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float64)
    images = np.empty((count, SIDE, SIDE), np.uint8)
    for image, label in zip(images, labels, strict=True):
        centre = random.uniform(11, 16, size=2)
        radius, brightness = random.uniform(6, 11), random.uniform(150, 255)
        y, x = np.abs(rows - centre[0]), np.abs(columns - centre[1])
        norm = NORMS[label]
        distance = (y**norm + x**norm) ** (1 / norm)
        coverage = np.clip(radius - distance + 0.5, 0, 1)
        if label >= RING_FROM:
            coverage -= np.clip(radius - 3 - distance + 0.5, 0, 1)
        image[:] = np.round(brightness * coverage)
    return images, labels


def split_holdout(count: int) -> tuple[Indices, Indices]:
    """Return a seeded split of the indices into five sixths and one sixth.

    The scoring classifier is trained on the first part; generators are scored against the second.
    """
    order = np.random.default_rng(HOLDOUT_SEED).permutation(count)
    return order[: count - count // 6], order[count - count // 6 :]


def choose_subset(count: int, limit: int | None, seed: int) -> Indices:
    """Return the indices of `limit` of `count` images, chosen by `seed`, or of all images.

    Raises RequestError if `limit` is larger than `count`.
    """
    if limit is None:
        return np.arange(count)
    if limit > count:
        raise refuse("data.limit", f"got {limit}; allowed: at most {count}")
    return stream(seed, "subset").permutation(count)[:limit]
