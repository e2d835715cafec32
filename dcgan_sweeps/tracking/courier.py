"""Delivers runs to MLflow in a background thread, independently of training.

courier = Courier()
courier.follow(Mirror(folder, config.tracking))
courier.wait(timeout_s=60, is_stopped=lambda: False)
undelivered = courier.leave()

Only `wait` blocks, for at most its timeout. Nothing is queued: the run folders hold everything that
is to be delivered.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

POLL_S = 1.0  # between two checks of the folders
LONGEST_PAUSE_S = 30.0  # after a failed call, unless `wait` was called
FLUSH_PAUSE_S = 1.0
LOOK_S = 0.05
THREAD = "mlflow-courier"


class Deliverable(Protocol):
    """Something that can be delivered, such as a run or the parent run of a study."""

    error: Exception | None
    is_left: bool

    @property
    def is_delivered(self) -> bool: ...
    def update(self) -> None: ...


class Courier:
    """A thread that updates the mirrors it follows until they are delivered.

    `cpu_s` is the CPU time that the thread has used.
    """

    def __init__(self) -> None:
        self.cpu_s = 0.0
        self._mirrors: list[Deliverable] = []
        self._changed = threading.Condition()
        self._is_flushing = False
        self._is_left = False  # set by `leave`
        self._thread = threading.Thread(target=self._work, name=THREAD, daemon=True)
        self._thread.start()

    def follow(self, mirror: Deliverable) -> None:
        """Start delivering a run, also while it is running."""
        with self._changed:
            self._mirrors.append(mirror)
            self._changed.notify()

    def wait(self, timeout_s: float, is_stopped: Callable[[], bool]) -> bool:
        """Wait until everything that is followed is delivered; return whether it is.

        The wait ends after `timeout_s`, or as soon as `is_stopped` returns True.
        """
        until = time.monotonic() + timeout_s
        with self._changed:
            self._is_flushing = True
            self._changed.notify()
        while self._thread.is_alive() and time.monotonic() < until and not is_stopped():
            self._thread.join(LOOK_S)
        return not self._mirrors

    def leave(self) -> Sequence[Deliverable]:
        """Stop delivering, except for a call in progress; return what is not delivered."""
        with self._changed:
            self._is_left = True
            for mirror in self._mirrors:
                mirror.is_left = True
            self._changed.notify()
            return tuple(self._mirrors)

    def _work(self) -> None:
        pause_s = 0.0
        while True:
            with self._changed:
                if self._is_flushing and not self._mirrors:
                    return
                self._changed.wait(min(pause_s, FLUSH_PAUSE_S) if self._is_flushing else pause_s)
                if self._is_left:
                    return
            is_well = self._update()
            self.cpu_s = time.thread_time()
            pause_s = POLL_S if is_well else min(LONGEST_PAUSE_S, 2 * max(pause_s, POLL_S))

    def _update(self) -> bool:
        """Update the mirrors in turn, up to the first that fails; return whether none failed."""
        for mirror in tuple(self._mirrors):
            is_well = self._try(mirror)
            if mirror.is_delivered or not is_well:
                with self._changed:
                    self._mirrors.remove(mirror)
                    # One that always fails, due to a damaged file for example, blocks no other.
                    self._mirrors += [] if is_well else [mirror]
            if not is_well:
                return False
        return True

    def _try(self, mirror: Deliverable) -> bool:
        try:
            mirror.update()
        except Exception:  # anything that a tracker raises; the mirror keeps the error
            return False
        return True


def exit_without_waiting(status: int) -> int:
    """Return `status`, or end this process with it if a courier is still running.

    Python would wait for the threads of an upload, which may hang with the tracker.
    """
    if any(thread.name == THREAD for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    return status
