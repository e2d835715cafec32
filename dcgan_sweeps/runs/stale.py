"""Runs that a store calls RUNNING though their process is gone.

    found = find_stale(client, Path("mlruns"))
    close_stale(client, found.stale[0], Path("mlruns"))

A store may be anybody's, so a folder that it names is believed only where it is below the place
that this user told, and its own file says that it is this run's.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient

from dcgan_sweeps.config import Tracking
from dcgan_sweeps.paths import resolve_folder
from dcgan_sweeps.runs.logged_run import LoggedRun, find_running
from dcgan_sweeps.tracking.folder import OWNERS, RunFolder
from dcgan_sweeps.tracking.mirror import Mirror
from dcgan_sweeps.tracking.outcome import Outcome

YOUNG_S = 60  # a run is in the store a moment before it holds its folder
LOCK_FILE = ".lock"
LARGEST_OWNER = 10_000_000  # characters of a file that says whose a folder is
REASON = "its process was gone; closed by doctor"


@dataclass(frozen=True)
class Running:
    """The runs that a store calls RUNNING: those whose process is gone, those at work, and those
    of which cannot be told here, since they have no folder of theirs below the place told."""

    stale: Sequence[LoggedRun]
    alive: Sequence[LoggedRun]
    unknown: Sequence[LoggedRun]


def find_stale(client: MlflowClient, place: Path) -> Running:
    """Return the runs that a store calls RUNNING, by what their folders below `place` show.

    Nothing is written.
    """
    found: dict[str, list[LoggedRun]] = {"stale": [], "alive": [], "unknown": []}
    for run in find_running(client):
        found[_judge(run, place)].append(run)
    return Running(**found)


def _judge(run: LoggedRun, place: Path) -> str:
    folder = find_own_folder(run, place)
    if folder is None:
        return "unknown"
    # The clock may have been put back since.
    if abs(time.time() - run.start_ms / 1000) < YOUNG_S:
        return "alive"
    return {True: "alive", False: "stale", None: "unknown"}[is_held(folder.root / LOCK_FILE)]


def is_held(lock: Path) -> bool | None:
    """Return whether a process holds a lock file, None where that cannot be told.

    The file is neither made nor changed.
    """
    try:
        # Neither a pipe that would wait for a writer nor a link to another file is opened.
        descriptor = os.open(lock, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def find_own_folder(run: LoggedRun, place: Path) -> RunFolder | None:
    """Return the folder of a run, or of the study that it is the parent of.

    None unless it is below `place`, with symbolic links followed, and its own file names this run.
    """
    named = run.tags.get("folder", "")
    if not named or "\0" in named:
        return None
    try:
        root = Path(named).resolve()
        if not root.is_relative_to(resolve_folder("tracking.dir", str(place))):
            return None
        owner = find_owner(root)
    except (OSError, RuntimeError, ValueError, RecursionError):  # not there, a loop, no JSON
        return None
    return RunFolder(root) if owner == run.run_id else None


def find_owner(root: Path) -> object:
    """Return the run that a folder's own files name; raises OSError or ValueError."""
    for name, key in OWNERS:
        if (root / name).is_file():
            content = json.loads(_read_small(root / name))
            if isinstance(content, dict) and content.get(key) is not None:
                return content[key]
    return None


def _read_small(path: Path) -> str:
    """Return the text of a plain file that is small; raises OSError or ValueError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    with open(descriptor, encoding="utf-8") as file:  # noqa: PTH123 - of a descriptor
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError(f"{path} is no plain file")
        return file.read(LARGEST_OWNER)


def close_stale(client: MlflowClient, run: LoggedRun, tracking: Tracking) -> bool:
    """End a run as interrupted, so that it can be resumed, as can the study of a trial; return
    whether that was done: one that somebody goes on with just now is left alone.

    Raises what MLflow raises.
    """
    folder = find_own_folder(run, Path(tracking.dir))
    if folder is None or is_held(folder.root / LOCK_FILE) is not False:
        return False
    try:
        lock = folder.lock()
    except BlockingIOError:
        return False
    with lock:
        if folder.read_ending() is None:
            folder.end(Outcome.INTERRUPTED, REASON)
        Mirror(folder, tracking).update()
    return True
