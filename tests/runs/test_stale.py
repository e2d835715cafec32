"""Whose process is gone: told from folders that are the runs' own, and below the place told."""

from __future__ import annotations

import dataclasses
import json
import os

import pytest
from logged_runs import make_run
from refusals import list_files

from dcgan_sweeps.runs import stale
from dcgan_sweeps.tracking.folder import RunFolder


def make_place(folder, name="runs/one", file="run.json", **owner):
    """Make the folder of a run below `folder`/mlruns; return it."""
    (folder / "mlruns").mkdir()
    root = folder / "mlruns" / name
    root.mkdir(parents=True)
    (root / file).write_text(json.dumps(owner))
    (root / "history.jsonl").write_text("")
    return root


def make_running(root, number=1, **tags):
    run = make_run(number, outcome="", tags={"folder": str(root), **tags})
    return dataclasses.replace(run, status="RUNNING", end_ms=0)


def judge(monkeypatch, place, run):
    """Return which of stale, alive and unknown a run is."""
    monkeypatch.setattr(stale, "find_running", lambda client: [run])
    found = stale.find_stale(None, place)
    return next(name for name in ("stale", "alive", "unknown") if getattr(found, name))


RUN_ID = f"{1:032x}"


def test_a_run_whose_own_folder_nobody_holds_is_stale(monkeypatch, tmp_path):
    root = make_place(tmp_path, run_id=RUN_ID)
    assert judge(monkeypatch, tmp_path / "mlruns", make_running(root)) == "stale"


def test_the_parent_of_a_study_is_known_by_the_study_s_file(monkeypatch, tmp_path):
    root = make_place(tmp_path, "studies/s", "study.json", parent_run_id=RUN_ID)
    assert judge(monkeypatch, tmp_path / "mlruns", make_running(root, study="s")) == "stale"


def test_a_run_whose_lock_is_held_is_alive(monkeypatch, tmp_path):
    root = make_place(tmp_path, run_id=RUN_ID)
    with RunFolder(root).lock():
        assert judge(monkeypatch, tmp_path / "mlruns", make_running(root)) == "alive"


def test_looking_makes_and_changes_no_file(monkeypatch, tmp_path):
    root = make_place(tmp_path, run_id=RUN_ID)
    before = list_files(tmp_path)
    judge(monkeypatch, tmp_path / "mlruns", make_running(root))
    assert list_files(tmp_path) == before
    (root / ".lock").write_text("12345\n")
    before = list_files(tmp_path)
    judge(monkeypatch, tmp_path / "mlruns", make_running(root))
    assert list_files(tmp_path) == before
    assert (root / ".lock").read_text() == "12345\n"


def another_run(root):
    (root / "run.json").write_text(json.dumps({"run_id": "f" * 32}))


def another_run_since(root):
    (root / "mlflow.json").write_text(json.dumps({"run_id": "f" * 32}))


def no_file(root):
    (root / "run.json").unlink()


def damaged(root):
    (root / "run.json").write_bytes(b"\xff{")


def deep(root):
    (root / "run.json").write_text("[" * 100_000)


def a_list(root):
    (root / "run.json").write_text(json.dumps([RUN_ID]))


def a_pipe(root):
    (root / "run.json").unlink()
    os.mkfifo(root / "run.json")


def a_lock_that_is_a_pipe(root):
    os.mkfifo(root / ".lock")


def a_lock_that_is_a_link(root):
    (root / ".lock").symlink_to(root / "history.jsonl")


FOREIGN = [
    another_run,
    another_run_since,
    no_file,
    damaged,
    deep,
    a_list,
    a_pipe,
    a_lock_that_is_a_pipe,
    a_lock_that_is_a_link,
]


@pytest.mark.parametrize("change", FOREIGN, ids=lambda each: each.__name__)
def test_a_folder_that_is_not_the_run_s_is_never_touched(change, monkeypatch, tiny, tmp_path):
    root = make_place(tmp_path, run_id=RUN_ID)
    change(root)
    before = list_files(tmp_path)
    run = make_running(root)
    assert judge(monkeypatch, tmp_path / "mlruns", run) == "unknown"
    tracking = dataclasses.replace(tiny.tracking, dir=str(tmp_path / "mlruns"))
    assert not stale.close_stale(None, run, tracking)
    assert list_files(tmp_path) == before


@pytest.mark.parametrize(
    "named", ["{}/other", "{}/mlruns/../other", "{}/mlruns/link", "", "\0", "~"]
)
def test_a_folder_elsewhere_is_never_touched(named, monkeypatch, tiny, tmp_path):
    root = make_place(tmp_path, "../other", run_id=RUN_ID)
    (tmp_path / "mlruns" / "link").symlink_to(root)
    run = make_running(named.format(tmp_path))
    before = list_files(tmp_path)
    assert judge(monkeypatch, tmp_path / "mlruns", run) == "unknown"
    tracking = dataclasses.replace(tiny.tracking, dir=str(tmp_path / "mlruns"))
    assert not stale.close_stale(None, run, tracking)
    assert list_files(tmp_path) == before
