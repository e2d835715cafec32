"""The running trials of a controller, each in a thread of its own that waits for its launcher.

running = RunningTrials(launch)
running.start(3, overrides, in_this_thread=False)
number, failure = running.collect(timeout_s=0.25)   # None while no trial has ended
"""

from __future__ import annotations

import queue
import threading
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dcgan_sweeps.secrets import mask_secrets
from dcgan_sweeps.sweep.launch import Launch
from dcgan_sweeps.sweep.result import TrialResult
from dcgan_sweeps.tracking.outcome import Outcome


@dataclass(frozen=True)
class Failure:
    """An error that a trial or its launcher raised; the trial's folder may have no outcome then."""

    reason: str
    traceback: str


class RunningTrials:
    """Starts trials, and reports their ends in the order in which they come."""

    def __init__(self, launch: Launch):
        self.launch = launch
        self._numbers: set[int] = set()
        self._ended: queue.Queue[tuple[int, Failure | None]] = queue.Queue()

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self._numbers))

    def start(self, number: int, overrides: Sequence[str], *, in_this_thread: bool) -> None:
        """Launch a trial; in this thread, it has ended when this returns."""
        self._numbers.add(number)
        if in_this_thread:
            self._work(number, overrides)
        else:
            threading.Thread(target=self._work, args=(number, overrides), daemon=True).start()

    def collect(self, timeout_s: float) -> tuple[int, Failure | None] | None:
        """Return the next trial that has ended, None if there is none within `timeout_s`."""
        try:
            ended = self._ended.get(timeout=timeout_s)
        except queue.Empty:
            return None
        self._numbers.discard(ended[0])
        return ended

    def stop(self) -> None:
        """Kill the running trials, if the launcher can."""
        self.launch.stop()

    def _work(self, number: int, overrides: Sequence[str]) -> None:
        """Launch one trial, wait for it, and queue its end, whatever happens."""
        failure = None
        try:
            answer = self.launch(overrides, number)
            if isinstance(answer, TrialResult) and answer.outcome == Outcome.FAILED:
                failure = Failure(mask_secrets(answer.reason), answer.traceback)
        except Exception as error:  # a launcher may raise anything; it counts for this trial
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            failure = Failure(mask_secrets(reason), traceback.format_exc())
        self._ended.put((number, failure))
