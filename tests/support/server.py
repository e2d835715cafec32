"""An MLflow server in processes of its own, which can be killed, stopped and started again.

with Server(tmp_path / "server") as server:
    server.kill()
    server.start()
    MlflowClient(server.uri).search_experiments()
"""

from __future__ import annotations

import sys
import urllib.request
from pathlib import Path

from daemon import Daemon, find_free_port


class Server:
    """A server on 127.0.0.1; it serves the artifacts as well.

    Its store and its artifacts are in `folder`, unless they are at `store` and `artifacts`.
    `options` are more options of `mlflow server`, and `environment` is its own.
    """

    def __init__(self, folder: Path, *options, store=None, artifacts=None, **environment):
        self.folder = folder
        self.port = find_free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self.command = [sys.executable, "-m", "mlflow", "server", "--host=127.0.0.1", "--workers=1"]
        self.command += [f"--port={self.port}", *options]
        store = store or f"sqlite:///{folder / 'mlflow.db'}"
        artifacts = artifacts or (folder / "artifacts").as_uri()
        self.command += [f"--backend-store-uri={store}", f"--artifacts-destination={artifacts}"]
        self.environment = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"} | environment
        self.daemon = Daemon(folder / "log", self.answers)

    def __enter__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()

    def answers(self):
        try:
            urllib.request.urlopen(f"{self.uri}/health", timeout=2).close()
        except OSError:
            return False
        return True

    def launch(self):
        """Start the server; it does not answer yet."""
        self.daemon.launch(self.command, **self.environment)

    def start(self):
        """Start the server on its store and its port, and wait until it answers."""
        self.daemon.start(self.command, **self.environment)

    def kill(self):
        """Kill the server and its workers, as kill -9 does, and wait until they are gone."""
        self.daemon.kill()

    def stop(self):
        """Stop all its processes: connections are still accepted, and nothing is answered."""
        self.daemon.stop()

    def go_on(self):
        self.daemon.go_on()
