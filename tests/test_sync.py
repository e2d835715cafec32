"""Sync delivers what is not in MLflow yet, once, wherever it was interrupted before."""

from __future__ import annotations

import itertools
import json
import shutil
import signal
import sys

import pytest
from mlflow import MlflowClient
from processes import PROGRAM, TINY, finish, open_store, start
from proxy import Proxy
from server import Server
from tally import compare_folder

pytestmark = pytest.mark.slow

WORDS = [*TINY, "score=none"]
OFFLINE = [*PROGRAM, *WORDS, "tracking.offline=true"]
SYNC = [sys.executable, "-m", "dcgan_sweeps.sync"]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("server")) as server:
        # The first write of each run is its own then.
        MlflowClient(server.uri).create_experiment("dcgan_sweeps")
        yield server


@pytest.fixture
def proxy(server):
    with Proxy(server.port) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def offline(tmp_path_factory):
    """A folder with one run that no tracker knows."""
    folder = tmp_path_factory.mktemp("offline")
    finish(folder, OFFLINE)
    return folder


@pytest.fixture
def copied(offline, tmp_path):
    """As `offline`, to be delivered."""
    shutil.copytree(offline / "mlruns", tmp_path / "mlruns")
    return tmp_path


def find_folder(folder):
    (root,) = folder.glob("mlruns/runs/*")
    return root


def test_an_offline_run_contacts_no_tracker(offline):
    assert not (offline / "mlruns" / "mlflow.db").exists()
    last = json.loads(find_folder(offline).joinpath("history.jsonl").read_text().splitlines()[-1])
    assert last["outcome"] == "complete"


def test_two_syncs_deliver_a_run_once(copied):
    root = find_folder(copied)
    finish(copied, [*SYNC, str(root)])
    assert compare_folder(open_store(copied), root) == []
    assert "are delivered" in finish(copied, SYNC)
    assert compare_folder(open_store(copied), root) == []


def test_a_sync_that_is_killed_again_and_again_delivers_once(copied, server, proxy):
    """A process hears no answer to its last write: first one after each write up to the pictures,
    then each makes one write more than the one before it, since a model is uploaded in one go."""
    root = find_folder(copied)
    for writes in itertools.chain(itertools.repeat(1, 8), itertools.count(2)):
        proxy.behave("pass")
        process = start(copied, [*SYNC, str(root), f"--uri={proxy.uri}"])
        proxy.after_write = lambda _, due=writes, it=process: proxy.writes >= due and it.kill()
        printed, _ = process.communicate(timeout=60)
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, printed
    assert writes > 5
    assert compare_folder(MlflowClient(server.uri), root) == []


@pytest.mark.parametrize(
    ("path", "count"),
    [("/runs/create", 1), ("/runs/log-batch", 1), ("/mlflow-artifacts/", 12), ("/runs/update", 1)],
)
def test_a_run_that_is_killed_while_it_delivers_is_resumed_to_all_once(
    tmp_path, server, proxy, path, count
):
    process = start(tmp_path, [*PROGRAM, *WORDS, f"tracking.uri={proxy.uri}"])
    seen = itertools.count(1)
    proxy.after_write = lambda at: path in at and next(seen) == count and process.kill()
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, printed
    proxy.after_write = None
    root = find_folder(tmp_path)
    resume = [*PROGRAM, f"resume={root}", f"tracking.uri={proxy.uri}"]
    history = root / "history.jsonl"
    is_complete = history.exists() and '"outcome": "complete"' in history.read_text()
    finish(tmp_path, [*SYNC, str(root)] if is_complete else resume)
    assert compare_folder(MlflowClient(server.uri), root) == []


@pytest.mark.parametrize("fault", ["answer 500", "refuse"])
def test_what_could_not_be_delivered_is_said_in_one_line(offline, proxy, fault):
    proxy.behave(fault)
    printed = finish(offline, [*SYNC, f"--uri={proxy.uri}"], status=1)
    assert "not delivered: " in printed
    assert "0 of 1 delivered" in printed
    assert "Traceback" not in printed


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["nowhere"], "nowhere"),
        (["study:nowhere"], "nowhere"),
    ],
)
def test_a_wrong_request_is_one_clear_line(offline, words, fault):
    printed = finish(offline, [*SYNC, *words], status=2)
    assert fault in printed
    assert "Traceback" not in printed
