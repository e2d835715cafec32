"""Writes to the tracker off the training thread: in order, bounded, its errors kept.

writer = Writer(capacity=64)
writer.submit(lambda: client.log_batch(...))
writer.close()
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable

Call = Callable[[], object]


class Writer:
    """One thread that makes the submitted calls in turn.

    `waited_s` is how long submitting held up the caller, `cpu_s` what the thread itself used,
    `failures` what the calls raised.
    """

    def __init__(self, capacity: int) -> None:
        self.waited_s = 0.0
        self.cpu_s = 0.0
        self.failures: list[Exception] = []
        self._calls: queue.Queue[Call | None] = queue.Queue(capacity)
        self._thread = threading.Thread(target=self._work, name="tracking-writer", daemon=True)
        self._thread.start()

    def submit(self, call: Call) -> None:
        """Have `call` made; waits while `capacity` others are still to be made."""
        begin = time.perf_counter()
        self._calls.put(call)
        self.waited_s += time.perf_counter() - begin

    def close(self) -> None:
        """Wait until every call has been made."""
        begin = time.perf_counter()
        self._calls.put(None)
        self._thread.join()
        self.waited_s += time.perf_counter() - begin

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            try:
                call()
            except Exception as error:  # whatever the tracker raises is the run's to report
                self.failures.append(error)
            self.cpu_s = time.thread_time()
