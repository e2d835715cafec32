"""Jobs in processes of their own: what comes back from each, and when its slot is free again."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import forkserver
from pathlib import Path

import pytest

from dcgan_sweeps.slots.processes import TERMINAL_SIGNALS, JobDied, Processes
from dcgan_sweeps.slots.slots import Slot

pytestmark = pytest.mark.slow

CORES = sorted(os.sched_getaffinity(0))


def describe(slot):
    return os.getpid(), sorted(os.sched_getaffinity(0)), os.environ["CUDA_VISIBLE_DEVICES"]


def die(slot):
    os.kill(os.getpid(), signal.SIGKILL)


def fail(slot):
    raise ValueError("on purpose")


def find_blocked(slot):
    return signal.pthread_sigmask(signal.SIG_BLOCK, ())


def hang(slot):
    time.sleep(600)


def work_a_while(slot):
    begin = time.monotonic()
    time.sleep(0.5)
    return begin, time.monotonic(), slot.memory_mib


@pytest.fixture(scope="module")
def processes():
    return Processes([Slot(0, 1, CORES[:1])])


@pytest.fixture
def log(tmp_path):
    return tmp_path / "job.log"


def test_each_job_has_a_process_with_the_environment_of_its_slot(processes, log):
    first = processes.run(describe, log, None)
    second = processes.run(describe, log, None)
    assert first[0] != second[0]
    assert first[1:] == (CORES[:1], "-1")


def test_signals_of_a_terminal_reach_the_jobs_alone_that_are_sent_them(processes, log):
    blocked = processes.run(find_blocked, log, None)
    server = forkserver._forkserver._forkserver_pid
    status = Path(f"/proc/{server}/status").read_text()
    mask = int(re.search(r"SigBlk:\s*(\w+)", status)[1], 16)
    assert {each for each in TERMINAL_SIGNALS if mask >> each - 1 & 1} == {*TERMINAL_SIGNALS}
    for number in TERMINAL_SIGNALS:
        os.kill(server, number)
    assert processes.run(describe, log, None)
    assert forkserver._forkserver._forkserver_pid == server
    assert blocked.isdisjoint(TERMINAL_SIGNALS)


@pytest.mark.parametrize(
    ("work", "timeout_s", "error", "says"),
    [
        (die, None, JobDied, "killed by signal SIGKILL"),
        (fail, None, RuntimeError, "on purpose"),
        (hang, 0.3, JobDied, "took longer than"),
    ],
)
def test_a_job_that_does_not_answer_says_why_and_gives_its_slot_back(
    processes, log, work, timeout_s, error, says
):
    with pytest.raises(error, match=says):
        processes.run(work, log, timeout_s)
    assert processes.run(describe, log, None)


def test_those_that_need_a_whole_gpu_have_it_alone(log):
    slots = [Slot(number, 1, CORES, "GPU-0", 1000) for number in range(2)]
    processes = Processes(slots)
    with ThreadPoolExecutor(4) as threads:
        shared = [threads.submit(processes.run, work_a_while, log, None) for _ in range(2)]
        alone = [threads.submit(processes.run_alone, work_a_while, log, None) for _ in range(2)]
        spans = [each.result(60) for each in (*shared, *alone)]
    for begin, end, memory_mib in spans[2:]:
        assert memory_mib is None
        others = [each for each in spans if each[0] != begin]
        assert all(other[1] <= begin or other[0] >= end for other in others)


def test_a_stop_ends_what_runs_and_starts_nothing_more(log):
    processes = Processes([Slot(0, 1, CORES)])
    with ThreadPoolExecutor(2) as threads:
        jobs = [threads.submit(processes.run, hang, log, None) for _ in range(2)]
        while not processes._running:
            time.sleep(0.01)
        processes.stop()
        for job in jobs:
            with pytest.raises(JobDied):
                job.result(30)


WHERE_SOCKETS_ARE = """
import os, stat
from multiprocessing import util
from multiprocessing.connection import Listener
from dcgan_sweeps.slots.processes import keep_sockets_short
import tempfile

before = tempfile.gettempdir()
keep_sockets_short()
with Listener(family="AF_UNIX") as listener:
    print(listener.address, oct(stat.S_IMODE(os.stat(util.get_temp_dir()).st_mode)))
assert tempfile.gettempdir() == before
"""


@pytest.mark.parametrize("length", [71, 72, 90, 200])
def test_a_long_tmpdir_leaves_room_for_sockets(length, tmp_path_factory):
    place = str(tmp_path_factory.mktemp("t"))
    folder = Path(f"{place}/{'x' * (length - len(place) - 1)}")
    folder.mkdir()
    printed = subprocess.check_output(
        [sys.executable, "-c", WHERE_SOCKETS_ARE],
        env=os.environ | {"TMPDIR": str(folder)},
        text=True,
    )
    address, mode = printed.split()
    assert mode == "0o700"
    assert not Path(address).parent.exists()  # removed at the end
    assert address.startswith(place) == (length <= 71)
