"""A run that kills itself: `python kill_at.py POINT COUNT WORDS...` dies at the COUNT-th POINT.

Nothing but SIGKILL, which no process can take: what is on the disk is all that is left.
"""

from __future__ import annotations

import os
import signal
import sys

from dcgan_sweeps import run
from dcgan_sweeps.tracking import checkpoints
from dcgan_sweeps.tracking.folder import RunFolder
from dcgan_sweeps.tracking.mirror import Mirror
from dcgan_sweeps.tracking.recorder import Recorder


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def count_down(count, act):
    """Return a function that does nothing until its `count`-th call, which does `act`."""
    calls = iter(range(1, sys.maxsize))
    return lambda: act() if next(calls) == count else None


def before(owner, name, count):
    """Die before the `count`-th call of a function."""
    original, due = getattr(owner, name), count_down(count, die)

    def call(*words, **named):
        due()
        return original(*words, **named)

    setattr(owner, name, call)


def before_mlflow(name, count):
    """Die before the `count`-th time that the mirror makes this call of MLflow, "" for any."""
    original, due = Mirror._send, count_down(count, die)

    def send(self, write, *words):
        if name in ("", getattr(write, "__name__", "log_batch")):
            due()
        return original(self, write, *words)

    Mirror._send = send


def while_a_checkpoint_is_written(count):
    """Die where half of the file is on the disk."""
    fsync = os.fsync

    def halve(number):
        os.ftruncate(number, os.fstat(number).st_size // 2)
        die()

    due = [None]

    def call(number):
        due[0] = number
        step()
        fsync(number)

    step = count_down(count, lambda: halve(due[0]))
    checkpoints.os.fsync = call


POINTS = {
    "between two blocks of steps": lambda n: before(Recorder, "add_steps", n),
    "while the checkpoint is written": while_a_checkpoint_is_written,
    "between the rename and the logging": lambda n: before(checkpoints, "list_checkpoints", n),
    "between the score and its checkpoint": lambda n: before(Recorder, "save_checkpoint", n),
    "in the middle of a picture": lambda n: before(Mirror, "_send_image", n),
    "in the middle of a model": lambda n: before_mlflow("finalize_logged_model", n),
    "before the end is written": lambda n: before(RunFolder, "end", n),
    "between the outcome and the status": lambda n: before_mlflow("set_terminated", n),
    "before a write of the mirror": lambda n: before_mlflow("", n),
    "before the provenance": lambda n: before(Recorder, "add_provenance", n),
}

if __name__ == "__main__":
    point, count, *words = sys.argv[1:]
    POINTS[point](int(count))
    sys.argv = ["dcgan_sweeps.run", *words]
    sys.exit(run.main())
