"""Finds and closes stale runs: their status is RUNNING, but their process is gone.

    found = find_stale(client, Path("mlruns"))
    close_stale(client, found.stale[0], Path("mlruns"))

A store may come from somebody else, so a folder that it names is used only if it is inside the
user's own folder, and its files name this run.
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

from dcgan_sweeps.config.schema import Tracking
from dcgan_sweeps.paths import resolve_folder
from dcgan_sweeps.runs.logged_run import LoggedRun, find_running
from dcgan_sweeps.tracking.folder import OWNERS, RunFolder
from dcgan_sweeps.tracking.mirror import Mirror
from dcgan_sweeps.tracking.outcome import Outcome

YOUNG_S = 60  # a new run may not hold the lock of its folder yet
LOCK_FILE = ".lock"
LARGEST_OWNER = 10_000_000  # characters read of the file that names a folder's run
REASON = "its process is gone; closed by doctor"


@dataclass(frozen=True)
class Running:
    """The runs whose status is RUNNING, by the state of their process.

    It is unknown for runs without a folder inside the given place.
    """

    stale: Sequence[LoggedRun]
    alive: Sequence[LoggedRun]
    unknown: Sequence[LoggedRun]


def find_stale(client: MlflowClient, place: Path) -> Running:
    """Return the runs whose status is RUNNING, judged by their folders inside `place`.

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
    # The difference is negative if the clock was set back.
    if abs(time.time() - run.start_ms / 1000) < YOUNG_S:
        return "alive"
    return {True: "alive", False: "stale", None: "unknown"}[is_held(folder.root / LOCK_FILE)]


def is_held(lock: Path) -> bool | None:
    """Return whether a process holds a lock file, None if this cannot be determined.

    The file is neither created nor changed.
    """
    try:
        # The flags avoid waiting for the writer of a pipe and following a link to another file.
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
    """Return the folder of a run, or of the study whose parent run it is.

    Returns None unless the folder is inside `place`, with symbolic links followed, and its own
    files name this run.
    """
    named = run.tags.get("folder", "")
    if not named or "\0" in named:
        return None
    try:
        root = Path(named).resolve()
        if not root.is_relative_to(resolve_folder("tracking.dir", str(place))):
            return None
        owner = find_owner(root)
    except (OSError, RuntimeError, ValueError, RecursionError):  # missing, a loop, not JSON
        return None
    return RunFolder(root) if owner == run.run_id else None


def find_owner(root: Path) -> object:
    """Return the run id in a folder's files; raises OSError or ValueError."""
    for name, key in OWNERS:
        if (root / name).is_file():
            content = json.loads(_read_small(root / name))
            if isinstance(content, dict) and content.get(key) is not None:
                return content[key]
    return None


def _read_small(path: Path) -> str:
    """Return the start of a regular file as text; raises OSError or ValueError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    with open(descriptor, encoding="utf-8") as file:  # noqa: PTH123 - of a descriptor
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError(f"{path} is not a regular file")
        return file.read(LARGEST_OWNER)


def close_stale(client: MlflowClient, run: LoggedRun, tracking: Tracking) -> bool:
    """End a stale run, or a trial, as interrupted, so that it can be resumed.

    Returns False, and changes nothing, if a process is working on the run. Raises what MLflow
    raises.
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
