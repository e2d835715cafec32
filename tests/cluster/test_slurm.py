"""Studies whose trials are jobs of a real Slurm cluster, and every way in which a job can end.

A tally ends each test: no trial is lost or doubled, and nothing is left running.
"""

from __future__ import annotations

import re
import signal
import threading
import time
from contextlib import contextmanager

import processes
import psutil
import pytest
from processes import PROGRAM, TINY
from slurm_cluster import SlurmCluster, find_missing
from tally import find_disagreements, tally

from dcgan_sweeps.slurm.queue import ENDED

pytestmark = pytest.mark.slow

LAUNCHER = ["hydra/launcher=submitit_slurm", "hydra.sweeper.n_jobs=2", "hydra.launcher.mem_gb=2"]
WORDS = [*TINY, *LAUNCHER, "hydra.sweeper.study_name=s"]
# Trials of half a minute, to be met underway, none of which may fail.
LONG = [*WORDS, "seed=0,1", "train.epochs=20", "hydra.sweeper.retries=0"]
DEAD_S = 30  # the longest wait for a job that is dead
LIMIT_S = 600  # for anything else, on a machine that is busy with other things


def make_cluster(tmp_path_factory, *, accounting):
    missing = find_missing(accounting=accounting)
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}; make test-cluster installs them")
    return SlurmCluster(tmp_path_factory.mktemp("cluster") / "slurm", accounting=accounting)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A cluster without accounting, where sacct fails."""
    with make_cluster(tmp_path_factory, accounting=False) as running:
        yield running


@pytest.fixture(scope="module")
def accounting_cluster(tmp_path_factory):
    with make_cluster(tmp_path_factory, accounting=True) as running:
        yield running


@pytest.fixture(params=["without slurmdbd", "with slurmdbd"])
def either_cluster(request):
    name = "cluster" if request.param == "without slurmdbd" else "accounting_cluster"
    return request.getfixturevalue(name)


class Study:
    """A study in a process of its own; each line that it prints is kept with its time."""

    def __init__(self, folder, cluster, *words):
        self.folder, self.cluster = folder, cluster
        command = [*PROGRAM, "-m", *words]
        self.process = processes.start(folder, command, **cluster.environment)
        self.lines: list[tuple[float, str]] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append((time.monotonic(), line.rstrip()))

    @property
    def printed(self):
        return "\n".join(line for _, line in self.lines)

    def wait_for(self, pattern, *, since_s=0.0, limit_s=LIMIT_S):
        """Wait for a line that matches, and return the seconds from `since_s` to it."""

        def find():
            return next((at for at, line in self.lines if re.search(pattern, line)), None)

        def is_over():
            return find() is not None or not self._reader.is_alive()

        self.wait_until(is_over, pattern, limit_s)
        assert find() is not None, f"{pattern}: {self.describe()}"
        return find() - since_s

    def wait_until(self, condition, what, limit_s=LIMIT_S):
        until = time.monotonic() + limit_s
        while not condition():
            assert time.monotonic() < until, f"{what}: {self.describe()}"
            time.sleep(0.2)

    def find_job(self, number):
        """Return the id of the running job of a trial that has trained for two epochs."""
        self.wait_until(lambda: self.count_epochs(number) >= 2, f"epoch 2 of trial {number}")
        rows = self.cluster.call("squeue", "-h", "--format=%A %j %T").splitlines()
        return next(row.split()[0] for row in rows if f"s:{number} RUNNING" in row)

    def count_epochs(self, number):
        history = self.folder / f"mlruns/studies/s/trials/{number:04d}/history.jsonl"
        return history.read_text().count('"score/fcd"') if history.exists() else 0

    def read_log(self, number):
        return (self.folder / f"mlruns/studies/s/trials/{number:04d}.log").read_text()

    def describe(self):
        logs = [*(self.folder / "mlruns/studies/s/slurm").glob("*/*.err")]
        told = "\n".join(f"--- {path.name}\n{path.read_text()[-3000:]}" for path in logs)
        return f"{self.printed}\n{self.cluster.list_jobs()}\n{told}"

    def finish(self, status=0):
        """Wait for the end of the study; return what it printed."""
        assert self.process.wait(LIMIT_S) == status, self.describe()
        self._reader.join()
        return self.printed


@contextmanager
def started(folder, cluster, *words):
    study = Study(folder, cluster, *words)
    try:
        yield study
    finally:
        study.process.kill()
        study.process.wait()
        study._reader.join()
        study.process.stdout.close()
        cluster.cancel_all()


def count(study, total):
    """Return the rows of a study whose trials are all finished, each once, with nothing left."""
    rows = tally(study.folder, "s")
    assert find_disagreements(rows) == []
    # A job ends shortly after it has written its result.
    study.wait_until(study.cluster.is_idle, "the end of the last jobs", DEAD_S)
    left = [job for job, state in study.cluster.list_jobs() if state not in ENDED]
    counts = {
        "asked": len(rows),
        "finished": sum(row["optuna"] in ("COMPLETE", "PRUNED", "FAIL") for row in rows),
        "lost": total - len({row["trial"] for row in rows}),
        "doubled": sum(row["runs"] != 1 for row in rows),
        "left running": len(left) + sum(row["mlflow"] == "RUNNING" for row in rows),
    }
    none = {"lost": 0, "doubled": 0, "left running": 0}
    assert counts == {"asked": total, "finished": total, **none}, study.describe()
    return rows


def test_a_study_with_pruning_runs_from_start_to_end(tmp_path, either_cluster):
    words = [*WORDS, "search=fcd", "hydra.sweeper.n_trials=4", "train.epochs=4"]
    with started(tmp_path, either_cluster, *words) as study:
        study.finish()
        rows = count(study, 4)
    assert {row["outcome"] for row in rows} == {"complete", "pruned"}


def send_both_signals(cluster, job):
    cluster.call("scancel", "--signal=TERM", job)
    cluster.call("scancel", "--signal=USR2", job)


def preempt(cluster, job):
    """Submit jobs of a higher priority that need both nodes."""
    words = ["--partition=high", "--nodes=2", "--exclusive", "--output=/dev/null"]
    cluster.call("sbatch", *words, "--wrap=sleep 1")


@pytest.mark.parametrize("act", [send_both_signals, preempt])
def test_a_preempted_trial_continues_from_its_checkpoint(tmp_path, cluster, act):
    with started(tmp_path, cluster, *LONG) as study:
        act(cluster, study.find_job(0))
        begin = time.monotonic()
        assert study.wait_for("trial +0 stopped, will continue", since_s=begin) < DEAD_S
        study.finish()
        rows = count(study, 2)
        assert {row["outcome"] for row in rows} == {"complete"}
        assert re.search(r"trial 0 resumes from step [1-9]", study.read_log(0))


def test_a_requeued_job_continues_under_its_number(tmp_path, cluster):
    words = [*LONG, "seed=0", "hydra.launcher.requeue=true"]
    with started(tmp_path, cluster, *words) as study:
        cluster.call("scontrol", "requeue", study.find_job(0))
        # Slurm holds a requeued job back; this is what its user would do, too.
        study.wait_until(lambda: cluster.release("s:0"), "the requeued job")
        printed = study.finish()
        assert {row["outcome"] for row in count(study, 1)} == {"complete"}
        assert "will" not in printed
        assert re.search(r"trial 0 resumes from step [1-9]", study.read_log(0))
    assert len(list((tmp_path / "mlruns/studies/s/slurm").glob("[0-9]*"))) == 1


def test_a_cancelled_job_is_a_failure_and_is_retried(tmp_path, either_cluster):
    with started(tmp_path, either_cluster, *LONG, "hydra.sweeper.retries=1") as study:
        either_cluster.call("scancel", study.find_job(1))
        begin = time.monotonic()
        line = r"trial +1 failed, will be retried: its Slurm job \d+ was cancelled"
        assert study.wait_for(line, since_s=begin) < DEAD_S
        study.finish()
        assert {row["outcome"] for row in count(study, 2)} == {"complete"}
        assert re.search(r"trial 1 resumes from step [1-9]", study.read_log(1))


def test_a_trial_whose_node_goes_down_runs_on_the_other_node(tmp_path, either_cluster):
    with started(tmp_path, either_cluster, *LONG, "hydra.sweeper.retries=1") as study:
        job = study.find_job(0)
        node = either_cluster.call("squeue", "-h", "-j", job, "--format=%N")
        either_cluster.call("scontrol", "update", f"nodename={node}", "state=down", "reason=test")
        begin = time.monotonic()
        try:
            line = r"trial +0 failed, will be retried: its Slurm job \d+ ended as NODE_FAIL"
            assert study.wait_for(line, since_s=begin) < DEAD_S
            study.finish()
        finally:
            either_cluster.call("scontrol", "update", f"nodename={node}", "state=resume")
        assert {row["outcome"] for row in count(study, 2)} == {"complete"}


def kill_process(job):
    """Kill the process of a trial, as the kernel does where memory is short."""
    for process in psutil.process_iter(["name", "cmdline"]):
        words = process.info["cmdline"] or []
        is_task = process.info["name"].startswith("python") and "submitit.core._submit" in words
        if is_task and process.environ().get("SLURM_JOB_ID") == job:
            process.kill()


def test_a_killed_process_is_noticed_without_accounting(tmp_path, cluster):
    with started(tmp_path, cluster, *LONG, "seed=0", "hydra.sweeper.retries=1") as study:
        kill_process(study.find_job(0))
        begin = time.monotonic()
        line = r"trial +0 failed, will be retried: its Slurm job \d+ ended as FAILED"
        assert study.wait_for(line, since_s=begin) < DEAD_S
        study.finish()
        assert {row["outcome"] for row in count(study, 1)} == {"complete"}


def test_slurmctld_may_die_and_come_back(tmp_path, either_cluster):
    with started(tmp_path, either_cluster, *LONG, "seed=0,1,2") as study:
        study.find_job(0)
        either_cluster.kill("slurmctld")
        # The trials go on, and their ends are seen; only the third cannot be submitted.
        study.wait_for(r"trial +[01] (complete|epoch 1\d)")
        either_cluster.start_controller()
        study.finish()
        assert {row["outcome"] for row in count(study, 3)} == {"complete"}


def test_a_trial_at_its_time_limit_continues_in_another_job(tmp_path, cluster):
    limit = ["hydra.launcher.timeout_min=2", "hydra.launcher.signal_delay_s=70"]
    words = [*WORDS, "seed=0", "train.epochs=100", "hydra.sweeper.retries=0", *limit]
    with started(tmp_path, cluster, *words) as study:
        study.wait_for("trial +0 stopped, will continue")
        study.wait_until(lambda: "resumes from step" in study.read_log(0), "the next job")
        study.process.send_signal(signal.SIGINT)
        study.finish(130)


def test_a_killed_controller_leaves_no_job_that_runs_a_trial_twice(tmp_path, cluster):
    words = [*LONG, "seed=0"]
    with started(tmp_path, cluster, *words) as study:
        study.find_job(0)
        study.process.kill()
        with started(tmp_path, cluster, *words) as again:
            again.wait_for("trial +0 resumed from epoch")
            again.finish()
            assert {row["outcome"] for row in count(again, 1)} == {"complete"}


def test_ctrl_c_twice_cancels_the_jobs(tmp_path, cluster):
    with started(tmp_path, cluster, *LONG, "seed=0") as study:
        study.find_job(0)
        study.process.send_signal(signal.SIGINT)
        study.wait_for("Press Ctrl-C again to stop at once")
        study.process.send_signal(signal.SIGINT)
        study.finish(130)
        study.wait_until(cluster.is_idle, "the end of the jobs", DEAD_S)
        assert {row["mlflow"] for row in tally(tmp_path, "s")} == {"KILLED"}


def test_a_queued_job_waits_and_is_cancelled_by_ctrl_c(tmp_path, cluster):
    words = [*LONG, "+hydra.launcher.additional_parameters.hold=true"]
    with started(tmp_path, cluster, *words) as study:
        study.wait_for("trial +1 started")
        study.wait_until(lambda: len(cluster.list_waiting()) == 2, "two waiting jobs", 60)
        for _ in range(2):
            study.process.send_signal(signal.SIGINT)
            study.wait_for("interrupted|Press Ctrl-C")
        study.finish(130)
        study.wait_until(cluster.is_idle, "the end of the jobs", DEAD_S)
