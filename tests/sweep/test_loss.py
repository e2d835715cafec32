"""Studies that are stopped, or killed at any moment: nothing is lost, and nothing done twice."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import time

import pytest
from studies import (
    LONG,
    TINY,
    do,
    find_all,
    finish,
    is_gone,
    kill_everything,
    list_jobs,
    read_until,
    start,
    wait_until,
)
from tally import tally

pytestmark = pytest.mark.slow

MOST_KILLS = int(os.environ.get("KILLS", "6"))


def test_a_killed_trial_is_tried_again_from_its_checkpoint(tmp_path):
    printed = do(tmp_path, *LONG, "seed=0,1", **{"1": {"die": "between checkpoint and report"}})
    find_all(tmp_path, 2)
    assert "trial   1 failed, will be retried: its process was killed by" in printed
    log = (tmp_path / "mlruns/studies/s/trials/0001.log").read_text()
    assert "trial 1 resumes from step 10" in log


def test_a_killed_trial_without_retries_has_failed_and_the_rest_goes_on(tmp_path):
    printed = do(
        tmp_path,
        *LONG,
        "seed=0,1,2",
        "hydra.sweeper.retries=0",
        **{"1": {"die": "in training"}},
    )
    rows = find_all(tmp_path, 3)
    assert [row["outcome"] for row in rows] == ["complete", "failed", "complete"]
    assert "2 complete, 0 pruned, 1 failed" in printed


def test_ctrl_c_once_ends_epochs_and_the_study_goes_on(tmp_path):
    process = start(tmp_path, *LONG, "seed=range(3)", **{"0": {"sleep_s": 0.2}})
    read_until(process, "trial +0 epoch")
    process.send_signal(signal.SIGINT)
    printed = finish(process, 130)
    command = f"python -m dcgan_sweeps.run -m {' '.join(LONG[:2])}"
    assert re.search(rf"^resume with +{command}", printed, re.MULTILINE)
    assert "trial   0 interrupted" in printed
    before = tally(tmp_path, "s")
    assert before[0]["mlflow outcome"] == "interrupted"
    printed = do(tmp_path, *LONG, "seed=range(3)")
    assert "trial   0 resumed from epoch" in printed
    find_all(tmp_path, 3)


def test_ctrl_c_twice_stops_at_once(tmp_path):
    process = start(tmp_path, *LONG, "seed=range(2)", **{"0": {"sleep_s": 3.0}})
    read_until(process, "trial +1 epoch")
    process.send_signal(signal.SIGINT)
    read_until(process, "Press Ctrl-C again to stop at once")
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    finish(process, 130)
    assert time.monotonic() - begin < 10
    assert all(row["mlflow"] != "RUNNING" for row in tally(tmp_path, "s"))
    do(tmp_path, *LONG, "seed=range(2)")
    find_all(tmp_path, 2)


def test_a_killed_controller_takes_its_trials_along_and_the_study_goes_on(tmp_path):
    process = start(tmp_path, *LONG, "seed=range(3)", **{"1": {"sleep_s": 0.3}})
    read_until(process, "trial +1 epoch")
    jobs = list_jobs(process)
    assert jobs
    process.kill()
    wait_until(lambda: all(is_gone(each) for each in jobs), 10)
    process.wait()
    process.stdout.close()

    done = {row["trial"] for row in tally(tmp_path, "s") if row["optuna"] == "COMPLETE"}
    printed = do(tmp_path, *LONG, "seed=range(3)")
    assert re.search(r"trial +1 resumed from epoch \d", printed)
    assert not [n for n in done if re.search(rf"trial +{n} (started|resumed)", printed)]
    find_all(tmp_path, 3)


def test_a_controller_killed_at_each_failpoint_loses_nothing(tmp_path):
    words = [*TINY, "search=fcd", "hydra.sweeper.n_trials=5"]
    failpoints = {
        "between enqueue and ask": 1,  # the default configuration, which alone is enqueued
        "inside the journal's lock": 12,
        "before a trial is started": 2,
        "before a tell": 2,
    }
    for moment, count in failpoints.items():
        part = {"controller": {"die": moment, "count": count}}
        do(tmp_path, *words, status=-signal.SIGKILL, **part)
    do(tmp_path, *words)
    rows = find_all(tmp_path, 5)
    points = [tuple(row["params"].items()) for row in rows]
    assert len(set(points)) == 5
    assert [row["params"]["optimizer.lr"] for row in rows].count(1e-3) == 1


def test_trials_killed_at_each_failpoint_lose_nothing(tmp_path):
    moments = ("inside the journal's lock", "between checkpoint and log", "between run and folder")
    parts = {str(number): {"die": moment} for number, moment in enumerate(moments, 1)}
    do(tmp_path, *TINY, "seed=range(4)", **parts)
    rows = find_all(tmp_path, 4)
    assert {row["outcome"] for row in rows} == {"complete"}
    assert {path.name for path in tmp_path.glob("died_*")} == {"died_1", "died_2", "died_3"}


def test_kills_at_random_moments_lose_nothing(tmp_path):
    seed = int(os.environ.get("KILL_SEED", time.time_ns() % 2**32))
    print(f"KILL_SEED={seed}")
    chance = random.Random(seed)
    words = [*LONG, "search=fcd", "hydra.sweeper.n_trials=6", "hydra.sweeper.retries=20"]
    kills = 0
    while kills < MOST_KILLS:
        process = start(tmp_path, *words)
        try:
            process.wait(chance.uniform(0.3, 2.5))
        except subprocess.TimeoutExpired:
            kills += 1
        else:
            finish(process)
            break
        jobs = list_jobs(process)
        if jobs and chance.random() < 0.3:
            chance.choice(jobs).kill()
            time.sleep(chance.uniform(0, 1))
        kill_everything(process)
    do(tmp_path, *words)
    rows = find_all(tmp_path, 6)
    assert sum(row["params"]["optimizer.lr"] == 1e-3 for row in rows) == 1


def test_a_trial_stopped_by_the_time_limit_loses_no_step_without_checkpoints(tmp_path):
    words = [*LONG, "seed=0", "train.checkpoint_every=null"]
    # 20 s of steps: the limit comes in their midst, wherever a slow machine has begun with them.
    limit = "hydra.sweeper.timeout_min=0.12"
    do(tmp_path, *words, limit, status=1, **{"0": {"sleep_s": 0.5}})  # no trial is complete
    do(tmp_path, *words)
    log = (tmp_path / "mlruns/studies/s/trials/0000.log").read_text()
    assert re.search(r"trial 0 resumes from step [1-9]", log)
    find_all(tmp_path, 1)


def test_a_second_controller_is_refused_naming_the_first(tmp_path):
    process = start(tmp_path, *LONG, "seed=0,1")
    read_until(process, "trial +0 started")
    printed = do(tmp_path, *LONG, "seed=0,1", status=2)
    assert f"the study is still running, as process {process.pid}" in printed
    finish(process)
    find_all(tmp_path, 2)
