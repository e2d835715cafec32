"""Handles Ctrl-C and SIGTERM: the first stops at the next safe point, the second at once.

with catch_interrupts() as interrupts:
    while not interrupts.asked: ...
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


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
        if self.asked and not self.ending:
            raise KeyboardInterrupt
        self.count += 1

    def listen(self) -> Callable[[], bool]:
        """Return a function that reports whether another stop was requested since this call."""
        before = self.count
        return lambda: self.count > before


@contextmanager
def catch_interrupts() -> Iterator[Interrupts]:
    """Count SIGINT and SIGTERM instead of raising; the second one raises KeyboardInterrupt."""
    interrupts = Interrupts()
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(each, interrupts.take) for each in signals]
    try:
        yield interrupts
    finally:
        for each, handler in zip(signals, before, strict=True):
            signal.signal(each, handler)
