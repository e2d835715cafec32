"""Runs functions as Slurm jobs, each with one task, and waits for them.

jobs = Jobs(folder, settings)
value = jobs.run(function, name="study:3", number=3, is_final=lambda value: True)

submitit writes the job's script and runs the function in the job. It learns of a dead job only from
Slurm's accounting, and looks there every ten minutes, so the waiting is done here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import submitit
from submitit.core.utils import FailedJobError, pickle_load

from dcgan_sweeps.config.faults import refuse
from dcgan_sweeps.interrupt import JobPreempted
from dcgan_sweeps.slurm.queue import (
    ENDED,
    GONE,
    NoAnswer,
    Queue,
    cancel_jobs,
    is_unanswered,
    list_jobs,
)
from dcgan_sweeps.slurm.settings import LAUNCHER, SlurmSettings

LOOK_S = 0.5  # between two looks for the file of the result
FILE_S = 10  # until a file that another node wrote is seen here
END_S = 60  # for the jobs of an earlier start to end; KillWait is 30 s unless the cluster sets it


class JobEnded(Exception):
    """The job ended without a result."""


class Jobs:
    """The Slurm jobs of one study, whose scripts, logs and results are in `folder`/ID."""

    def __init__(self, folder: Path, settings: SlurmSettings):
        self.folder = folder
        self.settings = settings
        self.queue = Queue(settings.poll_s)
        self._lock = threading.Lock()
        self._running: dict[int, str] = {}
        self._stopped = False

    def run(
        self, work: Callable[[], Any], name: str, number: int, is_final: Callable[[Any], bool]
    ) -> Any:
        """Submit a job that calls `work`, wait for its end, and return the value of `work`.

        Raises JobPreempted where Slurm stopped the job and it can be submitted again, and JobEnded
        where it died or was cancelled. `is_final` is false for the value of a job that was stopped.
        """
        job = self._submit(work, name, number)
        try:
            return self._wait(job, is_final)
        finally:
            with self._lock:
                if self._running[number] == job.job_id:  # else it was given up, and has another
                    del self._running[number]

    def cancel(self, number: int) -> None:
        """Cancel the job of a trial, if it has one."""
        with self._lock:
            found = [self._running[number]] if number in self._running else []
        cancel_jobs(found)

    def stop(self) -> None:
        """Cancel all jobs, and submit no more."""
        with self._lock:
            self._stopped = True
            found = list(self._running.values())
        cancel_jobs(found)

    def cancel_earlier(self, study: str) -> None:
        """Cancel the jobs that an earlier start of the study left, and wait until they ended.

        A running trial saves a checkpoint. Raises RequestError where they do not end.
        """
        until = time.monotonic() + END_S
        cancelled: set[str] = set()
        while left := self._list_earlier(study):
            cancel_jobs([each for each in left if each not in cancelled])
            cancelled |= set(left)
            if time.monotonic() > until:
                problem = f"Slurm jobs of an earlier start do not end: {', '.join(left)}"
                raise refuse("hydra.sweeper.study_name", problem)
            time.sleep(1)

    def _list_earlier(self, study: str) -> list[str]:
        # Slurm counts its jobs anew where its state was lost, so the id alone is not enough.
        known = {path.name for path in self.folder.glob("*/")}
        try:
            jobs = list_jobs()
        except NoAnswer as error:
            raise refuse("hydra/launcher", f"got {LAUNCHER}; squeue failed: {error}") from error
        return [
            job_id
            for job_id, state, name in jobs
            if job_id in known and name.startswith(f"{study}:") and state not in ENDED
        ]

    def _submit(self, work: Callable[[], Any], name: str, number: int) -> submitit.Job[Any]:
        """Submit a job; wait where slurmctld does not answer, as it may be started again."""
        executor = submitit.SlurmExecutor(self.folder / "%j")
        executor.update_parameters(**make_parameters(self.settings, name))
        while True:
            with self._lock:  # a job that is submitted while others are cancelled would be left
                if self._stopped:
                    raise JobEnded("stopped before it was submitted")
                try:
                    job: submitit.Job[Any] = executor.submit(work)
                except FailedJobError as error:
                    if not is_unanswered(str(error)):
                        raise
                else:
                    self._running[number] = job.job_id
                    return job
            time.sleep(self.settings.poll_s)

    def _wait(self, job: submitit.Job[Any], is_final: Callable[[Any], bool]) -> Any:
        begin_s = time.monotonic()
        ended_s = None
        while True:
            is_there, value = read_value(job)
            state = self.queue.find_state(job.job_id, begin_s)
            if is_there and is_final(value):
                return value
            if state in ENDED:
                ended_s = ended_s or time.monotonic()
                waited = time.monotonic() - ended_s > FILE_S
                if is_there or waited or state in ("CANCELLED", "PREEMPTED"):
                    raise explain_end(job.job_id, state, self.settings, is_there=is_there)
            time.sleep(LOOK_S)


def make_parameters(settings: SlurmSettings, name: str) -> dict[str, Any]:
    """Return the parameters of a job for submitit; those that are None are left to the cluster."""
    asked: dict[str, Any] = {
        "job_name": name,
        "partition": settings.partition,
        "account": settings.account,
        "qos": settings.qos,
        "constraint": settings.constraint,
        "time": settings.timeout_min,
        "signal_delay_s": settings.signal_delay_s,
        "cpus_per_task": settings.cpus_per_task,
        "gpus_per_node": settings.gpus_per_node,
        "mem": None if settings.mem_gb is None else f"{int(settings.mem_gb * 1024)}M",
        "nodes": 1,
        "ntasks_per_node": 1,
        "setup": settings.setup or None,
        # Since Slurm 22.05 srun does not take it from the job.
        "srun_args": [f"--cpus-per-task={settings.cpus_per_task}", *settings.srun_args],
    }
    requeue = "requeue" if settings.requeue else "no-requeue"
    asked["additional_parameters"] = {requeue: True, **settings.additional_parameters}
    return {key: value for key, value in asked.items() if value is not None}


def read_value(job: submitit.Job[Any]) -> tuple[bool, Any]:
    """Return whether a job has written its value, and the value; raises what the job raised."""
    path = job.paths.result_pickle
    if not path.exists():
        return False, None
    outcome, value = pickle_load(path)
    if outcome == "error":
        last = str(value).strip().rpartition("\n")[2]
        raise JobEnded(f"{last}\n{value}")
    return True, value


def explain_end(
    job_id: str, state: str, settings: SlurmSettings, *, is_there: bool
) -> JobPreempted | JobEnded:
    """Return the error for a job that has ended before its work did.

    `is_there` says that the work was stopped by a signal, and returned.
    """
    if state == "PREEMPTED" or (is_there and state in ("COMPLETED", "TIMEOUT", GONE)):
        how = "preempted it" if state == "PREEMPTED" else "stopped it"
        return JobPreempted(f"Slurm {how}, as job {job_id}")
    if state == "CANCELLED":
        return JobEnded(f"its Slurm job {job_id} was cancelled")
    if state == GONE:
        return JobEnded(f"Slurm no longer knows its job {job_id}, which left no result")
    if state == "TIMEOUT":
        limit = f"{settings.timeout_min} min, and needed more than {settings.signal_delay_s} s"
        return JobEnded(f"its Slurm job {job_id} reached its limit of {limit} to stop")
    return JobEnded(f"its Slurm job {job_id} ended as {state}")
