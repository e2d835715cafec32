from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys

import pytest

from dcgan_sweeps.config import RequestError
from dcgan_sweeps.tracking.store import (
    connect,
    find_experiment,
    find_moved_experiments,
    find_store,
)


def test_the_local_store_is_absolute_and_made_where_it_is_missing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = find_store(None, "mlruns")
    client = connect(store)
    experiment = client.get_experiment(find_experiment(client, store, "e"))
    assert store.uri == f"sqlite:///{tmp_path}/mlruns/mlflow.db"
    assert experiment.artifact_location == (tmp_path / "mlruns" / "artifacts" / "e").as_uri()
    assert find_experiment(client, store, "e") == experiment.experiment_id


KILLED_IN_THE_MAKING = """
import os, signal, sys
from alembic.runtime.migration import HeadMaintainer
from dcgan_sweeps.tracking.store import connect, find_store

HeadMaintainer.update_to_step = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
connect(find_store(None if sys.argv[1] == "local" else sys.argv[1], "mlruns"))
"""


@pytest.mark.parametrize("uri", [None, "sqlite:///own.db"])
def test_a_store_whose_making_was_killed_is_made_again(tmp_path, monkeypatch, uri):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mlruns").mkdir()
    store = find_store(uri, "mlruns")
    words = [sys.executable, "-c", KILLED_IN_THE_MAKING, uri or "local"]
    assert subprocess.run(words, check=False).returncode == -signal.SIGKILL
    assert not store.exists
    client = connect(store)
    assert client.get_experiment(find_experiment(client, store, "e")).name == "e"
    assert not [path for path in tmp_path.rglob("*") if "new" in path.name]


def test_a_server_that_does_not_answer_is_named_without_its_password():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with pytest.raises(RequestError) as error:
        connect(find_store(f"http://me:hunter2@127.0.0.1:{port}", "mlruns"))
    assert f"127.0.0.1:{port} does not answer" in str(error.value)
    assert "hunter2" not in str(error.value)


def test_a_deleted_experiment_is_refused(tmp_path):
    store = find_store(None, str(tmp_path))
    client = connect(store)
    client.delete_experiment(find_experiment(client, store, "gone"))
    with pytest.raises(RequestError, match=r"tracking\.experiment: got gone, which was deleted"):
        find_experiment(client, store, "gone")


def test_a_moved_store_is_noticed(tmp_path):
    store = find_store(None, str(tmp_path / "here"))
    client = connect(store)
    find_experiment(client, store, "e")
    assert find_moved_experiments(client, store) == []
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    moved = find_store(None, str(tmp_path / "there"))
    (fault,) = find_moved_experiments(connect(moved), moved)
    assert "the store was moved" in fault.problem
