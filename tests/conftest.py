"""Real parts: the real data set, TensorFlow on two threads, stores in temporary folders."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from processes import call

from dcgan_sweeps.config.compose import compose
from dcgan_sweeps.config.schema import Config, Runner
from dcgan_sweeps.datasets.fashion_mnist import read_fashion_mnist
from dcgan_sweeps.datasets.images import Images
from dcgan_sweeps.datasets.sources import find_source
from dcgan_sweeps.device import Device, set_up_device
from dcgan_sweeps.tracking.store import connect, find_store

Run = Callable[..., subprocess.CompletedProcess[str]]


FEW_AND_LONG = ("test_tour.py", "test_loss.py")  # files of few tests that take minutes

# Before any test module makes its first tensor, which fixes TensorFlow's threads.
DEVICE = set_up_device(Runner("cpu", "float32", "off", 2, True))


def pytest_collection_modifyitems(items):
    """Put the files that take longest first, so that no worker ends with one of them."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: (item.path.name not in FEW_AND_LONG, -slow[item.path]))


@pytest.fixture(scope="session")
def device() -> Device:
    return DEVICE


@pytest.fixture(scope="session")
def fashion() -> Images:
    source = find_source(None)
    assert source is not None, "run `make setup` first: it gets the data"
    return read_fashion_mnist(source)


@pytest.fixture
def tiny() -> Config:
    return compose("config", ["experiment=tiny"], Config)


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an MLflow store in which nothing is yet; its tables take seconds to make."""
    folder = tmp_path_factory.mktemp("store") / "mlruns"
    connect(find_store(None, str(folder))).search_experiments()
    return folder


@pytest.fixture
def store_dir(empty_store: Path, tmp_path: Path) -> Path:
    """A folder for `tracking.dir`, with an MLflow store of its own."""
    return Path(shutil.copytree(empty_store, tmp_path / "mlruns"))


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def run_module(tmp_path: Path) -> Run:
    """Run `python -m MODULE WORDS` in a folder of its own; nothing is checked."""

    def run(module: str, *words: str, **how: str) -> subprocess.CompletedProcess[str]:
        return call(tmp_path, [sys.executable, "-m", module, *words], **how)

    return run
