"""Handles Ctrl-C, SIGTERM and SIGHUP: the first stops at the next safe point, the second at once.

SIGUSR2 stops like the first of them: Slurm sends it before a time limit and before a preemption.

with catch_interrupts() as interrupts:
    while not interrupts.asked: ...
"""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

STREAMS = (1, 2)  # the descriptors of standard output and error


class JobPreempted(Exception):
    """The scheduler of a cluster stopped a job, which can be submitted again."""


class Interrupts:
    """Counts the requests to stop."""

    def __init__(self) -> None:
        self.count = 0
        self.ending = False  # while True, further signals do not raise KeyboardInterrupt

    @property
    def asked(self) -> bool:
        """Whether a stop was requested."""
        return self.count > 0

    def take(self, signum: int, frame: object) -> None:
        if signum == signal.SIGHUP:
            leave_closed_terminal()
        if self.asked and is_repeated(signum):
            return
        if self.asked and not self.ending:
            raise KeyboardInterrupt
        self.count += 1

    def listen(self) -> Callable[[], bool]:
        """Return a function that reports whether another stop was requested since this call."""
        before = self.count
        return lambda: self.count > before


@contextmanager
def catch_interrupts() -> Iterator[Interrupts]:
    """Count the signals that stop, instead of raising; the second one raises KeyboardInterrupt."""
    interrupts = Interrupts()
    before = {each: signal.signal(each, interrupts.take) for each in list_stops()}
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def is_repeated(signum: int) -> bool:
    """Return whether a signal may come more than once for one request to stop.

    The kernel and the shell both send SIGHUP; Slurm sends SIGTERM to a job and to its step, and
    SIGUSR2 besides.
    """
    if signum == signal.SIGTERM:
        return "SLURM_JOB_ID" in os.environ
    return signum in (signal.SIGHUP, signal.SIGUSR2)


def list_stops() -> list[signal.Signals]:
    """Return the signals that stop this process: SIGHUP is none of them under nohup."""
    stops = [signal.SIGINT, signal.SIGTERM, signal.SIGUSR2, signal.SIGHUP]
    is_ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    return stops[:3] if is_ignored else stops


def leave_closed_terminal() -> None:
    """Discard further output if the terminal is closed, since each write to it would fail."""
    for descriptor in STREAMS:
        with suppress(OSError):  # it is closed
            if stat.S_ISCHR(os.fstat(descriptor).st_mode) and not os.isatty(descriptor):
                nothing = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nothing, descriptor)
                os.close(nothing)
