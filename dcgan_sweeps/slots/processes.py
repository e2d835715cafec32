"""Runs jobs in new processes, one per slot, forked from a server that has done the imports.

processes = Processes(slots)
answer = processes.run(work, "log.txt", timeout_s=None)   # waits for a slot, and for the job

A job that is killed or exceeds its timeout frees its slot. A job ends if its controller is gone.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import forkserver, resource_tracker, util
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from dcgan_sweeps.config.faults import refuse
from dcgan_sweeps.slots.slots import Slot, widen

PRELOAD = ["dcgan_sweeps.sweep.preload"]
LONGEST_SOCKET = 103  # bytes of a socket's path: 107 on Linux, 103 on macOS
SOCKET_NAME = len("/pymp-12345678/listener-12345678")  # appended by multiprocessing
SHORT_PLACES = ("/tmp", "/var/tmp", "/dev/shm")
TERMINAL_SIGNALS = (signal.SIGINT, signal.SIGHUP)  # sent to all processes of a terminal
END_S = 10  # time for a process to end after its answer

Work = Callable[[Slot], Any]


class JobDied(Exception):
    """The process of a job died or was killed without an answer; the message says how."""


@dataclass(frozen=True)
class Raised:
    """The exception of a job that raised instead of returning an answer."""

    message: str
    text: str  # traceback


class Processes:
    """Runs the jobs of this process, at most one in each slot at a time."""

    def __init__(self, slots: Sequence[Slot]):
        keep_sockets_short()
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(PRELOAD)
        start_forkserver()
        self._free = list(slots)
        self._gpus = [slot.gpu for slot in slots]
        self._running: dict[int, ForkServerProcess] = {}  # by the number of the slot
        self._changed = threading.Condition()
        self._alone = threading.Lock()
        self._stopped = False

    def run(self, work: Work, log: Path, timeout_s: float | None) -> Any:
        """Run `work(slot)` in a new process, write its output to `log`, and return its answer.

        Raises JobDied if the process was killed or took longer than `timeout_s`, and RuntimeError,
        with the traceback, if the work raised.
        """
        with self._take() as slot:
            return self._run_in(slot, work, log, timeout_s)

    def run_alone(self, work: Work, log: Path, timeout_s: float | None) -> Any:
        """Run `work(slot)` as `run` does, but alone on a whole GPU."""
        # Only one at a time: two jobs that hold a share and wait for the rest would deadlock.
        with self._alone, self._take_gpu() as slot:
            return self._run_in(slot, work, log, timeout_s)

    def stop(self) -> None:
        """Kill every running job; jobs that wait for a slot are not started."""
        with self._changed:
            self._stopped = True
            for process in self._running.values():
                process.kill()
            self._changed.notify_all()

    @contextlib.contextmanager
    def _take(self) -> Iterator[Slot]:
        with self._changed:
            self._changed.wait_for(lambda: self._free or self._stopped)
            if self._stopped:
                raise JobDied("stopped before it was started")
            slot = self._free.pop(0)
        try:
            yield slot
        finally:
            self._give_back([slot])

    @contextlib.contextmanager
    def _take_gpu(self) -> Iterator[Slot]:
        with self._take() as slot:
            neighbours = self._wait_for_neighbours(slot)
            try:
                yield widen(slot)
            finally:
                self._give_back(neighbours)

    def _wait_for_neighbours(self, slot: Slot) -> list[Slot]:
        taken: list[Slot] = []
        if slot.gpu is None or slot.memory_mib is None:
            return taken
        with self._changed:
            others = self._gpus.count(slot.gpu) - 1
            while not self._stopped and len(taken) < others:
                taken += [each for each in self._free if each.gpu == slot.gpu]
                self._free = [each for each in self._free if each.gpu != slot.gpu]
                if len(taken) < others:
                    self._changed.wait()
        return taken

    def _give_back(self, slots: Sequence[Slot]) -> None:
        with self._changed:
            self._free = sorted([*self._free, *slots], key=lambda each: each.number)
            self._changed.notify_all()

    def _run_in(self, slot: Slot, work: Work, log: Path, timeout_s: float | None) -> Any:
        answers, answering = self._context.Pipe(duplex=False)
        watched, lifeline = self._context.Pipe(
            duplex=False
        )  # closed by the kernel when this process ends
        process = self._context.Process(
            target=_serve, args=(answering, watched, slot, work, str(log)), daemon=True
        )
        log.parent.mkdir(parents=True, exist_ok=True)
        # start() also reaps ended processes, which must not happen in two threads at once.
        with self._changed:
            if self._stopped:
                raise JobDied("stopped before it was started")
            process.start()
            self._running[slot.number] = process
        answering.close()
        watched.close()
        try:
            return self._read_answer(process, answers, timeout_s)
        finally:
            with self._changed:
                if not wait([process.sentinel], 0):
                    process.kill()
                process.join()
                del self._running[slot.number]
            lifeline.close()
            answers.close()

    def _read_answer(
        self, process: ForkServerProcess, answers: Connection, timeout_s: float | None
    ) -> Any:
        if not wait([answers, process.sentinel], timeout_s):
            raise JobDied(f"it took longer than {(timeout_s or 0) / 60:g} min and was killed")
        try:
            answer = answers.recv()
        except EOFError:
            raise JobDied(self._describe_end(process)) from None
        wait([process.sentinel], END_S)
        if isinstance(answer, Raised):
            raise RuntimeError(f"{answer.message}\n{answer.text}")
        return answer

    def _describe_end(self, process: ForkServerProcess) -> str:
        wait([process.sentinel], END_S)
        with self._changed:
            process.join(END_S)
            code = process.exitcode
        if code is not None and code < 0:
            return f"its process was killed by signal {signal.Signals(-code).name}"
        return f"its process ended with status {code}"


def start_forkserver() -> None:
    """Start the server that jobs are forked from, out of reach of its terminal.

    Its imports take seconds, in which Ctrl-C would end it with a traceback. The server inherits
    that these signals are blocked, and so does each job until `_leave_terminal`.
    """
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, TERMINAL_SIGNALS)
    try:
        resource_tracker.ensure_running()
        # The start of the tracker has unblocked SIGINT (in Python 3.11).
        signal.pthread_sigmask(signal.SIG_BLOCK, TERMINAL_SIGNALS)
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def keep_sockets_short() -> None:
    """Make multiprocessing create its sockets in a folder with a short path.

    The kernel allows LONGEST_SOCKET bytes, and TMPDIR may already be that long. Only this user can
    access the folder, and multiprocessing removes it when this process ends. Raises RequestError if
    there is no suitable folder.
    """
    usual = tempfile.gettempdir()
    if _is_short(usual):
        return
    places = [each for each in SHORT_PLACES if Path(each).is_dir() and os.access(each, os.W_OK)]
    if not places:
        problem = f"got {usual}; the path is too long for a socket; allowed: a shorter one"
        raise refuse("TMPDIR", problem)
    tempfile.tempdir = places[0]
    try:
        util.get_temp_dir()  # created with mode 0700, and used for all later sockets
    finally:
        tempfile.tempdir = usual


def _is_short(folder: str) -> bool:
    return len(os.fsencode(folder)) + SOCKET_NAME <= LONGEST_SOCKET


def _serve(answering: Connection, watched: Connection, slot: Slot, work: Work, log: str) -> None:
    _leave_terminal()
    threading.Thread(target=_end_with_controller, args=(watched,), daemon=True).start()
    os.environ.update(slot.environment)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, slot.cores)
    with open(log, "a") as file:  # noqa: PTH123 - the descriptor is also for libraries below Python
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    try:
        answer = work(slot)
    except Exception as error:
        answer = Raised(str(error) or type(error).__name__, traceback.format_exc())
    answering.send(answer)
    sys.stdout.flush()
    sys.stderr.flush()
    # Everything is written; TensorFlow's own clean-up takes longer than a small job.
    os._exit(0)


def _leave_terminal() -> None:
    """Leave the session of the controller, which alone gets Ctrl-C."""
    os.setsid()
    for number in TERMINAL_SIGNALS:
        handler = signal.signal(number, signal.SIG_IGN)  # discards one that came before
        signal.signal(number, handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, TERMINAL_SIGNALS)


def _end_with_controller(watched: Connection) -> None:
    with contextlib.suppress(EOFError, OSError):
        watched.recv()
    os._exit(1)
