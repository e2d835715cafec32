"""Serves the MLflow UI, and optionally optuna-dashboard: `python -m dcgan_sweeps.ui [TARGET]`."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

from dcgan_sweeps.command import Parser, answer, started
from dcgan_sweeps.config.faults import Fault, RequestError, refuse
from dcgan_sweeps.paths import STUDY_NAME, STUDY_NAMES, resolve_folder
from dcgan_sweeps.place import add_place, say_variables
from dcgan_sweeps.runs.logged_run import RUN_ID, read_run
from dcgan_sweeps.runs.selection import STUDY, find_parent, find_run, is_run_name
from dcgan_sweeps.terminal import make_console, make_say, show_line
from dcgan_sweeps.tracking.store import Client, Store, answering, connect, find_store, open_store

HOST = "127.0.0.1"
KIND = "?workflowType=machine_learning"  # otherwise the UI shows the menu for language models
# MLflow's jobs evaluate language models; without this, eight idle processes would be started.
NO_JOBS = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
# By default MLflow also accepts hosts like "10.*", which match names that anybody can register.
OWN_HOSTS = {
    "MLFLOW_SERVER_ALLOWED_HOSTS": "localhost,localhost:*,127.0.0.1,127.0.0.1:*,[::1],[[]::1]:*"
}
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
START_TIMEOUT_S = 90
STOP_TIMEOUT_S = 10


@dataclass(frozen=True)
class Server:
    """The command and environment of a server process, and the address at which it answers."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    address: str


def main() -> int:
    options = read_options()
    return answer(lambda: open_ui(options), "interrupted before anything was started")


def open_ui(options: argparse.Namespace) -> int:
    """Run the requested servers and return the exit status; raises RequestError."""
    say_variables(options)
    store = find_store(options.uri, options.dir)
    if store.uri.lower().startswith(("http://", "https://")):
        raise refuse("--uri", f"got {store}, which is a server; open it in a browser")
    # Without a target, a missing store is created, and the UI can be open before the first run.
    client = open_store(options.uri, options.dir) if options.target else connect(store)
    with answering():
        page = find_page(client, options)
    servers = plan_servers(options, store)
    with started():
        return serve(servers, page, show_line(str(store)))


def read_options() -> argparse.Namespace:
    parser = Parser(
        "dcgan_sweeps.ui",
        description="Serves the MLflow UI of a store to this machine only, until Ctrl-C, and"
        " prints its address. With --optuna it also serves optuna-dashboard.",
        examples=(
            "python -m dcgan_sweeps.ui",
            "python -m dcgan_sweeps.ui study:lr",
            "python -m dcgan_sweeps.ui study:lr --optuna",
        ),
        status="0 stopped by Ctrl-C, 1 a server did not start or has ended, 2 wrong request",
    )
    parser.add_argument(
        "target",
        metavar="TARGET",
        nargs="?",
        help="run to show: best, latest, study:NAME or a run id (default: the experiment)",
    )
    parser.add_argument(
        "--port",
        type=int,
        default=5000,
        help="first port to try; the next free one is used (default: %(default)s)",
    )
    parser.add_argument(
        "--optuna",
        nargs="?",
        const="",
        metavar="STORAGE",
        help="also serve optuna-dashboard on STORAGE (default: the journal of study:NAME)",
    )
    add_place(parser)
    options = parser.parse_args()
    if options.optuna and options.target is None and is_run_name(options.optuna):
        options.target, options.optuna = options.optuna, ""  # --optuna study:NAME
    if not 1 <= options.port <= 65535:
        parser.error(f"--port: got {options.port}; allowed: 1 to 65535")
    return options


def find_page(client: Client, options: argparse.Namespace) -> str:
    """Return the path in the UI of the requested run, or of the experiment without a target.

    For a study it is that of the parent run.
    """
    if options.target is None:
        experiment = client.get_experiment_by_name(options.experiment)
        return "" if experiment is None else f"/#/experiments/{experiment.experiment_id}/runs{KIND}"
    if options.target.startswith(STUDY):
        run = find_parent(client, options.experiment, options.target.removeprefix(STUDY))
    elif RUN_ID.fullmatch(options.target):
        run = read_run(client, options.target, "TARGET")  # also the parent run of a study
    else:
        run, _ = find_run(client, options.experiment, options.target)
    return f"/#/experiments/{run.experiment_id}/runs/{run.run_id}{KIND}"


def plan_servers(options: argparse.Namespace, store: Store) -> list[Server]:
    """Return the requested servers, each on a free port; raises RequestError."""
    port = choose_port(options.port)
    # The URI is passed in the environment, since other users could read it on the command line.
    environment = NO_JOBS | OWN_HOSTS | os.environ | {"MLFLOW_BACKEND_STORE_URI": store.uri}
    command = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port)]
    command += ["--workers", "1"]
    if store.artifact_root is not None:
        command += ["--default-artifact-root", store.artifact_root.as_uri()]
    servers = [Server("MLflow UI", command, environment, f"http://{HOST}:{port}")]
    if options.optuna is not None:
        servers.append(plan_dashboard(options, choose_port(port + 1)))
    return servers


def plan_dashboard(options: argparse.Namespace, port: int) -> Server:
    """Return the server of optuna-dashboard for the requested storage; raises RequestError."""
    from dcgan_sweeps.sweep.storage import open_storage

    journal = find_journal(options)
    try:
        open_storage(options.optuna or None, journal)
    except RequestError as error:
        raise RequestError([Fault("--optuna", each.problem) for each in error.faults]) from error
    command = [sys.executable, "-m", "dcgan_sweeps.dashboard", str(journal), str(port)]
    environment = os.environ | {"DCGAN_SWEEPS_STORAGE": options.optuna}
    return Server("optuna-dashboard", command, environment, f"http://{HOST}:{port}")


def find_journal(options: argparse.Namespace) -> Path:
    """Return the path of the requested study's journal.

    Raises RequestError if it does not exist and no other storage was requested.
    """
    target = options.target or ""
    study = target.removeprefix(STUDY) if target.startswith(STUDY) else ""
    if study and not STUDY_NAME.fullmatch(study):  # it may be a path
        problem = f"got {f'{STUDY}{study}'!r}; allowed in the name of a study: {STUDY_NAMES}"
        raise refuse("TARGET", problem)
    journal = resolve_folder("--dir", options.dir) / "studies" / study / "journal.log"
    if not options.optuna and not (study and journal.is_file()):
        got = f"{target}; {journal} does not exist" if study else target or "no study"
        problem = f"got {got}; allowed: study:NAME with a journal, or --optuna STORAGE"
        raise refuse("--optuna", problem)
    return journal


def choose_port(first: int) -> int:
    """Return the first free port from `first` on, and report it if it is another port.

    Raises RequestError if there is none.
    """
    for port in range(first, 65536):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        if port != first:
            print(f"port {first} is in use; using {port}")
        return port
    raise refuse("--port", f"got {first}; no port from there on is free")


def serve(servers: Sequence[Server], page: str, store: str) -> int:
    """Run the servers until Ctrl-C, SIGTERM or the end of the terminal; return the exit status.

    Their addresses are printed as soon as they answer; `page` is the path to show in the first one.
    """
    # SIGINT is set too, since a shell starts background jobs with it ignored. A SIGHUP that nohup
    # ignores stays ignored.
    for number in SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _interrupt)
    say, complain = make_say(make_console()), make_say(make_console(sys.stderr))
    started: list[Started] = []
    try:
        say(f"starting {' and '.join(each.name for each in servers)} ...")
        started += map(start, servers)
        for each in started:
            if not wait_until_answers(each.server.address, each.process):
                complain(f"{each.read_errors()}\n{each.server.name} did not start")
                return 1
            hint = f"{page}   store: {store}   Ctrl-C to stop" if each is started[0] else ""
            say(f"{each.server.name}: {each.server.address}{hint}")
        while not (ended := [each for each in started if each.process.poll() is not None]):
            time.sleep(1)
        complain(f"{ended[0].read_errors()}\n{ended[0].server.name} has ended")
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        for each in started:
            stop(each.process)


@dataclass(frozen=True)
class Started:
    """A running server, and the file with its error output."""

    server: Server
    process: subprocess.Popen[bytes]
    errors: IO[bytes]

    def read_errors(self) -> str:
        """Return the error output of the server."""
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")


def start(server: Server) -> Started:
    """Start a server in a new session.

    Ctrl-C then reaches only this process, and all processes of the server end together, even if
    this process is killed.
    """
    # A file, since nobody reads a pipe while the server runs, and a full pipe would block it.
    errors = tempfile.TemporaryFile()  # noqa: SIM115 open as long as the server runs
    process = subprocess.Popen(
        [sys.executable, "-m", "dcgan_sweeps.lifeline", *server.command],
        env=dict(server.environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=errors,
        start_new_session=True,
    )
    return Started(server, process, errors)


def wait_until_answers(address: str, server: subprocess.Popen[bytes]) -> bool:
    """Return whether the server answered before it ended or START_TIMEOUT_S passed."""
    # Without the proxies of the environment, since the address is on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    until = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < until and server.poll() is None:
        try:
            with opener.open(f"{address}/", timeout=2) as answer:
                if answer.status == 200:
                    return True
        except OSError:
            time.sleep(0.2)
    return False


def stop(server: subprocess.Popen[bytes]) -> None:
    """Stop the server and its workers."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, number)
            server.wait(STOP_TIMEOUT_S)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def _interrupt(signum: int, frame: FrameType | None) -> None:
    # A second signal would interrupt stopping the servers.
    for number in SIGNALS:
        signal.signal(number, lambda signum, frame: None)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
