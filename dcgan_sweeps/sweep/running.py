"""The running trials of a controller, each in a thread of its own that waits for its launcher.

running = RunningTrials(launch, folder, heartbeat_timeout_s=30)
running.start(3, overrides, in_this_thread=False)
number, failure = running.collect(timeout_s=0.25)   # None while no trial has ended

A launcher may wait for ever for a host that is gone. So a trial on another host is given up when
its heartbeat stops, and has ended when its heartbeat is gone; whatever its launcher says later is
ignored.
"""

from __future__ import annotations

import queue
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dcgan_sweeps.interrupt import JobPreempted
from dcgan_sweeps.secrets import mask_secrets
from dcgan_sweeps.sweep.folder import StudyFolder
from dcgan_sweeps.sweep.heartbeat import Heartbeat, read_heartbeat, revoke
from dcgan_sweeps.sweep.launch import Launch
from dcgan_sweeps.sweep.result import TrialResult
from dcgan_sweeps.tracking.outcome import Outcome

# After the end of a trial's process, for its launcher to report it; Slurm's takes up to 16 s.
ENDED_S = 20.0


@dataclass(frozen=True)
class Failure:
    """An error that a trial or its launcher raised; the trial's folder may have no outcome then."""

    reason: str
    traceback: str


End = Failure | JobPreempted | None  # None: the trial's folder tells how it ended


class Start:
    """One start of a trial by this process, and what this process has seen of its heartbeat."""

    def __init__(self, number: int, earlier: Heartbeat | None, *, is_watched: bool, ended_s: float):
        self.number = number
        self.is_watched = is_watched  # whether its heartbeat tells that it is alive
        self.ended_s = ended_s  # after its end, for its launcher to report it
        self.last: Heartbeat | None = None
        self.is_gone = False  # the process has removed its heartbeat, as at its end
        self._earlier = earlier  # that of an earlier process, which may still save its work
        self._changed_s = time.monotonic()

    def look(self, path: Path) -> float:
        """Look at the heartbeat, and return the seconds for which it has not changed.

        They are 0 before the process begins to beat, as while a job waits in a queue. Raises
        OSError if the file cannot be read.
        """
        found = read_heartbeat(path)
        if found is not None and self._earlier is not None and found.token == self._earlier.token:
            found = None
        is_gone = found is None and self.last is not None
        if is_gone != self.is_gone or (found is not None and found != self.last):
            self._changed_s = time.monotonic()
        self.is_gone, self.last = is_gone, found or self.last
        return 0.0 if self.last is None else time.monotonic() - self._changed_s


class RunningTrials:
    """Starts trials, and reports their ends in the order in which they come."""

    def __init__(self, launch: Launch, folder: StudyFolder, heartbeat_timeout_s: float):
        self.launch = launch
        self.folder = folder
        self.heartbeat_timeout_s = heartbeat_timeout_s
        self._starts: dict[int, Start] = {}
        self._ended: queue.Queue[tuple[Start, End]] = queue.Queue()

    def __len__(self) -> int:
        return len(self._starts)

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self._starts))

    def start(self, number: int, overrides: Sequence[str], *, in_this_thread: bool) -> None:
        """Launch a trial; in this thread, it has ended when this returns."""
        path = self.folder.find_heartbeat(number)
        if not self.launch.is_remote:
            revoke(path)  # left by a process that was killed
        earlier = read_heartbeat(path)
        start = Start(number, earlier, is_watched=self.launch.is_remote, ended_s=ENDED_S)
        self._starts[number] = start
        if in_this_thread:
            self._work(start, overrides)
        else:
            threading.Thread(target=self._work, args=(start, overrides), daemon=True).start()

    def adopt(self, number: int) -> None:
        """Wait for a trial that an earlier controller has launched, and that is still running."""
        start = self._starts[number] = Start(number, None, is_watched=True, ended_s=0)
        with suppress(OSError):
            start.look(self.folder.find_heartbeat(number))
        if start.last is None:  # it has ended in this moment
            self._ended.put((start, None))

    def collect(self, timeout_s: float) -> tuple[int, End] | None:
        """Return the next trial that has ended, None if there is none within `timeout_s`."""
        try:
            start, failure = self._ended.get(timeout=timeout_s)
        except queue.Empty:
            return self._find_lost()
        if self._starts.get(start.number) is not start:  # it was given up before
            return None
        del self._starts[start.number]
        return start.number, failure

    def stop(self) -> None:
        """Kill the running trials, if the launcher can."""
        self.launch.stop()

    def _work(self, start: Start, overrides: Sequence[str]) -> None:
        """Launch one trial, wait for it, and queue its end, whatever happens."""
        failure: Failure | JobPreempted | None = None
        try:
            answer = self.launch(overrides, start.number)
            if isinstance(answer, TrialResult) and answer.outcome == Outcome.FAILED:
                failure = Failure(mask_secrets(answer.reason), answer.traceback)
        except JobPreempted as preempted:
            failure = preempted
        except Exception as error:  # a launcher may raise anything; it counts for this trial
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            failure = Failure(mask_secrets(reason), traceback.format_exc())
        self._ended.put((start, failure))

    def _find_lost(self) -> tuple[int, End] | None:
        """Return the next trial whose heartbeat has stopped, None if there is none."""
        for number, start in self._starts.items():
            if start.is_watched:
                with suppress(OSError):  # the file system is away, which says nothing
                    silence_s = start.look(self.folder.find_heartbeat(number))
                    if silence_s > (start.ended_s if start.is_gone else self.heartbeat_timeout_s):
                        return number, self._give_up(start)
        return None

    def _give_up(self, start: Start) -> Failure | None:
        """Wait no longer for the launcher of a trial; return None for a trial that has ended.

        Else the trial is taken from its process, which may only be cut off.
        """
        del self._starts[start.number]
        with suppress(Exception):  # whatever a launcher raises: the process ends by its heartbeat
            self.launch.cancel(start.number)
        if start.is_gone or start.last is None:
            return None
        revoke(self.folder.find_heartbeat(start.number))
        self.folder.find_trial(start.number).break_lock()
        where = f"process {start.last.process} on {start.last.host}"
        return Failure(f"no sign of life of {where} for {self.heartbeat_timeout_s:g} s", "")
