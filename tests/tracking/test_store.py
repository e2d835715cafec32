from __future__ import annotations

import importlib.util
import re
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy

from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.tracking.store import (
    connect,
    find_experiment,
    find_moved_experiments,
    find_store,
    name_folder,
    open_store,
    require_name,
)

# Each a folder that somebody has; those with %, ? and # mean something in an address.
FOLDERS = [
    "My%20Project",
    "what?",
    "100%",
    "%2F",
    "a#b&c;d=e,f:g@h",
    'it\'s "mine"',
    "two\nlines\tand a tab",
    "${x} $(y) `z`",
    "[a] {b} *",
    "Motörhead 猫",
    "-dash",
    "blank at the end ",
    "back\\slash",
    "~tilde",
    "file:x",
]
# Names of experiments that would lead elsewhere as paths, or cannot be a folder.
PATHS = [
    "/team/dcgan",
    "../../evil",
    "..\\..\\evil",
    ".",
    "..",
    "%2F",
    "..%2F..%2Fevil",
    "file:///etc",
    "s3://bucket/x",
    "C:\\x",
    "~",
    "new\nline",
    "a#b?c;d",
    'it\'s `x` "y"',
    "blank at the end ",
    " ",
    "x" * 300,
    "猫" * 90,
]


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


@pytest.mark.parametrize("name", FOLDERS)
def test_the_address_of_a_store_leads_back_to_its_folder(tmp_path, name):
    store = find_store(None, str(tmp_path / name))
    assert store.database == tmp_path / name / "mlflow.db"
    assert sqlalchemy.make_url(store.uri).database == str(store.database)
    assert find_store(store.uri, "elsewhere").database == store.database


def test_a_store_is_made_in_a_folder_of_any_name(tmp_path, monkeypatch):
    project = tmp_path / "".join(FOLDERS)
    project.mkdir()
    monkeypatch.chdir(project)
    store = find_store(None, "mlruns")
    client = connect(store)
    run_id = client.create_run(find_experiment(client, store, "e")).info.run_id
    client.log_text(run_id, "here", "folder/text.txt")
    found = open_store("sqlite:///mlruns/mlflow.db".replace("%", "%25"), "elsewhere")
    assert Path(found.download_artifacts(run_id, "folder/text.txt")).read_text() == "here"
    assert [path.name for path in project.iterdir()] == ["mlruns"]
    assert [path.name for path in tmp_path.iterdir()] == [project.name]


def test_experiments_named_as_paths_stay_in_the_store(tmp_path):
    store = find_store(None, str(tmp_path / "a" / "mlruns"))
    client = connect(store)
    runs = {}
    for name in PATHS:
        if name.strip():
            runs[name] = client.create_run(find_experiment(client, store, name)).info.run_id
            client.log_text(runs[name], name, "text.txt")
    for name, run_id in runs.items():
        experiment = client.get_experiment_by_name(name)
        assert [run.info.run_id for run in client.search_runs([experiment.experiment_id])] == [
            run_id
        ]
        assert Path(client.download_artifacts(run_id, "text.txt")).read_bytes() == name.encode()
        kept = (tmp_path / "a" / "mlruns" / "artifacts").glob(f"*/{run_id}/artifacts/text.txt")
        assert len(list(kept)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert find_moved_experiments(client, store) == []


@pytest.mark.parametrize("name", PATHS)
def test_an_experiments_folder_is_one_name_of_its_own(name):
    folder = name_folder(name)
    assert re.fullmatch(r"\w+-[0-9a-f]{16}", folder)
    assert name_folder(folder) != folder  # nobody else's, even one of that very name


@pytest.mark.parametrize("name", ["dcgan_sweeps", "my experiment", "Motörhead", "v1.2", "a-b"])
def test_an_ordinary_experiment_keeps_its_name_as_its_folder(name):
    assert name_folder(name) == name


@pytest.mark.parametrize("name", ["", " ", "a\0b", "\ud800", "x" * 501])
def test_an_experiment_that_no_store_takes_is_refused(name):
    with pytest.raises(RequestError, match=r"tracking\.experiment: got "):
        require_name(name)


def test_a_store_that_cannot_be_made_leaves_nothing(tmp_path):
    store = find_store(None, str(tmp_path / "new" / "mlruns"))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))  # the disk is full
    try:
        with pytest.raises(RequestError, match=r"tracking\.dir: sqlite:///.* cannot be opened"):
            connect(store)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_a_foreign_database_is_not_changed(tmp_path):
    for journal in ("delete", "wal"):
        path = tmp_path / f"{journal}.db"
        with closing(sqlite3.connect(path)) as file:
            file.execute(f"PRAGMA journal_mode = {journal}")
            file.execute("CREATE TABLE songs (title)")
        before = path.read_bytes()
        with pytest.raises(
            RequestError, match="it is not an MLflow store: it has the tables songs"
        ):
            connect(find_store(f"sqlite:///{path}", "elsewhere"))
        assert path.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"delete.db", "wal.db"}


KILLED_WHILE_IT_WRITES = """
import os, signal, sqlite3, sys
file = sqlite3.connect(sys.argv[1])
file.execute("PRAGMA cache_size = 5")
file.execute("CREATE TABLE big (x)")
for _ in range(3000):
    file.execute("INSERT INTO big VALUES (?)", ("x" * 1000,))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_store_whose_writer_was_killed_is_opened(tmp_path):
    store = find_store(None, str(tmp_path))
    find_experiment(connect(store), store, "e")
    words = [sys.executable, "-c", KILLED_WHILE_IT_WRITES, str(store.database)]
    assert subprocess.run(words, check=False).returncode == -signal.SIGKILL
    assert (tmp_path / "mlflow.db-journal").exists()
    assert connect(store).get_experiment_by_name("e") is not None


def test_an_empty_file_is_made_a_store(tmp_path):
    (tmp_path / "empty.db").touch()
    store = find_store(f"sqlite:///{tmp_path / 'empty.db'}", "elsewhere")
    assert not store.exists
    assert connect(store).get_experiment_by_name("Default") is not None


def test_an_older_store_is_not_migrated_and_the_command_is_named(tmp_path):
    store = find_store(None, str(tmp_path))
    connect(store)
    with closing(sqlite3.connect(store.database)) as file:
        file.execute("UPDATE alembic_version SET version_num = '451aebb31d03'")
        file.execute("DROP TABLE issues")
        file.commit()
    before = store.database.read_bytes()
    with pytest.raises(RequestError, match=f"then run: mlflow db upgrade {re.escape(store.uri)}"):
        connect(store)
    assert store.database.read_bytes() == before


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


def test_artifacts_on_s3_need_boto3(tmp_path, monkeypatch):
    store = find_store(None, str(tmp_path))
    client = connect(store)
    client.create_experiment("direct", "s3://bucket/direct")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RequestError, match=r"at s3://bucket/direct; .*: pip install boto3$"):
        find_experiment(client, store, "direct")


def test_a_moved_store_is_noticed(tmp_path):
    store = find_store(None, str(tmp_path / "here"))
    client = connect(store)
    find_experiment(client, store, "e")
    assert find_moved_experiments(client, store) == []
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    moved = find_store(None, str(tmp_path / "there"))
    (fault,) = find_moved_experiments(connect(moved), moved)
    assert "the store was moved" in fault.problem
