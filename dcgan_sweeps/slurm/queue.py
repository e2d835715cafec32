"""Asks slurmctld for the states of this user's jobs, without Slurm's accounting.

queue = Queue(poll_s=5)
queue.find_state("12", since_s)   # "RUNNING"; GONE or NOT_KNOWN are the two that are not Slurm's
"""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Sequence

GONE = "GONE"  # slurmctld answers, and has no such job
NOT_KNOWN = "NOT_KNOWN"  # slurmctld has not answered, which says nothing about the job
# The states from which a job never runs again; a job that is requeued has none of them.
ENDED = frozenset(
    {"BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY"}
    | {"PREEMPTED", "REVOKED", "TIMEOUT", GONE}
)
ANSWER_S = 30  # longer than Slurm's commands try to reach slurmctld, with its MessageTimeout of 10

# How Slurm's commands say that slurmctld did not answer; any other error is its answer.
UNANSWERED = ("Unable to contact slurm controller", "Socket timed out", "Zero Bytes were transmit")


class NoAnswer(Exception):
    """slurmctld did not answer, and the message says why."""


class Queue:
    """The jobs of this user, which one call of squeue lists at most every `poll_s` seconds.

    Several threads may ask.
    """

    def __init__(self, poll_s: float):
        self.poll_s = poll_s
        self._lock = threading.Lock()
        self._states: dict[str, str] | None = None
        self._asked_s = float("-inf")

    def find_state(self, job_id: str, since_s: float) -> str:
        """Return the state of a job that was submitted at `since_s`, on the monotonic clock."""
        with self._lock:
            if time.monotonic() - self._asked_s >= self.poll_s:
                self._asked_s = time.monotonic()
                try:
                    self._states = {job_id: state for job_id, state, _ in list_jobs()}
                except NoAnswer:
                    self._states = None
            if self._states is None or self._asked_s < since_s:
                return NOT_KNOWN
            return self._states.get(job_id, GONE)


def list_jobs() -> list[tuple[str, str, str]]:
    """Return the (id, state, name) of this user's jobs; raises NoAnswer.

    Jobs that ended are listed for MinJobAge, which is 300 s unless the cluster sets it.
    """
    command = ["squeue", "--me", "--noheader", "--states=all", "--format=%A|%T|%j"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=ANSWER_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise NoAnswer(f"no answer within {ANSWER_S} s") from error
    if done.returncode != 0:
        raise NoAnswer(done.stderr.strip())
    rows = (line.split("|", 2) for line in done.stdout.splitlines())
    return [(job_id, state, name) for job_id, state, name in rows]


def is_unanswered(error: str) -> bool:
    """Return whether a command failed because slurmctld did not answer."""
    return any(words in error for words in UNANSWERED)


def cancel_jobs(job_ids: Sequence[str]) -> None:
    """Cancel jobs; each gets SIGTERM, then SIGKILL after the cluster's KillWait.

    Raises RuntimeError where slurmctld does not answer. Jobs that have ended do no harm.
    """
    if not job_ids:
        return
    try:
        done = subprocess.run(
            ["scancel", "--quiet", *job_ids],
            capture_output=True,
            text=True,
            timeout=ANSWER_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        problem = f"no answer within {ANSWER_S} s"
    else:
        problem = done.stderr.strip() if done.returncode else ""
    if problem:
        command = " ".join(["scancel", *job_ids])
        raise RuntimeError(f"Slurm jobs were not cancelled: {problem}; later: {command}")
