"""Runs that die and go on: the end is that of a run that was never interrupted, to the bit."""

from __future__ import annotations

import json
import os
import random
import re
import resource
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from kill_at import POINTS
from PIL import Image
from processes import KILL, PROGRAM, TINY, finish, list_runs, open_store, start, stop_in_epoch

from dcgan_sweeps.tracking.checkpoints import list_checkpoints, read_checkpoint
from dcgan_sweeps.tracking.hidden_tags import read_config

pytestmark = pytest.mark.slow

THREE = [*TINY, "train.epochs=3"]
# Single steps, ten an epoch: a signal meets the run within one.
FORTY = [*TINY, "train.epochs=40", "train.steps_per_call=1", "score.every=100"]
MEASURED = ("train/", "tracking/", "scoring/")  # the machine, not the run


def do(folder, *words, program=PROGRAM, **how):
    """Run to the end in `folder`; return what was printed."""
    return finish(folder, [*program, *words], **how)


def find_runs(folder):
    return list_runs(open_store(folder))


def find_run(folder):
    (run,) = find_runs(folder)
    return run.info.run_id


def describe(folder, run_id):
    """Return all that a run is, so that two that are alike to the bit are equal."""
    client = open_store(folder)
    run = client.get_run(run_id)
    metrics = {
        name: [(point.step, point.value) for point in client.get_metric_history(run_id, name)]
        for name in run.data.metrics
        if not name.startswith(MEASURED)
    }
    pictures = sorted(
        re.sub(r"timestamp\+.*?(\+compressed)?\.", r"\1.", each.path)
        for each in client.list_artifacts(run_id, "images")
    )
    models = sorted(
        (client.get_logged_model(each.model_id).name, each.step)
        for each in run.outputs.model_outputs
    )
    root = Path(run.data.tags["folder"])
    with Image.open(root / "samples" / "progress.gif") as gif:
        frames = gif.n_frames
    history = [json.loads(line) for line in (root / "history.jsonl").read_text().splitlines()]
    lines = [
        {k: v for k, v in line.items() if k != "time_s" and not k.startswith(MEASURED)}
        for line in history
    ]
    last = read_checkpoint(list_checkpoints(root / "checkpoints")[0])
    state = {
        name: array.tobytes()
        for name, array in last.arrays.items()
        if name.startswith(("generator", "discriminator", "step"))
    }
    return {
        "status": run.info.status,
        "outcome": run.data.tags["outcome"],
        "metrics": metrics,
        "pictures": pictures,
        "models": models,
        "frames": frames,
        "history": lines,
        "state": state,
        "digest": run.data.tags["digest.weights"],
    }


def assert_alike(one, other):
    for name, value in one.items():
        assert value == other[name], name


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Three epochs that nothing interrupted: folder, and description."""
    folder = tmp_path_factory.mktemp("whole")
    do(folder, *THREE)
    described = describe(folder, find_run(folder))
    assert described["outcome"] == "complete"
    assert described["frames"] == 4
    return folder, described


@pytest.fixture(scope="module")
def forty(tmp_path_factory):
    """A longer run that nothing interrupted, described."""
    folder = tmp_path_factory.mktemp("forty")
    do(folder, *FORTY)
    return describe(folder, find_run(folder))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_stopped_in_mid_epoch_goes_on_to_the_same_end(forty, tmp_path, number):
    rest = stop_in_epoch(start(tmp_path, [*PROGRAM, *FORTY]), 3, number)
    run_id = find_run(tmp_path)
    assert f"python -m dcgan_sweeps.run resume={run_id}" in rest
    (folder,) = tmp_path.glob("mlruns/runs/*")
    stopped = read_checkpoint(list_checkpoints(folder / "checkpoints")[0])
    assert 30 <= stopped.step < 400

    printed = do(tmp_path, f"resume={run_id}")
    assert f"resuming {folder.name} from step {stopped.step}" in printed
    assert "score/fcd " in printed
    resumed = describe(tmp_path, run_id)
    # A model is logged where the run was stopped, too.
    resumed["models"] = [each for each in resumed["models"] if each[1] == 400]
    assert_alike(forty, resumed)


# Of three epochs of three blocks: in the second, where there is a before and an after.
COUNTS = {
    "between two blocks of steps": 5,
    "while the checkpoint is written": 2,
    "between the rename and the logging": 2,
    "between the score and its checkpoint": 2,
    "in the middle of a picture": 3,
    "in the middle of a model": 1,
    "before the end is written": 1,
    "between the outcome and the status": 1,
    "before a write of the mirror": 12,
    "before the provenance": 1,
}


@pytest.mark.parametrize("point", POINTS)
def test_a_run_killed_at_a_failpoint_goes_on_to_the_same_end(whole, tmp_path, point):
    do(tmp_path, point, str(COUNTS[point]), *THREE, program=KILL, status=-signal.SIGKILL)
    run_id = find_run(tmp_path)
    assert open_store(tmp_path).get_run(run_id).info.status == "RUNNING"
    do(tmp_path, f"resume={run_id}")
    assert_alike(whole[1], describe(tmp_path, run_id))


def test_a_run_killed_before_its_first_checkpoint_starts_over_in_its_own_run(whole, tmp_path):
    do(tmp_path, "between two blocks of steps", "2", *THREE, program=KILL, status=-9)
    run_id = find_run(tmp_path)
    do(tmp_path, f"resume={run_id[:8]}")
    assert_alike(whole[1], describe(tmp_path, run_id))


def test_kill_9_at_random_moments(tmp_path):
    seed = int(os.environ.get("DCGAN_SWEEPS_KILL_SEED", time.time_ns() % 10**6))
    print(f"DCGAN_SWEEPS_KILL_SEED={seed}")
    moments = random.Random(seed)
    words = [*TINY, "train.epochs=30", "train.steps_per_call=1"]
    whole = tmp_path / "whole"
    whole.mkdir()
    begin = time.monotonic()
    do(whole, *words)
    wall_s = time.monotonic() - begin
    killed = tmp_path / "killed"
    killed.mkdir()
    for _ in range(5):
        # From before the data are read to some epochs later; never enough to reach the end.
        again = [f"resume={find_run(killed)}"] if (killed / "mlruns").exists() else words
        process = start(killed, [*PROGRAM, *again])
        first = "epoch " if again is words else "data: "
        next(line for line in iter(process.stdout.readline, "") if line.startswith(first))
        time.sleep(moments.uniform(0, wall_s / 15))
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    run_id = find_run(killed)
    do(killed, f"resume={run_id}")
    assert_alike(describe(whole, find_run(whole)), describe(killed, run_id))


def test_a_damaged_checkpoint_is_named_and_the_one_before_it_taken(whole, tmp_path):
    do(tmp_path, "between two blocks of steps", "8", *THREE, program=KILL, status=-9)
    (folder,) = tmp_path.glob("mlruns/runs/*")
    newest, before = list_checkpoints(folder / "checkpoints")
    assert [read_checkpoint(each).step for each in (newest, before)] == [20, 10]
    newest.write_bytes(newest.read_bytes()[:-1])
    run_id = find_run(tmp_path)
    printed = do(tmp_path, f"resume={run_id}", fresh=True)
    assert f"skipped a damaged checkpoint, now {newest.parent}/damaged_{newest.name}" in printed
    assert "epoch  2/3" in printed
    assert_alike(whole[1], describe(tmp_path, run_id))


def test_more_epochs_are_a_new_run_equal_to_so_many_at_once(whole, tmp_path):
    do(tmp_path, *TINY, "train.epochs=1")
    first = find_run(tmp_path)
    do(tmp_path, "resume=best", "train.epochs=3")
    before, after = find_runs(tmp_path)
    assert before.info.run_id == first
    assert after.data.tags["continues"] == first
    assert after.data.params["train.epochs"] == "3"
    assert after.data.tags["config_hash"] == find_runs(whole[0])[0].data.tags["config_hash"]
    assert_alike(whole[1], describe(tmp_path, after.info.run_id))


def test_a_run_without_a_tracker_goes_on_by_its_folder(whole, tmp_path):
    words = [*THREE, "tracking=none"]
    do(tmp_path, "between two blocks of steps", "5", *words, program=KILL, status=-9)
    (folder,) = tmp_path.glob("mlruns/runs/*")
    do(tmp_path, f"resume={folder}")
    ends = [
        read_checkpoint(list_checkpoints(root / "checkpoints")[0])
        for root in (folder, next(whole[0].glob("mlruns/runs/*")))
    ]
    for name, array in ends[0].arrays.items():
        if not name.startswith("epoch"):
            assert np.array_equal(array, ends[1].arrays[name])


def test_what_may_change_when_a_run_goes_on_costs_no_write(stopped_copy):
    run_id = find_run(stopped_copy)
    words = ["tracking.system_metrics_s=0.5", f"tracking.dir={stopped_copy / 'mlruns'}"]
    printed = do(stopped_copy, "resume=latest", *words)
    assert "writes failed" not in printed
    logged = open_store(stopped_copy).get_run(run_id).data.tags
    assert read_config(logged)["tracking.dir"] == str(stopped_copy / "mlruns")


def test_a_full_disk_is_a_clear_error_and_the_earlier_checkpoint_serves(whole, tmp_path):
    words = [*TINY, "train.epochs=400", "score=none", "tracking.flush_timeout_s=1"]
    process = start(tmp_path, [*PROGRAM, *words])
    lines = iter(process.stdout.readline, "")
    next(line for line in lines if line.startswith("epoch  2"))
    # No file may be longer than this from now on; every checkpoint is.
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (30_000, 30_000))
    printed = "".join(lines)
    process.stdout.close()
    assert process.wait(120) == 1, printed
    assert re.search(
        r"failed: the checkpoint of step \d+ cannot be written: File too large", printed
    )
    assert "Traceback" not in printed
    (folder,) = tmp_path.glob("mlruns/runs/*")
    kept = list_checkpoints(folder / "checkpoints")
    assert len(kept) in (1, 2)
    assert read_checkpoint(kept[0]).step >= 20
    assert f"resume={find_run(tmp_path)}" in printed


@pytest.fixture
def stopped_copy(tmp_path):
    """A run that was killed in its second epoch."""
    do(tmp_path, "between two blocks of steps", "5", *THREE, program=KILL, status=-9)
    return tmp_path


def test_where_there_is_no_store_none_is_made(tmp_path):
    printed = do(tmp_path, f"resume={'0' * 32}", status=2)
    assert f"tracking.dir: there is no mlflow.db in {tmp_path / 'mlruns'}" in printed
    assert not list(tmp_path.iterdir())
