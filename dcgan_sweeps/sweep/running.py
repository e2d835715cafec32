"""The running trials of a controller, each in a thread of its own that waits for its launcher.

running = RunningTrials(launch, folder, heartbeat_timeout_s=30)
running.start(3, overrides, in_this_thread=False)
number, failure = running.collect(timeout_s=0.25)   # None while no trial has ended

A launcher may wait for ever for a host that is gone. So a trial on another host is given up when
its heartbeat stops; whatever its launcher says later is ignored.
"""

from __future__ import annotations

import queue
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from dcgan_sweeps.interrupt import JobPreempted
from dcgan_sweeps.secrets import mask_secrets
from dcgan_sweeps.sweep.folder import StudyFolder
from dcgan_sweeps.sweep.heartbeat import BEAT_S, Heartbeat, Watch, read_heartbeat, revoke
from dcgan_sweeps.sweep.launch import Launch
from dcgan_sweeps.sweep.result import TrialResult
from dcgan_sweeps.tracking.outcome import Outcome


@dataclass(frozen=True)
class Failure:
    """An error that a trial or its launcher raised; the trial's folder may have no outcome then."""

    reason: str
    traceback: str


End = Failure | JobPreempted | None  # None: the trial's folder tells how it ended


class Start:
    """One start of a trial by this process; compared by identity."""

    def __init__(self, number: int, before: Heartbeat | None, *, is_watched: bool):
        self.number = number
        self.before = before  # the heartbeat of an earlier process, which may still save its work
        self.is_watched = is_watched  # whether its heartbeat tells that it is alive

    def is_lost(self, now: Heartbeat | None) -> bool:
        """Return whether a heartbeat that has stopped is that of this start."""
        return now is not None and (self.before is None or now.token != self.before.token)


class RunningTrials:
    """Starts trials, and reports their ends in the order in which they come."""

    def __init__(self, launch: Launch, folder: StudyFolder, heartbeat_timeout_s: float):
        self.launch = launch
        self.folder = folder
        self.heartbeat_timeout_s = heartbeat_timeout_s
        self._starts: dict[int, Start] = {}
        self._ended: queue.Queue[tuple[Start, End]] = queue.Queue()
        self._watch = Watch()

    def __len__(self) -> int:
        return len(self._starts)

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self._starts))

    def start(self, number: int, overrides: Sequence[str], *, in_this_thread: bool) -> None:
        """Launch a trial; in this thread, it has ended when this returns."""
        path = self.folder.find_heartbeat(number)
        if not self.launch.is_remote:
            revoke(path)  # left by a process that was killed
        before = read_heartbeat(path)
        start = self._starts[number] = Start(number, before, is_watched=self.launch.is_remote)
        if in_this_thread:
            self._work(start, overrides)
        else:
            threading.Thread(target=self._work, args=(start, overrides), daemon=True).start()

    def adopt(self, number: int) -> None:
        """Wait for a trial that an earlier controller has launched, and that is still running."""
        start = self._starts[number] = Start(number, None, is_watched=True)
        threading.Thread(target=self._follow, args=(start,), daemon=True).start()

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

    def _follow(self, start: Start) -> None:
        """Wait until the heartbeat of a trial is gone, and queue its end."""
        path = self.folder.find_heartbeat(start.number)
        with suppress(OSError):
            while read_heartbeat(path) is not None:
                time.sleep(BEAT_S / 4)
        self._ended.put((start, None))

    def _find_lost(self) -> tuple[int, Failure] | None:
        """Give up the next trial whose heartbeat has stopped, None if there is none."""
        for number, start in self._starts.items():
            if start.is_watched:
                path = self.folder.find_heartbeat(number)
                with suppress(OSError):  # the file system is away, which says nothing
                    silence_s = self._watch.measure_silence_s(path)
                    is_silent = silence_s is not None and silence_s > self.heartbeat_timeout_s
                    if is_silent and start.is_lost(read_heartbeat(path)):
                        return number, self._give_up(number)
        return None

    def _give_up(self, number: int) -> Failure:
        """Take a trial from the process that works on it, which may only be cut off."""
        path = self.folder.find_heartbeat(number)
        last = read_heartbeat(path)
        where = "" if last is None else f" of process {last.process} on {last.host}"
        revoke(path)
        self.folder.find_trial(number).break_lock()
        del self._starts[number]
        threading.Thread(target=self.launch.cancel, args=(number,), daemon=True).start()
        return Failure(f"no sign of life{where} for {self.heartbeat_timeout_s:g} s", "")
