"""Tells a controller that a trial is alive, on whatever host it runs.

with beating(path):                  # in the process of the trial
    train()
watch = Watch()                      # in the controller
watch.measure_silence_s(path)        # None for a trial without a heartbeat
revoke(path)                         # whoever still beats there ends

The file is read to its content, since network file systems may show an old time of change for a
minute. Only the reader's own clock counts. A process whose heartbeat was revoked ends at once, so
no two processes work on a trial for longer than BEAT_S.
"""

from __future__ import annotations

import json
import os
import platform
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

BEAT_S = 2.0
REVOKED = 1  # exit status of a process whose heartbeat was revoked


@dataclass(frozen=True)
class Heartbeat:
    """Who beats in a file: a token of its own, its host and process, and the beats so far."""

    token: str
    host: str
    process: int
    beats: int = 0


@contextmanager
def beating(path: Path) -> Iterator[None]:
    """Beat in a file, which is removed at the end; the process ends if the file is revoked."""
    mine = Heartbeat(uuid.uuid4().hex, platform.node(), os.getpid())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(mine)))
    is_over = threading.Event()
    thread = threading.Thread(target=_keep_beating, args=(path, mine, is_over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
        with suppress(OSError):
            if _beat(path, mine):
                revoke(path)


def _keep_beating(path: Path, mine: Heartbeat, is_over: threading.Event) -> None:
    while not is_over.wait(BEAT_S):
        mine = replace(mine, beats=mine.beats + 1)
        with suppress(OSError):  # a full disk, or a file system that is away: the next beat may do
            if not _beat(path, mine):
                os._exit(REVOKED)


def _beat(path: Path, mine: Heartbeat) -> bool:
    """Write a heartbeat; return False where it was revoked. Raises OSError.

    The open file is that which is read and written: one that has been replaced is left alone.
    """
    try:
        file = path.open("r+")
    except FileNotFoundError:
        return False
    with file:
        if json.loads(file.read())["token"] != mine.token:
            return False
        file.seek(0)
        file.write(json.dumps(asdict(mine)))
    return True


def read_heartbeat(path: Path) -> Heartbeat | None:
    """Return the heartbeat in a file, None where there is none; raises OSError."""
    try:
        return Heartbeat(**json.loads(path.read_text()))
    except (FileNotFoundError, ValueError, TypeError):  # revoked, or not a heartbeat
        return None


def revoke(path: Path) -> None:
    """Remove a heartbeat: the process that beats there ends."""
    path.unlink(missing_ok=True)


class Watch:
    """Measures how long heartbeats have not changed, by the clock of this process."""

    def __init__(self) -> None:
        self._seen: dict[Path, tuple[Heartbeat, float]] = {}

    def measure_silence_s(self, path: Path) -> float | None:
        """Return the seconds since a heartbeat was last seen to change, None without one.

        Raises OSError if it cannot be read.
        """
        found = read_heartbeat(path)
        if found is None:
            self._seen.pop(path, None)
            return None
        known = self._seen.get(path)
        if known is None or known[0] != found:
            known = self._seen[path] = (found, time.monotonic())
        return time.monotonic() - known[1]
