"""The MLflow UI on this machine alone, over the right store: `python -m dcgan_sweeps.ui`."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from types import FrameType

from dcgan_sweeps.config import RequestError
from dcgan_sweeps.tracking.store import connect, find_store

HOST = "127.0.0.1"
# MLflow's jobs judge language models; their eight processes would wait here for nothing.
NO_JOBS = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
START_TIMEOUT_S = 90
STOP_TIMEOUT_S = 10


def main() -> int:
    parser = argparse.ArgumentParser("dcgan_sweeps.ui", description=__doc__)
    parser.add_argument("--dir", default="mlruns", help="folder of the local store (mlruns)")
    parser.add_argument("--uri", help="another MLflow store, such as a database URL")
    parser.add_argument("--port", type=int, default=5000, help="the next free one is taken (5000)")
    options = parser.parse_args()
    if not 1 <= options.port <= 65535:
        parser.error(f"--port: got {options.port}; allowed: 1 to 65535")
    store = find_store(options.uri, options.dir)
    if store.uri.startswith(("http://", "https://")):
        print(f"--uri: {store} is a server already; open it in a browser", file=sys.stderr)
        return 2
    try:
        connect(store)
    except RequestError as error:
        print(error, file=sys.stderr)
        return 2
    port = find_free_port(options.port)
    if port != options.port:
        print(f"port {options.port} is taken; using {port}")
    # In the environment, not on the command line, where others on this machine could read it.
    environment = NO_JOBS | os.environ | {"MLFLOW_BACKEND_STORE_URI": store.uri}
    command = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port)]
    command += ["--workers", "1"]
    if store.artifact_root is not None:
        command += ["--default-artifact-root", store.artifact_root.as_uri()]
    return serve(command, environment, f"http://{HOST}:{port}", str(store))


def find_free_port(first: int) -> int:
    """Return the first port from `first` on that nobody listens at."""
    for port in range(first, 65536):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port from {first} on")


def serve(command: Sequence[str], environment: dict[str, str], address: str, store: str) -> int:
    """Run the server until Ctrl-C or SIGTERM, and say where it is once it answers."""
    # A session of its own: Ctrl-C reaches us alone, and all of its processes end together.
    server = subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    # Ctrl-C too: a shell starts background jobs with it ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        print("starting the MLflow UI ...", flush=True)
        if not wait_until_answers(address, server):
            output = server.communicate(timeout=STOP_TIMEOUT_S)[1] if server.poll() else b""
            print(output.decode(errors="replace"), file=sys.stderr)
            print("the MLflow UI did not start", file=sys.stderr)
            return 1
        print(f"MLflow UI: {address}   store: {store}   Ctrl-C ends it", flush=True)
        server.communicate()
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        stop(server)


def wait_until_answers(address: str, server: subprocess.Popen[bytes]) -> bool:
    """Return whether the server answered before it ended or START_TIMEOUT_S passed."""
    # Without the proxies of the environment: this machine is not behind one.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    until = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < until and server.poll() is None:
        try:
            with opener.open(f"{address}/health", timeout=2) as answer:
                if answer.status == 200:
                    return True
        except OSError:
            time.sleep(0.2)
    return False


def stop(server: subprocess.Popen[bytes]) -> None:
    """End the server and its workers."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, number)
            server.wait(STOP_TIMEOUT_S)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
