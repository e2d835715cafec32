"""A tracker that fails after the start of a run costs nothing: a real server, killed and stopped,
and a proxy before it with every other fault."""

from __future__ import annotations

import re
import signal
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient
from processes import PROGRAM, TINY, call, finish, open_store, start
from proxy import FAULTS, Proxy
from server import Server
from tally import compare_folder, find_runs_of

pytestmark = pytest.mark.slow

HOLD = [sys.executable, str(Path(__file__).parents[1] / "support" / "hold.py")]
WORDS = [*TINY, "train.epochs=3", "score=none"]
PATIENCE_S = 20  # beside what is claimed: the start of a process on a busy machine
SYNC = re.compile(r"python -m dcgan_sweeps\.sync (\S+)")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def proxy(server):
    with Proxy(server.port) as proxy:
        yield proxy


def strike(fault, server, proxy):
    if fault == "server killed":
        server.kill()
    elif fault == "server stopped":
        server.stop()
    else:
        proxy.behave(fault)


def heal(fault, server, proxy):
    if fault == "server killed":
        server.start()
    elif fault == "server stopped":
        server.go_on()
    else:
        proxy.behave("pass")


def begin(folder, *words):
    """Start a run that waits at the end of its first epoch; its MLflow run is opened by then."""
    process = start(folder, [*HOLD, *WORDS, *words])
    reach(process, folder, 1)
    return process


def reach(process, folder, epoch):
    """Wait until the run is at the end of an epoch."""
    until = time.monotonic() + 60
    while not (folder / f"at_{epoch}").exists():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < until, f"epoch {epoch} was not reached"
        time.sleep(0.05)


def release(folder, *epochs):
    for epoch in epochs:
        (folder / f"go_on_{epoch}").touch()


def end(process, status=0):
    """Wait for the end of a run, with the exit status that is expected; return its output."""
    try:
        printed, _ = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == status, printed
    return printed


def find_folder(folder):
    (root,) = folder.glob("mlruns/runs/*")
    return root


def sync(folder, *words, status=0):
    return finish(folder, [sys.executable, "-m", "dcgan_sweeps.sync", *words], status=status)


def test_all_arrives_once_whatever_failed_meanwhile(tmp_path, server, proxy):
    faults = [*FAULTS, "server killed", "server stopped"]
    process = begin(tmp_path, f"tracking.uri={proxy.uri}", f"train.epochs={len(faults) + 1}")
    for epoch, fault in enumerate(faults, 1):
        strike(fault, server, proxy)
        release(tmp_path, epoch)
        reach(process, tmp_path, epoch + 1)  # training goes on
        if fault == "refuse":
            time.sleep(1)  # nobody can count what was refused
        elif fault != "server killed":
            proxy.wait_for_calls(1)
        heal(fault, server, proxy)
        proxy.behave("pass")
        proxy.wait_for_calls(2)  # it is tried again
    release(tmp_path, len(faults) + 1)
    printed = end(process)
    assert SYNC.search(printed) is None, printed
    assert compare_folder(MlflowClient(server.uri), find_folder(tmp_path)) == []


@pytest.mark.parametrize("fault", ["answer 500", "drop", "hang", "refuse", "slow"])
def test_a_tracker_that_stays_away_costs_its_timeout_and_sync_delivers_later(
    tmp_path, server, proxy, fault
):
    process = begin(tmp_path, f"tracking.uri={proxy.uri}", "tracking.flush_timeout_s=1")
    strike(fault, server, proxy)
    begin_s = time.monotonic()
    release(tmp_path, 1, 2, 3)
    printed = end(process)
    assert time.monotonic() - begin_s < 1 + PATIENCE_S
    assert re.search(r"^result +complete", printed, re.MULTILINE)
    (target,) = SYNC.findall(printed)
    heal(fault, server, proxy)
    proxy.wait_until_idle()
    client, root = MlflowClient(server.uri), find_folder(tmp_path)
    assert [run.info.status for run in find_runs_of(client, root)] == ["RUNNING"]
    sync(tmp_path, target)
    assert compare_folder(client, root) == []
    proxy.behave("pass")
    sync(tmp_path, target)
    assert (proxy.calls > 0, proxy.writes) == (True, 0)


def test_a_signal_is_heard_while_the_end_waits_for_the_tracker(tmp_path, proxy):
    process = begin(tmp_path, f"tracking.uri={proxy.uri}", "tracking.flush_timeout_s=600")
    proxy.behave("hang")
    release(tmp_path, 1, 2, 3)
    wait_for_outcome(process, find_folder(tmp_path))
    begin_s = time.monotonic()
    process.send_signal(signal.SIGINT)
    printed = end(process)
    assert time.monotonic() - begin_s < 2
    assert SYNC.search(printed)


def test_a_signal_is_heard_in_training_while_the_tracker_hangs(tmp_path, server, proxy):
    process = begin(tmp_path, f"tracking.uri={proxy.uri}", "tracking.flush_timeout_s=1")
    proxy.behave("hang")
    begin_s = time.monotonic()
    process.send_signal(signal.SIGTERM)
    release(tmp_path, 1, 2, 3)
    printed = end(process, status=130)
    assert time.monotonic() - begin_s < 1 + PATIENCE_S
    proxy.behave("pass")
    (words,) = re.findall(r"python -m dcgan_sweeps\.run (resume=.*)", printed)
    finish(tmp_path, [*PROGRAM, *words.split()])
    sync(tmp_path)  # on a busy machine a second is not enough for all of it
    assert compare_folder(MlflowClient(server.uri), find_folder(tmp_path)) == []


def test_doctor_lists_what_was_not_delivered(tmp_path, proxy):
    process = begin(tmp_path, f"tracking.uri={proxy.uri}", "tracking.flush_timeout_s=0")
    proxy.behave("refuse")
    release(tmp_path, 1, 2, 3)
    end(process)
    proxy.behave("pass")
    words = [f"tracking.uri={proxy.uri}", "tracking.dir=mlruns"]
    printed = call(tmp_path, [sys.executable, "-m", "dcgan_sweeps.doctor", *words]).stdout
    assert re.search(rf"NO +delivery .*{find_folder(tmp_path).name[:8]}", printed), printed


def wait_for_outcome(process, root):
    until = time.monotonic() + 60
    while '"outcome": "complete"' not in (root / "history.jsonl").read_text():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.parametrize("lasts", ["for six seconds", "until the run has ended"])
def test_a_locked_database_costs_nothing(tmp_path, lasts):
    process = begin(tmp_path, "tracking.flush_timeout_s=" + ("1" if "until" in lasts else "60"))
    with closing(sqlite3.connect(tmp_path / "mlruns" / "mlflow.db")) as database:
        database.execute("BEGIN EXCLUSIVE")
        release(tmp_path, 1)
        reach(process, tmp_path, 2)
        if "until" not in lasts:
            time.sleep(6)  # longer than SQLite's own patience
            database.rollback()
        release(tmp_path, 2, 3)
        printed = end(process)
    root = find_folder(tmp_path)
    if "until" in lasts:
        sync(tmp_path, *SYNC.findall(printed))
    assert compare_folder(open_store(tmp_path), root) == []
