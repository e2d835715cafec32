"""Finds Fashion-MNIST on this machine, or fetches it into the cache."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dcgan_sweeps.datasets.data_error import DataError
from dcgan_sweeps.datasets.fashion_files import FILES, WAYS_TO_PROVIDE, parse_verified
from dcgan_sweeps.datasets.idx_format import find_file, unpack
from dcgan_sweeps.files import write_whole
from dcgan_sweeps.paths import find_cache, resolve_folder

DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
DEBIAN_PACKAGE = "dataset-fashion-mnist"
FETCH_TIMEOUT_S = 1800
PROGRESS_EVERY_S = 3

Say = Callable[[str], None]


@dataclass(frozen=True)
class Source:
    """A folder with the four files, and its name for messages."""

    name: str
    folder: Path


find_cache_dir = functools.partial(find_cache, "fashion-mnist")


def find_source(data_dir: str | None) -> Source | None:
    """Return the first source that has all four files, or None; with `data_dir` only that folder.

    Raises DataError if a file is missing in `data_dir`.
    """
    if data_dir is not None:
        folder = resolve_folder("data.dir", data_dir)
        for file in FILES:
            if find_file(folder, file.name) is None:
                problem = f"got {folder}; it has no {file.name}, with or without .gz"
                raise DataError("data.dir", problem, WAYS_TO_PROVIDE)
        return Source("data.dir", folder)
    return next(iter(list_sources()), None)


def list_sources() -> list[Source]:
    """Return the sources on this machine that have all four files, in order of preference."""
    known = [Source(f"Debian's {DEBIAN_PACKAGE}", DEBIAN_FOLDER)]
    cache = find_cache_dir()
    known += [Source("cache", cache)] if cache is not None else []
    return [each for each in known if all(find_file(each.folder, file.name) for file in FILES)]


def fetch(say: Say) -> Source:
    """Fetch the four files, verify them, and return the cache; `say` gets progress lines.

    Raises DataError with the reason why each way of fetching failed.
    """
    cache = find_cache_dir()
    if cache is None:
        raise DataError("cache", "has no folder; set HOME or XDG_CACHE_HOME", WAYS_TO_PROVIDE)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        return _fetch_into(cache, say)
    except OSError as error:
        problem = f"cannot be used as a cache ({error.strerror})"
        raise DataError(str(cache), problem, WAYS_TO_PROVIDE) from error


def _fetch_into(cache: Path, say: Say) -> Source:
    failures = []
    for name, download in (("Keras's download", _ask_keras), ("Debian's package", _ask_debian)):
        with tempfile.TemporaryDirectory(dir=cache.parent, prefix="fetching-") as scratch:
            try:
                say(f"fetching Fashion-MNIST: {name} ...")
                _keep(download(Path(scratch), say), cache, say)
                return Source("cache", cache)
            except (FetchError, DataError) as error:
                failures.append(f"{name}: {error}")
                say(f"  {name} failed: {error}")
    problem = f"could not be fetched ({' | '.join(failures)})"
    raise DataError("data", problem, WAYS_TO_PROVIDE)


class FetchError(Exception):
    """One way of fetching the data failed."""


def _ask_keras(scratch: Path, say: Say) -> Path:
    # In another process, since Keras imports TensorFlow and reads its folder from the environment.
    command = [
        sys.executable,
        "-c",
        "from keras.datasets import fashion_mnist; fashion_mnist.load_data()",
    ]
    # Without the user's own settings of Keras, which may require another backend.
    inherited = {name: x for name, x in os.environ.items() if not name.startswith("KERAS_")}
    own = {"KERAS_HOME": str(scratch), "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    _run(command, scratch, inherited | own, say)
    return scratch / "datasets" / "fashion-mnist"


def _ask_debian(scratch: Path, say: Say) -> Path:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise FetchError("apt-get or dpkg-deb is not installed")
    # With separate package lists: the system's may be missing, and updating them needs root.
    lists = scratch / "lists"
    (lists / "partial").mkdir(parents=True)
    apt = ["apt-get", "-q", "-o", f"Dir::State::Lists={lists}", "-o", "APT::Sandbox::User="]
    _run([*apt, "update"], scratch, os.environ, say)
    _run([*apt, "download", DEBIAN_PACKAGE], scratch, os.environ, say)
    packages = list(scratch.glob(f"{DEBIAN_PACKAGE}_*.deb"))
    if len(packages) != 1:
        raise FetchError(f"apt-get downloaded {len(packages)} packages instead of 1")
    _run(["dpkg-deb", "-x", str(packages[0]), str(scratch / "tree")], scratch, os.environ, say)
    return scratch / "tree" / DEBIAN_FOLDER.relative_to("/")


def _run(command: list[str], folder: Path, environment: Mapping[str, str], say: Say) -> None:
    """Run a command in `folder` and report its download size now and then; raises FetchError."""
    with (folder / "output.log").open("w+") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait(process, folder, say)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        output.seek(0)
        lines = output.read().strip().splitlines() or ["no output"]
    if process.returncode != 0:
        raise FetchError(f"{Path(command[0]).name} failed: {lines[-1]}")


def _wait(process: subprocess.Popen[bytes], folder: Path, say: Say) -> None:
    """Wait until a process ends or FETCH_TIMEOUT_S has passed."""
    begin = time.monotonic()
    while process.poll() is None:
        try:
            process.wait(PROGRESS_EVERY_S)
        except subprocess.TimeoutExpired:
            elapsed_s = time.monotonic() - begin
            say(f"  {measure_size(folder) / 1e6:.1f} MB after {elapsed_s:.0f} s ...")
            if elapsed_s > FETCH_TIMEOUT_S:
                return


def measure_size(folder: Path) -> int:
    """Return the size in bytes of a folder that another process may be writing to."""
    sizes = []
    for path in folder.rglob("*"):
        try:
            sizes.append(path.stat().st_size if path.is_file() else 0)
        except FileNotFoundError:  # renamed meanwhile
            continue
    return sum(sizes)


def _keep(fetched: Path, cache: Path, say: Say) -> None:
    for number, file in enumerate(FILES, start=1):
        path = find_file(fetched, file.name)
        if path is None:
            raise FetchError(f"{file.name} is missing in the download")
        content = unpack(path)
        parse_verified(content, file, file.name)
        write_whole(cache / file.name, content)
        say(f"  {number} of {len(FILES)}: {file.name}, {len(content) / 1e6:.1f} MB, verified")
