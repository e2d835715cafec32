"""Finds the files of a data set that the user has put into data.dir."""

from __future__ import annotations

from pathlib import Path

from dcgan_sweeps.config.faults import refuse
from dcgan_sweeps.config.schema import Data
from dcgan_sweeps.datasets.data_error import DataError
from dcgan_sweeps.paths import resolve_folder


def require_dir(data: Data, content: str) -> Path:
    """Return the folder data.dir; raises RequestError where it is not a folder with `content`."""
    if data.dir is None:
        problem = f"got null; allowed: a folder with {content}, for data={data.name}"
        raise refuse("data.dir", problem)
    folder = resolve_folder("data.dir", data.dir)
    if not folder.is_dir():
        raise refuse(
            "data.dir", f"got {folder}, which is not a folder; allowed: one with {content}"
        )
    return folder


def require_file(folder: Path, name: str, content: str) -> Path:
    """Return the path of a file in `folder`; raises DataError where it is missing."""
    path = folder / name
    if not path.is_file():
        raise DataError("data.dir", f"got {folder}, which has no {name}; allowed: {content}")
    return path


def read_file(path: Path) -> bytes:
    """Return the content of a file; raises DataError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(str(path), f"cannot be read ({error.strerror})") from error
