"""Relative paths of a request, made absolute once, where the request is read: a job may work in
another folder.

config = resolve_places(config, Path.cwd())
config.tracking.dir   # "/home/me/project/mlruns"
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from dcgan_sweeps.config import Fault, RequestError

# Group and key of everything that names a file or folder; of tracking.uri, SQLite's file.
PATHS = (("tracking", "dir"), ("data", "dir"), ("score", "classifier"))


def resolve_places(config: Any, folder: Path) -> Any:
    """Return a configuration whose paths are absolute, those that were relative below `folder`.

    Raises RequestError for a ~ that stands for nobody's home.
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
    if faults:
        raise RequestError(faults)
    tracking = config.tracking
    if tracking.uri is None:
        return config
    uri = resolve_url(tracking.uri, folder)
    return dataclasses.replace(config, tracking=dataclasses.replace(tracking, uri=uri))


def resolve_path(path: str, folder: Path) -> Path:
    """Return an absolute path, a relative one being below `folder`; links are left as they are.

    Raises RuntimeError for a ~ that stands for nobody's home.
    """
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
