"""Ctrl-C and SIGTERM, taken at the next safe point: once to finish there, twice to stop now.

with catch_interrupts() as interrupts:
    while not interrupts.asked: ...
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Interrupts:
    """How often somebody asked to stop."""

    def __init__(self) -> None:
        self.count = 0
        self.ending = False  # what is ending already is not stopped again

    @property
    def asked(self) -> bool:
        """Whether somebody asked to stop."""
        return self.count > 0

    def take(self, signum: int, frame: object) -> None:
        if self.asked and not self.ending:
            raise KeyboardInterrupt
        self.count += 1

    def listen(self) -> Callable[[], bool]:
        """Return a function that tells whether somebody asked again from now on."""
        before = self.count
        return lambda: self.count > before


@contextmanager
def catch_interrupts() -> Iterator[Interrupts]:
    """Note SIGINT and SIGTERM instead of raising; the second one raises KeyboardInterrupt."""
    interrupts = Interrupts()
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(each, interrupts.take) for each in signals]
    try:
        yield interrupts
    finally:
        for each, handler in zip(signals, before, strict=True):
            signal.signal(each, handler)
