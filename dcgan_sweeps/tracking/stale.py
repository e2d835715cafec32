"""Runs that a store calls RUNNING though their process is gone.

found = find_stale(client)
close_stale(client, found.stale)
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient

from dcgan_sweeps.tracking.archive import LoggedRun, find_running
from dcgan_sweeps.tracking.children import STUDY, TRIAL, end_dead, end_run
from dcgan_sweeps.tracking.folder import RunFolder

YOUNG_S = 60  # a run is in the store a moment before it holds its folder
REASON = "its process was gone; closed by doctor"


@dataclass(frozen=True)
class Running:
    """The runs that a store calls RUNNING: those whose process is gone, those at work, and those
    of which cannot be told here, since their folder is on another machine or they have none."""

    stale: Sequence[LoggedRun]
    alive: Sequence[LoggedRun]
    unknown: Sequence[LoggedRun]


def find_stale(client: MlflowClient) -> Running:
    """Return what the runs are that a store calls RUNNING."""
    found: dict[str, list[LoggedRun]] = {"stale": [], "alive": [], "unknown": []}
    for run in find_running(client):
        found[_judge(run)].append(run)
    return Running(**found)


def _judge(run: LoggedRun) -> str:
    folder = find_folder(run)
    if folder is None:
        return "unknown"
    if time.time() - run.start_ms / 1000 < YOUNG_S:
        return "alive"
    try:
        folder.lock().close()
    except BlockingIOError:
        return "alive"
    return "stale"


def find_folder(run: LoggedRun) -> RunFolder | None:
    """Return the folder of a run, or of the study that it is the parent of; None where it is not
    on this machine."""
    named = run.tags.get("folder", "")
    return RunFolder(Path(named)) if named and Path(named).is_dir() else None


def close_stale(client: MlflowClient, run: LoggedRun) -> bool:
    """End a run as interrupted, so that it can be resumed, as can the study of a trial; return
    whether that was done: one that somebody goes on with just now is left alone."""
    folder = find_folder(run)
    if folder is None:
        return False
    try:
        lock = folder.lock()
    except BlockingIOError:
        return False
    with lock:
        if STUDY in run.tags and TRIAL not in run.tags:
            end_run(client, run.run_id, "interrupted", REASON)
        else:
            end_dead(client, run.run_id, folder, "interrupted", REASON)
    return True
