"""The folder that a request names, absolute, and the names that are folders of ours.

root = resolve_folder("tracking.dir", "mlruns")
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from dcgan_sweeps.config import Fault, RequestError

LONGEST_SHOWN = 200  # characters of a path that is wrong
STUDY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")
STUDY_NAMES = "letters, digits, '.', '_' and '-', at most 120, the first a letter or a digit"


def resolve_folder(key: str, folder: str) -> Path:
    """Return a folder that was asked for, absolute; it need not be there.

    Raises RequestError, as a fault of `key`, for a name that no folder can have.
    """
    try:
        # Path.resolve() raises RuntimeError for links that lead in a circle; here the first use of
        # the folder says so, as the system does.
        path = Path(os.path.realpath(Path(folder).expanduser()))
        str(path).encode()  # addresses and databases are UTF-8
    except (ValueError, RuntimeError) as error:  # a NUL, half a character, or ~USER of nobody
        raise RequestError([Fault(key, f"got {folder!r}; no folder has that name")]) from error
    return path


def require_folder(key: str, folder: str) -> Path:
    """Return a folder that was asked for, absolute, which is there or can be made.

    Raises RequestError, as a fault of `key`, with what the system has against it.
    """
    path = resolve_folder(key, folder)
    for place in (path, *path.parents):
        try:
            place.stat()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise RequestError([Fault(key, f"got {show(folder)}; {error.strerror}")]) from error
        problem = "" if place.is_dir() else f"{place} is no folder"
        if not problem and not os.access(place, os.W_OK | os.X_OK):
            problem = f"{place} cannot be written to"
        if problem:
            raise RequestError([Fault(key, f"got {show(folder)}; {problem}")])
        break
    return path


def show(path: str) -> str:
    """Return a path as a message has it, the middle of a very long one left out."""
    if len(path) <= LONGEST_SHOWN:
        return path
    half = LONGEST_SHOWN // 2
    return f"{path[:half]}...{path[-half:]} ({len(path)} characters)"
