"""Shows how much of a probe is done, and the time left.

with Progress(330, console, interrupts) as progress:
    for number in progress.track(range(100), "pixels: learning from each draw"): ...
    progress.say("pixels: 79.9 %")
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from types import TracebackType

from rich.console import Console

from dcgan_sweeps.interrupt import Interrupts
from dcgan_sweeps.terminal import find_kind, format_duration, make_say


class Progress:
    """Counts the draws that are done of those planned.

    The counts are shown on standard error if that is a terminal, the lines on `console`. After a
    requested stop, KeyboardInterrupt is raised before the next draw.
    """

    def __init__(self, planned: int, console: Console, interrupts: Interrupts):
        self.planned = planned
        self._interrupts = interrupts
        self.done = 0
        self._say = make_say(console)
        self._begin = time.perf_counter()
        errors = Console(stderr=True, **find_kind(sys.stderr))
        self._status = errors.status("") if errors.is_terminal else None

    def __enter__(self) -> Progress:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def plan(self, more: int) -> None:
        """Add draws to those planned."""
        self.planned += more

    def track(self, draws: Sequence[int], what: str) -> Iterator[int]:
        """Yield each draw, and count it when the next one is asked for."""
        for number, draw in enumerate(draws, 1):
            if self._interrupts.asked:
                raise KeyboardInterrupt
            if self._status is not None:
                self._status.update(f"{what}, {number} of {len(draws)}{self.describe_left()}")
            yield draw
            self.done += 1

    def describe_left(self) -> str:
        """Return the time left as text, from the time of the draws so far.

        It is "" before the first and after the last draw.
        """
        if self.done in (0, self.planned):
            return ""
        left_s = (time.perf_counter() - self._begin) / self.done * (self.planned - self.done)
        return f"; about {format_duration(left_s)} left"

    def say(self, line: str) -> None:
        """Print a line."""
        if self._status is not None:
            self._status.stop()
        self._say(line)
        if self._status is not None:
            self._status.start()
