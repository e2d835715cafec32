"""A server in processes of its own, which can be killed, stopped and started again.

daemon = Daemon(folder / "log", answers)
daemon.start(["redis-server", "--port=16379"])
daemon.kill()
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

import psutil


def find_free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Daemon:
    """A server that ends with this process; `answers()` says whether it does.

    Its workers are child processes in its session, so signals go to the whole process group.
    """

    def __init__(self, log, answers):
        self.log = log
        self.answers = answers
        self._process = None

    def launch(self, command, **environment):
        """Start the server; it does not answer yet."""
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "dcgan_sweeps.lifeline", *command],
                stdin=subprocess.PIPE,
                env=os.environ | environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start(self, command, **environment):
        """Start the server, and wait until it answers."""
        self.launch(command, **environment)
        self.wait_for_answer()

    def wait_for_answer(self):
        until = time.monotonic() + 90
        while not self.answers():
            told = self.log.read_text()
            assert self._process.poll() is None, told
            assert time.monotonic() < until, told
            time.sleep(0.1)

    def send(self, number):
        """Send a signal to the server alone; its workers get none."""
        self._list_processes()[0].send_signal(number)

    def kill(self):
        """Kill the server and its workers, as kill -9 does, and wait until they are gone."""
        if self._process is not None:
            gone = self._list_processes()
            os.killpg(self._process.pid, signal.SIGKILL)
            self.wait()
            psutil.wait_procs(gone, 30)

    def wait(self):
        """Wait until the server is gone."""
        self._process.wait(30)
        self._process.stdin.close()
        self._process = None

    def _list_processes(self):
        return psutil.Process(self._process.pid).children(recursive=True)

    def stop(self):
        """Stop all its processes: connections are still accepted, and nothing is answered."""
        os.killpg(self._process.pid, signal.SIGSTOP)

    def go_on(self):
        os.killpg(self._process.pid, signal.SIGCONT)
