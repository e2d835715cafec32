"""Loads Fashion-MNIST, from this machine or from the network."""

from __future__ import annotations

from collections.abc import Callable

from dcgan_sweeps.config.schema import Data
from dcgan_sweeps.datasets.data_error import DataError
from dcgan_sweeps.datasets.fashion_files import FILES, read_verified
from dcgan_sweeps.datasets.images import Images
from dcgan_sweeps.datasets.sources import Source, fetch, find_source, list_sources

CLASSES = (
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


def load(data: Data, say: Callable[[str], None]) -> Images:
    """Return Fashion-MNIST, as `find_fashion_mnist` does."""
    return find_fashion_mnist(data.dir, say)


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
    train, train_labels, test, test_labels = (read_verified(source.folder, each) for each in FILES)
    return Images(
        "fashion_mnist",
        f"{source.name}: {source.folder}",
        train[..., None],
        train_labels,
        test[..., None],
        test_labels,
        CLASSES,
    )
