"""Resolves the paths in a configuration, and checks names that are used as folders.

config = resolve_places(config, Path.cwd())
config.tracking.dir   # "/home/me/project/mlruns"; absolute, since a job may run in another folder
"""

from __future__ import annotations

import dataclasses
import os
import re
import stat
from pathlib import Path
from typing import Any

import platformdirs

from dcgan_sweeps.config.faults import Fault, refuse, require_none

# Group and key of every setting that is a path; tracking.uri may contain the path of SQLite's file.
PATHS = (("tracking", "dir"), ("data", "dir"), ("score", "classifier"))
PATH_KEYS = ("tracking.uri", *map(".".join, PATHS))
LONGEST_SHOWN = 200  # characters of a wrong path in a message
STUDY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")
STUDY_NAMES = "at most 120 letters, digits, '.', '_' and '-', starting with a letter or a digit"


def resolve_folder(key: str, folder: str) -> Path:
    """Return the absolute path of a folder, which need not exist.

    Raises RequestError, as a fault of `key`, if the path is not valid.
    """
    try:
        # Path.resolve() raises RuntimeError for a cycle of symbolic links; with realpath, the
        # first use of the folder raises the system's own error.
        path = Path(os.path.realpath(Path(folder).expanduser()))
        str(path).encode()  # addresses and databases are UTF-8
    except (ValueError, RuntimeError) as error:  # a NUL, a lone surrogate, an unknown ~USER
        raise refuse(key, f"got {folder!r}; it is not a valid path") from error
    return path


def require_folder(key: str, folder: str) -> Path:
    """Return the absolute path of a folder that exists or can be created.

    Raises RequestError, as a fault of `key`, with the system's reason otherwise.
    """
    path = resolve_folder(key, folder)
    for place in (path, *path.parents):
        try:
            is_folder = stat.S_ISDIR(place.stat().st_mode)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise refuse(key, f"got {shorten_path(folder)}; {error.strerror}") from error
        if not is_folder:
            raise refuse(key, f"got {shorten_path(folder)}; {place} is not a folder")
        if not os.access(place, os.W_OK | os.X_OK):
            raise refuse(key, f"got {shorten_path(folder)}; {place} cannot be written to")
        break
    return path


def shorten_path(path: str) -> str:
    """Shorten a very long path for a message by leaving out its middle."""
    if len(path) <= LONGEST_SHOWN:
        return path
    half = LONGEST_SHOWN // 2
    return f"{path[:half]}...{path[-half:]} ({len(path)} characters)"


def resolve_places(config: Any, folder: Path) -> Any:
    """Return a configuration with absolute paths; relative ones are resolved against `folder`.

    Raises RequestError for a ~USER without a home folder.
    """
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
    """Return an absolute path; a relative one is resolved against `folder`.

    Symbolic links are not followed. Raises RuntimeError for a ~USER without a home folder.
    """
    return folder / Path(path).expanduser()


def resolve_url(url: str, folder: Path) -> str:
    """Return a store's URL, in which the path of a SQLite file is made absolute."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # not a database URL; opening it reports the fault
        return url
    path = parsed.database
    is_file = parsed.get_backend_name() == "sqlite" and path and not path.startswith((":", "file:"))
    if not is_file or path is None or Path(path).is_absolute():
        return url
    return parsed.set(database=str(folder / path)).render_as_string(hide_password=False)


def show_path(path: str) -> str:
    """Return a path relative to the current folder if it is inside it, else an absolute one."""
    absolute, here = Path(path).expanduser().absolute(), Path.cwd()
    return str(absolute.relative_to(here) if absolute.is_relative_to(here) else absolute)


def shorten_home(text: str) -> str:
    """Return text for a person to read, with ~ in the place of the home folder."""
    home = os.path.expanduser("~")  # noqa: PTH111 - that of Path raises
    return text.replace(f"{home}{os.sep}", f"~{os.sep}") if len(home) > 1 else text


def find_cache(name: str) -> Path | None:
    """Return a folder of the cache, which need not exist; None if the user has no home folder."""
    folder = platformdirs.user_cache_path("dcgan_sweeps") / name
    # The package sets HOME to the null device for a user without a home folder.
    return None if folder.is_relative_to(os.devnull) else folder
