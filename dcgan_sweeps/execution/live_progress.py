"""Tells other processes what a run is doing now, in a file of its folder.

with reporting(folder) as report:
    report(LiveProgress(epoch=1, step=12, doing="training", images_per_s=5400.0, left_s=31.0))
    read_live_progress(folder, since_s=0).step

The file exists only while the run is running. The history of a run has a line for every
`tracking.log_every` steps, which is too seldom for a live table.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace

from dcgan_sweeps.tracking.folder import RunFolder

PROGRESS_FILE = "progress.json"
EVERY_S = 1.0


@dataclass(frozen=True)
class LiveProgress:
    """The current activity of a run: training, or a stage such as scoring and how far it is."""

    epoch: int
    step: int
    doing: str
    images_per_s: float | None  # None before the first step
    left_s: float | None  # None if it is not known yet


Report = Callable[[LiveProgress], None]


@contextmanager
def reporting(folder: RunFolder) -> Iterator[Report]:
    """Give a function that writes the progress, at most once in EVERY_S for each stage."""
    last = ("", 0.0)

    def report(progress: LiveProgress) -> None:
        nonlocal last
        stage, now_s = progress.doing.rstrip("0123456789/ "), time.monotonic()
        if stage == last[0] and now_s - last[1] < EVERY_S:
            return
        last = (stage, now_s)
        with suppress(OSError):  # the recorder reports a full disk
            folder.write_json(PROGRESS_FILE, asdict(progress))

    try:
        yield report
    finally:
        with suppress(OSError):
            (folder.root / PROGRESS_FILE).unlink(missing_ok=True)


def read_live_progress(folder: RunFolder, since_s: float) -> LiveProgress | None:
    """Return the progress that a running run has written since this time, None if none.

    A process that was killed leaves its file, which is not that of the next start.
    """
    path = folder.root / PROGRESS_FILE
    try:
        written_s = path.stat().st_mtime
        read = LiveProgress(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):  # it has just been removed, or is another version's
        return None
    if written_s < since_s:
        return None
    left_s = read.left_s
    return replace(read, left_s=left_s and max(0.0, left_s - (time.time() - written_s)))
