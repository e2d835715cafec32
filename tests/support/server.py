"""An MLflow server in processes of its own, which can be killed, stopped and started again.

with Server(tmp_path / "server") as server:
    server.kill()
    server.start()
    MlflowClient(server.uri).search_experiments()
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path


def find_free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Server:
    """A server on 127.0.0.1 over the SQLite store in `folder`; it serves the artifacts as well.

    Its workers are child processes in its session, so signals go to the whole process group.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.port = find_free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self._process = None

    def __enter__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()

    def launch(self):
        """Start the server; it does not answer yet."""
        command = [sys.executable, "-m", "dcgan_sweeps.lifeline"]  # it ends with this process
        command += [sys.executable, "-m", "mlflow", "server", "--host=127.0.0.1", "--workers=1"]
        command += [f"--port={self.port}"]
        command += [f"--backend-store-uri=sqlite:///{self.folder / 'mlflow.db'}"]
        command += [f"--artifacts-destination={(self.folder / 'artifacts').as_uri()}"]
        with (self.folder / "log").open("a") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start(self):
        """Start the server on its store and its port, and wait until it answers."""
        self.launch()
        until = time.monotonic() + 90
        while True:
            try:
                urllib.request.urlopen(f"{self.uri}/health", timeout=2).close()
                return
            except OSError:
                told = (self.folder / "log").read_text()
                assert self._process.poll() is None, told
                assert time.monotonic() < until, told
                time.sleep(0.1)

    def kill(self):
        """Kill the server and its workers, as kill -9 does, and wait until they are gone."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(30)
            self._process.stdin.close()
            self._process = None

    def stop(self):
        """Stop all its processes: connections are still accepted, and nothing is answered."""
        os.killpg(self._process.pid, signal.SIGSTOP)

    def go_on(self):
        os.killpg(self._process.pid, signal.SIGCONT)
