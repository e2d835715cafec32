"""Starts commands out of a process that has the imports done: `python forkserver.py SOCKET`.

A message on the SOCKET brings a command's own socket and its three streams. Through its own socket
the command is sent, and its process number and, at the end, its wait status are returned.
Nothing here may compute: TensorFlow's threads and devices are each command's own to set. The other
side is processes.py.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import io
import json
import logging
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import sqlite3
import sys
import tempfile
import threading
import warnings
from contextlib import closing
from multiprocessing import util
from pathlib import Path

# What is imported only where it is needed first.
LATE = (
    "alembic.command",
    "hydra._internal.core_plugins.basic_launcher",
    "imageio.plugins.pillow",
    "mlflow.keras",
    "mlflow.pyfunc",
    "mlflow.store.tracking.sqlalchemy_workspace_store",
    "sqlalchemy.dialects.sqlite",
)
STREAMS = 3
FREE = 200  # the first of the numbers that no descriptor here has


def import_all():
    """Import what commands and trials do; return the environment variables that this has set."""
    before = dict(os.environ)
    import PIL.Image

    import dcgan_sweeps.sweep.preload
    import hydra_plugins

    for package in (dcgan_sweeps, hydra_plugins):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(found.name)
    for name in LATE:
        importlib.import_module(name)
    PIL.Image.init()
    keep_tables_at_hand()
    gc.collect()
    gc.freeze()
    (_,) = threading.enumerate()  # others would be missing in a fork
    return {name: text for name, text in os.environ.items() if before.get(name) != text}


def keep_tables_at_hand():
    """Let each new SQLite store of MLflow be a copy of one that MLflow has made.

    Its dozens of migrations take most of a second of a processor.
    """
    import sqlalchemy
    from mlflow.store.db import utils

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mlflow.db")
        pid = fork()  # the engine and its threads are to be no part of any command
        if pid == 0:
            logging.disable()
            utils._initialize_tables(sqlalchemy.create_engine(f"sqlite:///{path}"))
            os._exit(0)
        os.waitpid(pid, 0)
        made = path.read_bytes()
    migrate = utils._initialize_tables

    def initialise(engine):
        if engine.dialect.name == "sqlite" and utils._is_empty_database(engine):
            with closing(sqlite3.connect(":memory:")) as kept:
                kept.deserialize(made)
                with closing(engine.raw_connection()) as new:
                    kept.backup(new.driver_connection)
        else:
            migrate(engine)

    utils._initialize_tables = initialise


def serve(requests):
    """Fork for each request, until nobody is left to send one: the commands are killed then.

    Returns in the forked process alone, with the command's socket.
    """
    woken, waking = socket.socketpair()
    waking.setblocking(False)
    signal.set_wakeup_fd(waking.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for pytest
    selector = selectors.DefaultSelector()
    selector.register(requests, selectors.EVENT_READ)
    selector.register(woken, selectors.EVENT_READ)
    running = {}
    while True:
        ready = [key.fileobj for key, _ in selector.select()]
        if woken in ready:
            woken.recv(1000)
            report_ended(running)
        if requests not in ready:
            continue
        message, descriptors, *_ = socket.recv_fds(requests, 1, 1 + STREAMS)
        if not message:
            for pid in running:
                os.kill(pid, signal.SIGKILL)
            sys.exit()
        command = socket.socket(fileno=descriptors[0])
        pid = fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for each in (selector, woken, waking, requests, *running.values()):
                each.close()
            take_streams(descriptors[1:])
            return command
        for descriptor in descriptors[1:]:
            os.close(descriptor)
        command.sendall(f"{pid}\n".encode())
        running[pid] = command


def fork():
    """Do os.fork without its warning of threads: those of linear algebra are all there are."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def report_ended(running):
    """Send the wait statuses of commands that have ended."""
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            with running.pop(pid) as command, contextlib.suppress(OSError):
                command.sendall(f"{status}\n".encode())


def take_streams(descriptors):
    """Take descriptors for standard input, output and error, unbuffered."""
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    # What Python keeps of a stream, such as whether it can be sought in, was true of another one.
    sys.stdin = io.TextIOWrapper(io.FileIO(0, closefd=False))
    for number, name in ((1, "stdout"), (2, "stderr")):
        before = getattr(sys, name)
        raw = io.FileIO(number, "w", closefd=False)
        after = io.TextIOWrapper(raw, before.encoding, before.errors, write_through=True)
        setattr(sys, name, after)


def read_message(connection):
    with connection, connection.makefile() as lines:
        return json.loads(lines.readline())


def do(command, set_by_imports):
    """Do a command as a fresh interpreter does `python WORDS`."""
    request = read_message(command)
    os.chdir(request["folder"])
    replace_environment(set_by_imports | request["environment"])
    tempfile.tempdir = None
    words = request["words"]
    if "-m" in words[1:]:
        keep_forkserver_at_hand()
    if words[0] == "-c":
        sys.argv = ["-c", *words[2:]]
        sys.path[0] = ""
        exec(words[1], {"__name__": "__main__"})
    elif words[0] == "-m":
        sys.argv = words[1:]
        sys.path[0] = os.getcwd()  # noqa: PTH109
        for name in (words[1], f"{words[1]}.__main__"):
            sys.modules.pop(name, None)
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = words
        sys.path[0] = os.path.dirname(words[0])  # noqa: PTH120 - as Python writes it
        runpy.run_path(words[0], run_name="__main__")


def replace_environment(environment):
    os.environ.clear()
    os.environ.update(environment)


def keep_forkserver_at_hand():
    """Let multiprocessing's forkserver be a fork of this process as it is now.

    It would be a new interpreter, which imports all once more.
    """
    here, there = socket.socketpair()
    pid = fork()
    if pid == 0:
        here.close()
        be_forkserver(there)
    there.close()
    launch = util.spawnv_passfds

    def spawn(path, words, descriptors):
        if "multiprocessing.forkserver" not in words[-1]:
            return launch(path, words, descriptors)
        util.spawnv_passfds = launch
        message = {"code": words[-1], "numbers": descriptors, "environment": dict(os.environ)}
        with here:
            socket.send_fds(here, [b" "], descriptors)
            here.sendall(f"{json.dumps(message)}\n".encode())
        return pid

    util.spawnv_passfds = spawn


def be_forkserver(connection):
    """Wait to be needed, then run the code of multiprocessing's forkserver, to the end."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        message, descriptors, *_ = socket.recv_fds(connection, 1, 2)
        if message:
            request = read_message(connection)
            # The code names the descriptors by the numbers that they have in the other process.
            kept = [os.dup2(each, FREE + place) for place, each in enumerate(descriptors)]
            for each, number in zip(kept, request["numbers"], strict=True):
                os.dup2(each, number)
                os.close(each)
            replace_environment(request["environment"])
            signal.signal(signal.SIGINT, signal.default_int_handler)
            exec(request["code"], {})
    finally:
        os._exit(0)


def end(status):
    """End as an interpreter does, but do not clear modules, which would copy every page of them."""
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


if __name__ == "__main__":
    set_by_imports = import_all()
    command = serve(socket.socket(fileno=int(sys.argv[1])))
    try:
        do(command, set_by_imports)
    except SystemExit as asked:
        if isinstance(asked.code, str):
            raise
        end(asked.code or 0)
    end(0)
