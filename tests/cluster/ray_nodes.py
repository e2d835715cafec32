"""A Ray cluster on this machine, in a process of its own; each node is a raylet with its processes.

with RayNodes() as nodes:
    nodes.add()                  # a node with one core
    nodes.kill(nodes.find(pid))  # the node on which a process works
    nodes.stop(0)                # the raylet does not answer any more, its trials go on
    nodes.environment            # for the commands that use it
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
from processes import INHERITED, OWN

SERVE = [sys.executable, str(Path(__file__).with_name("serve_ray.py"))]
# The head node declares a node dead that has not answered so often and so long. Ray's own values,
# 5 times 10 s, wait for more than a minute.
HEALTH = {
    "RAY_health_check_initial_delay_ms": "2000",
    "RAY_health_check_period_ms": "2000",
    "RAY_health_check_timeout_ms": "5000",
    "RAY_health_check_failure_threshold": "2",
}


class RayNodes:
    """A cluster that ends with this process.

    Studies connect to its first node, which has no core for trials.
    """

    def __enter__(self):
        # Below /tmp, as the paths of its sockets are long.
        self.folder = tempfile.mkdtemp(prefix="ray", dir="/tmp")
        self.log = Path(self.folder) / "log"
        settings = {
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # otherwise it is not on 127.0.0.1
            "RAY_AUTH_TOKEN_PATH": f"{self.folder}/token",
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_raylet_start_wait_time_s": "120",
        }
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*SERVE, self.folder],
                env=INHERITED | OWN | settings | HEALTH,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.raylets = []
        self.environment = {**settings, "RAY_ADDRESS": self._read()}
        return self

    def __exit__(self, *_):
        for raylet in self.raylets:
            if psutil.pid_exists(raylet):
                os.kill(raylet, signal.SIGCONT)
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()
        shutil.rmtree(self.folder)

    def add(self):
        """Add a node with one core and return its number."""
        self.raylets.append(int(self._ask("add")))
        return len(self.raylets) - 1

    def find(self, pid):
        """Return the number of the node on which a process works."""
        return self.raylets.index(psutil.Process(pid).ppid())

    def kill(self, number):
        """Kill all processes of a node, as kill -9 does."""
        self._ask(f"kill {self.raylets[number]}")

    def stop(self, number):
        """Stop a node's raylet: connections are still accepted, and nothing is answered."""
        os.kill(self.raylets[number], signal.SIGSTOP)

    def freeze(self, number):
        """Stop all processes of a node, as where its host hangs."""
        for process in self._list(number):
            process.suspend()

    def wake(self, number):
        """Let the processes of a frozen node go on, as where its host answers again."""
        for process in self._list(number):
            process.resume()

    def _list(self, number):
        if not psutil.pid_exists(self.raylets[number]):
            return []
        raylet = psutil.Process(self.raylets[number])
        return [raylet, *raylet.children(recursive=True)]

    def _ask(self, request):
        print(request, file=self.process.stdin, flush=True)
        return self._read()

    def _read(self):
        answer = self.process.stdout.readline().strip()
        if not answer:
            raise AssertionError(self.log.read_text())
        return answer
