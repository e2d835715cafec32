"""A study whose trials play given parts: `PARTS=... python play.py -m ...`.

PARTS is JSON: {"2": {"scores": [9, 8]}} lets trial 2 score so in its epochs; other parts are
"sleep_s" (in every block of steps), "wait_for" (until that file is there), "raise", "nan",
"memory" (run out of it, once), and "die" with the name of a moment below; {"controller":
{"die": ..., "count": 3}} is the controller's, or {"disk": "full"} from the first result on.

Every process of the study runs this module's top again, the trials' own processes too.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from pathlib import Path

from dcgan_sweeps import run

PARTS = json.loads(os.environ.get("PARTS", "{}"))
IS_CONTROLLER = __name__ == "__main__"


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def patch(owner, name, act):
    """Have `act(*arguments)` done before each call of a function; a value it returns stands in."""
    original = getattr(owner, name)

    def call(*words, **named):
        stands_in = act(*words, **named)
        return original(*words, **named) if stands_in is None else stands_in

    setattr(owner, name, call)


def die_once(mark):
    """Die, but not again in a later process of this trial."""

    def act(*words, **named):
        path = Path(f"died_{mark}")
        if not path.exists():
            path.touch()
            die()

    return act


def count_down(count):
    calls = iter(range(1, sys.maxsize))
    return lambda *words, **named: die() if next(calls) == count else None


def fill_disk(*words, **named):
    """Let no file of this process grow from here on: the kernel refuses it."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))


def play_controller(part):
    import optuna

    from dcgan_sweeps.sweep import storage
    from dcgan_sweeps.sweep.view import StudyView

    if part.get("disk") == "full":
        patch(optuna.Study, "tell", fill_disk)
        return
    act = count_down(part["count"])
    if part["die"] == "before a tell":
        patch(optuna.Study, "tell", act)
    elif part["die"] == "between enqueue and ask":
        patch(optuna.Study, "ask", act)
    elif part["die"] == "inside the journal's lock":
        patch(storage, "drop_cut_off_line", act)
    elif part["die"] == "before a trial is started":
        patch(StudyView, "start", act)
    elif part["die"] == "before a retry":
        patch(StudyView, "retry", act)


def play_trial(number, part):
    import optuna
    from mlflow import MlflowClient

    from dcgan_sweeps.execution import loop
    from dcgan_sweeps.scoring.fcd import Scorer, Scores
    from dcgan_sweeps.sweep import storage
    from dcgan_sweeps.tracking.recorder import Recorder

    epoch = [0]

    def note_epoch(live, look, number):
        epoch[0] = number

    def block(*words, **named):
        time.sleep(part.get("sleep_s", 0))
        while not Path(part.get("wait_for", ".")).exists():
            time.sleep(0.1)
        if "raise" in part:
            raise RuntimeError(part["raise"])
        if "memory" in part and not Path(f"full_{number}").exists():
            import tensorflow as tf

            Path(f"full_{number}").touch()
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    patch(loop, "_end_epoch", note_epoch)
    patch(Recorder, "add_steps", block)
    if "scores" in part:
        scores = part["scores"]
        patch(Scorer, "score", lambda *words: Scores(scores[epoch[0] - 1], scores[epoch[0] - 1]))
    moments = {
        "between checkpoint and report": (optuna.Trial, "report"),
        "between checkpoint and log": (Recorder, "save_checkpoint"),
        "inside the journal's lock": (storage, "drop_cut_off_line"),
        "between run and folder": (MlflowClient, "log_batch"),
        "in training": (Recorder, "end_epoch"),
    }
    if "die" in part:
        owner, name = moments[part["die"]]
        patch(owner, name, die_once(number))


if IS_CONTROLLER:
    if "controller" in PARTS:
        play_controller(PARTS["controller"])
    if __name__ == "__main__":
        sys.exit(run.main())
else:
    from dcgan_sweeps.sweep import job

    def choose_part(composed, folder, number, *rest):
        if str(number) in PARTS:
            play_trial(number, PARTS[str(number)])

    patch(job, "_run_trial", choose_part)
