"""`doctor` on a store with a run whose process was killed."""

from __future__ import annotations

import re
import signal
import sqlite3
import subprocess

import pytest
from processes import KILL, PROGRAM, TINY, finish, list_runs, open_store, start

pytestmark = pytest.mark.slow

DOCTOR = [*PROGRAM[:2], "dcgan_sweeps.doctor"]


def age(folder):
    """Make every run of a store two minutes older."""
    with sqlite3.connect(folder / "mlruns" / "mlflow.db") as store:
        store.execute("update runs set start_time = start_time - 120000")


@pytest.fixture
def killed(tmp_path):
    """A folder with a run that was killed in its first epoch, and the run."""
    finish(tmp_path, [*KILL, "between two blocks of steps", "3", *TINY], status=-signal.SIGKILL)
    age(tmp_path)
    (run,) = list_runs(open_store(tmp_path))
    assert run.info.status == "RUNNING"
    return tmp_path, run.info.run_id


def test_a_killed_run_is_named_with_what_to_do_and_closed_if_asked(killed):
    folder, run_id = killed
    printed = finish(folder, DOCTOR, status=1)
    assert re.search(
        rf"NO +stale runs +status RUNNING, but the process is gone: .*{run_id}", printed
    )
    assert "--close-stale" in printed
    closed = finish(folder, [*DOCTOR, "--close-stale"])
    assert f"closed: {run_id}" in closed
    (run,) = list_runs(open_store(folder))
    assert (run.info.status, run.data.tags["outcome"]) == ("KILLED", "interrupted")
    # What was closed can still be resumed.
    finish(folder, [*PROGRAM, f"resume={run_id}"])
    assert list_runs(open_store(folder))[0].data.tags["outcome"] == "complete"


def test_a_run_that_is_at_work_is_left_alone(tmp_path):
    process = start(tmp_path, [*PROGRAM, *TINY, "train.epochs=200"])
    try:
        next(line for line in iter(process.stdout.readline, "") if line.startswith("epoch  1"))
        age(tmp_path)
        assert re.search(r"ok +stale runs +none; 1 running", finish(tmp_path, DOCTOR))
        assert "closed" not in finish(tmp_path, [*DOCTOR, "--close-stale"])
    finally:
        process.kill()
        process.stdout.close()
        process.wait()


def test_a_store_of_another_schema_is_named_with_the_command(tmp_path):
    finish(tmp_path, [*PROGRAM, *TINY, "train.epochs=0"])
    with sqlite3.connect(tmp_path / "mlruns" / "mlflow.db") as store:
        store.execute("update alembic_version set version_num = '451aebb31d03'")
    printed = finish(tmp_path, DOCTOR, status=1)
    assert re.search(r"NO +store ", printed)
    assert "mlflow db upgrade" in printed


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    place = tmp_path / "readonly"
    place.mkdir()
    subprocess.run(["touch", place / "file"], check=True)
    printed = finish(tmp_path, [*DOCTOR, f"tracking.dir={place / 'file'}"], status=1)
    assert re.search(r"NO +artifacts ", printed)
