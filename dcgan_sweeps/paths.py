"""The places that a request names, made absolute once, and the names that are folders of ours.

config = resolve_places(config, Path.cwd())
config.tracking.dir   # "/home/me/project/mlruns": a job may work in another folder
"""

from __future__ import annotations

import dataclasses
import os
import re
import stat
from pathlib import Path
from typing import Any

import platformdirs

from dcgan_sweeps.config import Fault, refuse, require_none

# Group and key of everything that names a file or folder; of tracking.uri, SQLite's file.
PATHS = (("tracking", "dir"), ("data", "dir"), ("score", "classifier"))
PATH_KEYS = ("tracking.uri", *map(".".join, PATHS))
LONGEST_SHOWN = 200  # characters of a path that is wrong
STUDY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")
STUDY_NAMES = "letters, digits, '.', '_' and '-', at most 120, the first a letter or a digit"


def resolve_folder(key: str, folder: str) -> Path:
    """Return a folder that was asked for, absolute; it need not be there. Raises RequestError, as a
    fault of `key`, for a name that no folder can have."""
    try:
        # Path.resolve() raises RuntimeError for links that lead in a circle; here the first use of
        # the folder says so, as the system does.
        path = Path(os.path.realpath(Path(folder).expanduser()))
        str(path).encode()  # addresses and databases are UTF-8
    except (ValueError, RuntimeError) as error:  # a NUL, half a character, or ~USER of nobody
        raise refuse(key, f"got {folder!r}; no folder has that name") from error
    return path


def require_folder(key: str, folder: str) -> Path:
    """Return a folder that was asked for, absolute, which is there or can be made; raises
    RequestError, as a fault of `key`, with what the system has against it."""
    path = resolve_folder(key, folder)
    for place in (path, *path.parents):
        try:
            is_folder = stat.S_ISDIR(place.stat().st_mode)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise refuse(key, f"got {shorten_path(folder)}; {error.strerror}") from error
        if not is_folder:
            raise refuse(key, f"got {shorten_path(folder)}; {place} is no folder")
        if not os.access(place, os.W_OK | os.X_OK):
            raise refuse(key, f"got {shorten_path(folder)}; {place} cannot be written to")
        break
    return path


def shorten_path(path: str) -> str:
    """Return a path as a message has it, the middle of a very long one left out."""
    if len(path) <= LONGEST_SHOWN:
        return path
    half = LONGEST_SHOWN // 2
    return f"{path[:half]}...{path[-half:]} ({len(path)} characters)"


def resolve_places(config: Any, folder: Path) -> Any:
    """Return a configuration whose paths are absolute, those that were relative below `folder`;
    raises RequestError for a ~ that stands for nobody's home."""
    faults: list[Fault] = []
    for group, key in PATHS:
        part: Any = getattr(config, group, None)
        path = getattr(part, key, None)
        if path is None:
            continue
        try:
            changed = {key: str(resolve_path(path, folder))}
        except RuntimeError as error:
            faults.append(Fault(f"{group}.{key}", f"got {path}; {error}"))
            continue
        config = dataclasses.replace(config, **{group: dataclasses.replace(part, **changed)})
    require_none(faults)
    tracking = config.tracking
    if tracking.uri is None:
        return config
    uri = resolve_url(tracking.uri, folder)
    return dataclasses.replace(config, tracking=dataclasses.replace(tracking, uri=uri))


def resolve_path(path: str, folder: Path) -> Path:
    """Return an absolute path, a relative one being below `folder`; links are left as they are.
    Raises RuntimeError for a ~ that stands for nobody's home."""
    return folder / Path(path).expanduser()


def resolve_url(url: str, folder: Path) -> str:
    """Return a store's URL; where it names a relative SQLite file, with that made absolute."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # no database; who opens it says what is wrong
        return url
    path = parsed.database
    is_file = parsed.get_backend_name() == "sqlite" and path and not path.startswith((":", "file:"))
    if not is_file or path is None or Path(path).is_absolute():
        return url
    return parsed.set(database=str(folder / path)).render_as_string(hide_password=False)


def show_path(path: str) -> str:
    """Return a path as one types it here: relative where it is below the current folder."""
    absolute, here = Path(path).expanduser().absolute(), Path.cwd()
    return str(absolute.relative_to(here) if absolute.is_relative_to(here) else absolute)


def find_cache(name: str) -> Path | None:
    """Return a folder of our cache, which need not exist; None where this user has no home."""
    folder = platformdirs.user_cache_path("dcgan_sweeps") / name
    return None if folder.is_relative_to(os.devnull) else folder  # the package's stand-in for one
