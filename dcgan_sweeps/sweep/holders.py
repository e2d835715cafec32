"""Finds the process that works on a trial, on this host or on another one.

if is_alive(folder, 3): ...                     # a controller that resumes a study
wait_for_others(folder.find_heartbeat(3))       # a job, before it works on the trial
"""

from __future__ import annotations

import platform
import time
from pathlib import Path

import psutil

from dcgan_sweeps.config.faults import refuse
from dcgan_sweeps.sweep.folder import StudyFolder
from dcgan_sweeps.sweep.heartbeat import BEAT_S, Watch, read_heartbeat, revoke
from dcgan_sweeps.tracking.folder import RunFolder

END_S = 10  # for the trials of a controller that is gone to end
LAST_S = 60  # for a process that was told to end
SILENCE_S = 5 * BEAT_S  # of a process whose job has ended


def is_alive(study: StudyFolder, number: int) -> bool:
    """Return whether a process works on a trial of a controller that is gone.

    On this host, such processes end within END_S where their launcher ends them. Raises
    RequestError for one that has no heartbeat, so that its end could not be seen.
    """
    until = time.monotonic() + END_S
    while True:
        heartbeat = read_heartbeat(study.find_heartbeat(number))
        if heartbeat is not None and heartbeat.host != platform.node():
            return True
        holder = find_holder(study.find_trial(number))
        if not holder and (heartbeat is None or not psutil.pid_exists(heartbeat.process)):
            return False
        if time.monotonic() > until:
            break
        time.sleep(0.2)
    if heartbeat is None:
        problem = f"trial {number} is still running, as {holder}"
        raise refuse("hydra.sweeper.study_name", problem)
    return True


def find_holder(folder: RunFolder) -> str:
    """Return in words which process of this host works in a folder, "" if none does."""
    if not folder.root.is_dir():
        return ""
    try:
        folder.lock().close()
    except BlockingIOError as error:
        return str(error)
    return ""


def wait_until_free(folder: RunFolder) -> None:
    """Wait until no process of this host works in a folder, for at most LAST_S.

    A scheduler may start the next job of a trial before the process of the last one has ended.
    """
    until = time.monotonic() + LAST_S
    while find_holder(folder) and time.monotonic() < until:
        time.sleep(0.2)


def wait_for_others(path: Path) -> None:
    """Wait while another job works on a trial, and revoke its heartbeat if that stops.

    A job that is told to end saves a checkpoint first, while its scheduler may count it as ended.
    And a job can wait in a queue for so long that its study was started again meanwhile.
    """
    watch = Watch()
    while (silence_s := watch.measure_silence_s(path)) is not None:
        if silence_s > SILENCE_S:
            revoke(path)
        time.sleep(BEAT_S / 4)
