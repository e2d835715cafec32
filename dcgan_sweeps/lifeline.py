"""Runs a command that ends with its parent: `python -m dcgan_sweeps.lifeline COMMAND ...`.

The kernel closes standard input when the process at its other end is gone, however it ended. Start
the command in a new session; all processes in that session end with it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading

GRACE_S = 5


def main() -> int:
    # The signal ends the command, and this process ends after it.
    signal.signal(signal.SIGTERM, lambda signum, frame: None)
    process = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
    is_alone = threading.Event()
    watcher = threading.Thread(target=_end_with_parent, args=(process, is_alone), daemon=True)
    watcher.start()
    status = process.wait()
    if is_alone.is_set():
        watcher.join()  # children of the command must end too
    return status


def _end_with_parent(process: subprocess.Popen[bytes], is_alone: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    is_alone.set()
    os.killpg(0, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_S)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
