"""Studies on a Ray cluster of three nodes, whose nodes and controlling process are killed."""

from __future__ import annotations

import os
import re
import signal
import time
from importlib.util import find_spec

import processes
import psutil
import pytest
from processes import PROGRAM, call
from ray_nodes import RayNodes
from studies import TINY, find_all, finish, is_gone, kill_everything, read_until, wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="needs pip install 'dcgan-sweeps[ray]'"),
]
RAY = "hydra/launcher=ray"
# Trials of half a minute, to be met underway.
WORDS = [*TINY, "seed=1,2", "train.epochs=60"]
DETECTED_S = 30  # a node that is gone or does not answer


@pytest.fixture(scope="module")
def cluster():
    """A cluster of one node, to which the tests add further ones."""
    with RayNodes() as nodes:
        yield nodes


@pytest.fixture
def nodes(cluster):
    """The cluster with two nodes for trials, which have one core each."""
    before = len(cluster.raylets)
    for _ in range(2):
        cluster.add()
    yield cluster
    for number in range(before, len(cluster.raylets)):
        if psutil.pid_exists(cluster.raylets[number]):
            os.kill(cluster.raylets[number], signal.SIGCONT)
            cluster.kill(number)


def start(folder, nodes, *words):
    return processes.start(folder, [*PROGRAM, "-m", RAY, *words], fresh=True, **nodes.environment)


def find_process(folder, number):
    """Return the process in which a trial works, which holds the lock of its folder."""
    lock = folder / "mlruns" / "studies" / "s" / "trials" / f"{number:04d}" / ".lock"
    return psutil.Process(int(lock.read_text()))


def list_trial_processes(nodes):
    """Return the processes of all trials that run on the nodes."""
    raylets = [psutil.Process(pid) for pid in nodes.raylets if psutil.pid_exists(pid)]
    return [child for raylet in raylets for child in raylet.children() if is_trial(child)]


def is_trial(process):
    try:
        return "work_on_node" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # it has ended, and so has a zombie
        return False


def test_a_study_with_pruning_uses_a_node_that_is_added_meanwhile(tmp_path, cluster):
    first = cluster.add()
    study = start(
        tmp_path, cluster, *TINY, "search=fcd", "hydra.sweeper.n_trials=4", "train.epochs=4"
    )
    printed = read_until(study, "trial   0 started")
    second = cluster.add()
    printed += finish(study)
    rows = find_all(tmp_path, 4)
    assert {row["outcome"] for row in rows} == {"complete", "pruned"}
    ends = [printed.find(f"trial   0 {end}") for end in ("complete", "pruned")]
    assert printed.index("trial   1 started") < max(ends)
    # The lines of the study are all that is printed.
    assert "raylet" not in printed
    assert "WARNING" not in printed
    cluster.kill(first)
    cluster.kill(second)


@pytest.mark.parametrize(
    ("fault", "reason"), [("kill", "its Ray node died|no sign of life"), ("freeze", "no sign of")]
)
def test_the_trial_of_a_node_that_fails_is_resumed_on_another_node(tmp_path, nodes, fault, reason):
    study = start(tmp_path, nodes, *WORDS)
    read_until(study, r"trial   0 epoch 2")
    process = find_process(tmp_path, 0)
    node = nodes.find(process.pid)
    getattr(nodes, fault)(node)
    begin_s = time.monotonic()
    read_until(study, f"trial   0 failed, will be retried: ({reason})")
    assert time.monotonic() - begin_s < DETECTED_S
    printed = finish(study)
    assert re.search(r"trial   0 resumed from epoch \d", printed)
    rows = find_all(tmp_path, 2)
    assert [row["outcome"] for row in rows] == ["complete", "complete"]
    nodes.wake(node)
    wait_until(lambda: is_gone(process))
    wait_until(lambda: not list_trial_processes(nodes))


def test_a_trial_whose_node_ray_has_lost_is_not_disturbed(tmp_path, nodes):
    study = start(tmp_path, nodes, *WORDS)
    read_until(study, r"trial   0 epoch 2")
    nodes.stop(nodes.find(find_process(tmp_path, 0).pid))
    printed = finish(study)
    assert "failed, will" not in printed
    rows = find_all(tmp_path, 2)
    assert [row["outcome"] for row in rows] == ["complete", "complete"]


def test_a_study_whose_controlling_process_is_killed_is_resumed(tmp_path, nodes):
    study = start(tmp_path, nodes, *WORDS)
    read_until(study, r"trial   0 epoch 2")
    trial = find_process(tmp_path, 0)
    kill_everything(study)
    wait_until(lambda: is_gone(trial) and not list_trial_processes(nodes), DETECTED_S)
    printed = finish(start(tmp_path, nodes, *WORDS))
    assert re.search(r"trial   0 resumed from epoch \d", printed)
    rows = find_all(tmp_path, 2)
    assert [row["outcome"] for row in rows] == ["complete", "complete"]


def test_ctrl_c_twice_kills_the_trials_on_all_nodes(tmp_path, nodes):
    study = start(tmp_path, nodes, *WORDS)
    read_until(study, r"trial   0 epoch 1")
    trial = find_process(tmp_path, 0)
    study.send_signal(signal.SIGINT)
    read_until(study, "will stop after the current epoch")
    study.send_signal(signal.SIGINT)
    finish(study, 130)
    wait_until(lambda: is_gone(trial) and not list_trial_processes(nodes))


def test_ray_on_this_machine_listens_on_loopback_and_assigns_its_gpus(tmp_path):
    words = [*TINY, "seed=1,2", "hydra.launcher.ray.init.num_gpus=2"]
    study = processes.start(
        tmp_path,
        [*PROGRAM, "-m", RAY, *words, "hydra.launcher.ray.remote.num_gpus=1"],
        fresh=True,
    )
    read_until(study, "trial   1 started")
    started = psutil.Process(study.pid).children(recursive=True)
    sockets = [each for process in started for each in process.net_connections("inet")]
    listening = {each.laddr.ip for each in sockets if each.status == psutil.CONN_LISTEN}
    finish(study)
    assert listening <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}
    store = processes.open_store(tmp_path)
    slots = {run.data.tags.get("slot", "").partition(", ")[2] for run in processes.list_runs(store)}
    assert slots == {"", "GPU 0", "GPU 1"}  # the parent run has none
    wait_until(lambda: all(map(is_gone, started)))


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["hydra.launcher.ray.init.address=127.0.0.1:1"], "init.address: got 127.0.0.1:1; it cann"),
        (["hydra.launcher.ray.remote.num_cpus=900"], "remote: got {'CPU': 900}; no node of the Ra"),
    ],
)
def test_a_study_that_ray_cannot_run_is_refused_and_leaves_nothing(tmp_path, words, line):
    done = call(tmp_path, [*PROGRAM, "-m", RAY, "seed=1,2", *words], fresh=True)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.count(line) == 1
    assert not list(tmp_path.iterdir())
