"""Studies as processes of their own, and what they leave: what their tests share."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from pathlib import Path

import processes
import psutil
import pytest
from tally import find_disagreements, tally

PLAY = [sys.executable, str(Path(__file__).with_name("play.py")), "-m"]
NAME = "hydra.sweeper.study_name=s"
TINY = [*processes.TINY, NAME]
# Five-epoch trials in single steps, for those that shall be met underway.
LONG = [*TINY, "train.epochs=5", "train.steps_per_call=2"]


def start(folder, *words, **parts):
    """Start a study in `folder`, its trials playing `parts`; its output is one stream of lines."""
    return processes.start(folder, [*PLAY, *words], PARTS=json.dumps(parts))


def finish(process, status=0):
    """Wait for a study's end, with the exit status that is expected; return what it printed."""
    try:
        printed, _ = process.communicate(timeout=400)
    finally:
        process.kill()
    assert process.returncode == status, printed
    return printed


def do(folder, *words, status=0, **parts):
    return finish(start(folder, *words, **parts), status)


def read_until(process, pattern):
    """Return the output up to the line that matches."""
    lines = []
    for line in iter(process.stdout.readline, ""):
        lines.append(line)
        if re.search(pattern, line):
            return "".join(lines)
    pytest.fail(f"{pattern} is not in: {''.join(lines)}")


def find_all(folder, total, **places):
    """Return the rows of the whole study, which agree with each other."""
    rows = tally(folder, "s", **places)
    assert find_disagreements(rows) == []
    assert len(rows) == total
    folders = {path.name for path in (folder / "mlruns" / "studies" / "s" / "trials").glob("????")}
    assert folders == {f"{number:04d}" for number in range(total)}
    return rows


def is_gone(process):
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # between the two
        return True


def wait_until(condition, timeout_s=30):
    until = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def list_jobs(process):
    """Return the processes of the running trials: those that are in sessions of their own."""
    found = psutil.Process(process.pid).children(recursive=True)
    return [each for each in found if each.is_running() and os.getsid(each.pid) == each.pid]


def kill_everything(process):
    """Kill the controller, as kill -9 does, and wait until all that it started has ended."""
    try:
        others = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        others = []
    process.kill()
    process.wait()
    process.stdout.close()
    wait_until(lambda: all(is_gone(each) for each in others), 15)
