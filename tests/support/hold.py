"""A run that waits at the end of each epoch: `python hold.py WORDS...`.

At the end of epoch 3, before it is recorded, it makes the file at_3 in its folder and waits for
the file go_on_3.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from dcgan_sweeps import run
from dcgan_sweeps.tracking import courier
from dcgan_sweeps.tracking.recorder import Recorder


def hold(end_epoch):
    def call(recorder, epoch):
        Path(f"at_{epoch}").touch()
        while not Path(f"go_on_{epoch}").exists():
            time.sleep(0.02)
        return end_epoch(recorder, epoch)

    return call


if __name__ == "__main__":
    courier.LONGEST_PAUSE_S = 2.0  # a test need not wait for half a minute
    Recorder.end_epoch = hold(Recorder.end_epoch)
    sys.argv[0] = "dcgan_sweeps.run"
    sys.exit(run.main())
