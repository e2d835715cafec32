"""Runs as processes of their own, and what they leave: what the slow tests share.

A process is forked from one that has the imports done, which saves their seconds. It is a process
as any other: it has its own folder, environment and streams, takes signals, and can be killed.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path

from mlflow import MlflowClient

ROOT = Path(__file__).parents[2]
QUIET = ["tracking.system_metrics_s=0", "score.extra_metrics=never"]
TINY = ["experiment=tiny", "runner.threads=1", *QUIET]
PROGRAM = [sys.executable, "-m", "dcgan_sweeps.run"]
KILL = [sys.executable, str(Path(__file__).with_name("kill_at.py"))]
FORKSERVER = [sys.executable, str(Path(__file__).with_name("forkserver.py"))]
# Not what this process set for itself.
INHERITED = {k: v for k, v in os.environ.items() if not k.startswith(("CUDA_", "TF_"))}
OWN = {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "random", "PYTHONUNBUFFERED": "1"}


class Forked(subprocess.Popen):
    """A Popen of `python WORDS` whose process the forkserver forks and waits for."""

    def _execute_child(self, words, _1, _2, _3, _4, folder, environment, _5, _6, _7, *rest):
        stdin, _, _, stdout, _, stderr = ends = rest[:6]
        request = {"words": words[1:], "folder": str(folder), "environment": environment}
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(start_server(), [b" "], [theirs.fileno(), stdin, stdout, stderr])
        ours.sendall(f"{json.dumps(request)}\n".encode())
        self._answers = ours.makefile()  # its number, then its wait status
        ours.close()  # once the answers are
        self.pid = int(self._answers.readline())
        self._child_created = True
        self._close_pipe_fds(*ends)

    def _wait(self, timeout):
        if self.returncode is None:
            if not select.select([self._answers], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout)
            with self._answers:
                self._handle_exitstatus(int(self._answers.readline()))
        return self.returncode

    def _internal_poll(self, _deadstate=None):
        try:
            return self._wait(0)
        except subprocess.TimeoutExpired:
            return None


@cache
def start_server():
    """Return the socket that takes requests, and ends the server as this process ends."""
    ours, theirs = socket.socketpair()
    with theirs:
        server = subprocess.Popen(
            [*FORKSERVER, str(theirs.fileno())],
            env=INHERITED | OWN,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
        )

    def end():
        ours.close()
        server.wait()

    atexit.register(end)
    return ours


def start(folder, command, *, fresh=False, tree=ROOT, stderr=subprocess.STDOUT, **environment):
    """Start a command in `folder`; its output is one stream of lines.

    In a fresh interpreter where it is asked for, or where the command is not Python's or the
    package is that in another tree.
    """
    is_forked = not fresh and command[0] == sys.executable and tree == ROOT
    return (Forked if is_forked else subprocess.Popen)(
        command,
        cwd=folder,
        env=INHERITED | OWN | {"PYTHONPATH": str(tree)} | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )


def finish(folder, command, *, status=0, **how):
    """Run a command to its end, with the exit status that is expected; return what it printed."""
    process = start(folder, command, **how)
    try:
        printed, _ = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == status, printed
    return printed


def call(folder, command, **how):
    """Run a command to its end, its two streams apart; nothing is checked."""
    process = start(folder, command, stderr=subprocess.PIPE, **how)
    try:
        printed, errors = process.communicate(timeout=400)
    finally:
        process.kill()
    return subprocess.CompletedProcess(command, process.returncode, printed, errors)


def stop_in_epoch(process, epoch, number):
    """Send a signal once an epoch was printed; return the rest of the output."""
    lines = iter(process.stdout.readline, "")
    next(line for line in lines if line.startswith(f"epoch {epoch:>2}"))
    process.send_signal(number)
    rest = "".join(lines)
    process.stdout.close()
    assert process.wait(120) == 130, rest
    return rest


def open_store(folder):
    return MlflowClient(f"sqlite:///{folder / 'mlruns' / 'mlflow.db'}")


def list_runs(client):
    """Return the runs of the default experiment, oldest first."""
    experiment = client.get_experiment_by_name("dcgan_sweeps")
    return client.search_runs([experiment.experiment_id], order_by=["start_time ASC"])
