"""Runs that are done again, each in a process of its own, and the verdicts on them."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

import pytest
import yaml
from mlflow import MlflowClient
from processes import KILL, ROOT, TINY, finish, list_runs, open_store
from server import Server

from dcgan_sweeps.tracking.store import connect, find_experiment, find_store

pytestmark = pytest.mark.slow

RATES = ("1e-3", "5e-4", "2e-4")


def do(folder, module, *words, prefix=(), **how):
    """Run a verb in `folder`; return what was printed."""
    return finish(folder, [*prefix, sys.executable, "-m", f"dcgan_sweeps.{module}", *words], **how)


def read_verdict(printed):
    return re.search(r"^verdict: ([a-z ]+): (.*)$", printed, re.MULTILINE).groups()


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """A store with three runs of different learning rates."""
    folder = tmp_path_factory.mktemp("three")
    for rate, examined in zip(RATES, ("never", "last", "never"), strict=True):
        do(folder, "run", *TINY, f"score.extra_metrics={examined}", f"optimizer.lr={rate}")
    return folder


@pytest.fixture
def copy(three, tmp_path):
    """The folder of one run of `three`, to be edited."""
    source = next(three.glob("mlruns/runs/*lr_5e-4"))
    return Path(shutil.copytree(source, tmp_path / "run"))


def test_the_best_run_comes_out_identical_in_a_new_process(three):
    printed = do(three, "reproduce", "best", PYTHONHASHSEED="77", fresh=True)
    runs = [run for run in list_runs(open_store(three)) if "reproduces" not in run.data.tags]
    best = min(runs, key=lambda run: run.data.metrics["score/fcd"])
    assert "best of 3 complete runs with score identity " in printed
    assert best.info.run_id in printed.splitlines()[0]
    assert "provenance: no differences that can change the result" in printed
    word, reason = read_verdict(printed)
    assert word == "identical"
    assert re.fullmatch(r"all \d\d values are bit-identical", reason)
    again = list_runs(open_store(three))[-1]
    assert again.data.tags["reproduces"] == best.info.run_id
    assert again.data.tags["reproduces.verdict"] == "identical"


def test_the_table_has_every_loss_and_score_and_both_digests(three):
    run = list_runs(open_store(three))[1]
    printed = do(three, "reproduce", run.info.run_id)
    kinds = ("loss/", "discriminator/", "score/")
    names = [name for name in run.data.metrics if name.startswith(kinds)]
    assert {"loss/generator", "score/fcd", "score/recall"} <= set(names)
    for name in [*names, "digest.weights", "digest.samples"]:
        assert re.search(rf"^{name} +\d+ .* none", printed, re.MULTILINE), name


def kill(folder, point, count, *words):
    """Run in `folder` until it kills itself."""
    finish(folder, [*KILL, point, count, *words], status=-signal.SIGKILL)


def test_a_run_that_was_killed_and_resumed_comes_out_identical(tmp_path):
    kill(tmp_path, "between two blocks of steps", "5", *TINY)
    (run,) = list_runs(open_store(tmp_path))
    do(tmp_path, "run", f"resume={run.info.run_id}")
    assert read_verdict(do(tmp_path, "reproduce", run.info.run_id))[0] == "identical"


def test_the_number_of_threads_is_restored(tmp_path):
    words = ["experiment=tiny", "tracking.system_metrics_s=0"]
    printed = do(tmp_path, "run", *words, prefix=("taskset", "-c", "0"))
    assert "1 thread " in printed
    again = do(tmp_path, "reproduce", "best")
    assert "1 thread (as configured)" in again
    assert read_verdict(again)[0] == "identical"


def test_a_run_that_was_trained_longer_comes_out_identical_at_once(tmp_path):
    do(tmp_path, "run", *TINY, "train.epochs=1")
    (first,) = list_runs(open_store(tmp_path))
    do(tmp_path, "run", f"resume={first.info.run_id}", "train.epochs=2")
    longer = list_runs(open_store(tmp_path))[-1]
    assert longer.data.tags["continues"] == first.info.run_id
    assert read_verdict(do(tmp_path, "reproduce", longer.info.run_id))[0] == "identical"


def edit(path, group, key, value):
    config = yaml.safe_load(path.read_text())
    config[group][key] = value
    path.write_text(yaml.safe_dump(config))


def test_a_logged_file_that_was_edited_is_noticed_and_comes_out_different(three):
    run = list_runs(open_store(three))[2]
    path = Path(url2pathname(urlparse(run.info.artifact_uri).path)) / "config" / "config.yaml"
    before = path.read_text()
    edit(path, "optimizer", "beta_1", 0.5)
    try:
        printed = do(three, "reproduce", run.info.run_id, status=1)
    finally:
        path.write_text(before)
    assert (
        "edited since it was logged: optimizer.beta_1 was logged as 0.9, the file has 0.5"
        in printed
    )
    word, reason = read_verdict(printed)
    assert word == "different"
    assert reason.startswith("first at step 8 in ")


def test_a_config_file_is_compared_with_the_history_beside_it(three, copy):
    assert read_verdict(do(three, "reproduce", str(copy / "config.yaml")))[0] == "identical"
    edit(copy / "config.yaml", "model", "dropout", 0.5)
    printed = do(three, "reproduce", str(copy / "config.yaml"), status=1)
    assert (
        "edited since it was logged: model.dropout was logged as 0.3, the file has 0.5" in printed
    )
    assert read_verdict(printed)[0] == "different"


def test_another_number_of_threads_is_within_tolerance(three, copy):
    path = copy / "provenance.json"
    path.write_text(path.read_text().replace('"threads": 1', '"threads": 2'))
    word, reason = read_verdict(do(three, "reproduce", str(copy / "config.yaml")))
    assert word == "within tolerance"
    assert "first at step " in reason
    printed = do(three, "reproduce", str(copy / "config.yaml"), "--tolerance=0", status=1)
    assert read_verdict(printed)[0] == "different"


def test_a_lone_config_file_is_compared_with_the_run_of_its_config_hash(three, copy, tmp_path):
    lone = tmp_path / "lone" / "config.yaml"
    lone.parent.mkdir()
    shutil.copy(copy / "config.yaml", lone)
    printed = do(three, "reproduce", str(lone), "--epochs=1")
    assert "with the config hash of " in printed
    assert "only epochs 1 to 1 were trained and compared" in printed
    assert read_verdict(printed)[0] == "identical"
    edit(lone, "optimizer", "lr", 0.3)
    printed = do(three, "reproduce", str(lone), status=2)
    assert "nothing to compare with" in printed


def test_check_only_trains_nothing(three):
    before = len(list_runs(open_store(three)))
    printed = do(three, "reproduce", "best", "--check-only")
    assert "provenance: no differences that can change the result" in printed
    assert "verdict" not in printed
    assert len(list_runs(open_store(three))) == before


def test_check_only_says_what_differs(three, copy):
    path = copy / "provenance.json"
    text = path.read_text().replace('"keras==', '"keras==1.')
    path.write_text(re.sub(r'"commit": .*', '"commit": "' + "c" * 40 + '",', text))
    printed = do(three, "reproduce", str(copy / "config.yaml"), "--check-only", status=1)
    assert re.search(r"^commit was c{40}, now ", printed, re.MULTILINE)
    assert re.search(r"^package keras was 1\.\S+, now \d", printed, re.MULTILINE)
    assert "differences that can change the result" in printed


@pytest.mark.parametrize(
    ("group", "key", "fault"),
    [
        ("optimizer", "momentum", "optimizer.momentum: was logged as 7; there is no such key now"),
        ("train", "epochs", "train.epochs: was logged as many; allowed now: a whole number"),
    ],
)
def test_a_key_that_is_no_longer_one_is_named(three, copy, group, key, fault):
    edit(copy / "config.yaml", group, key, 7 if key == "momentum" else "many")
    printed = do(three, "reproduce", str(copy / "config.yaml"), status=2)
    assert fault in printed
    assert "Traceback" not in printed


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (
            ["worst"],
            "TARGET: got worst; allowed: best, latest, study:NAME or a run id (32 hexadecimal",
        ),
        (["f" * 32], "there is no such run in sqlite:///"),
        (["best", "--experiment=other"], "experiment other has no complete run"),
        (["best", "--epochs=0"], "--epochs: got 0; allowed: at least 1"),
        (["best", "--epochs=3"], "--epochs: got 3; allowed: at most 2, the epochs of the run"),
        (["best", "--dir=nowhere"], "tracking.dir: there is no mlflow.db in "),
        ([str(ROOT / "docs" / "images" / "real.png")], "is not text (byte 0)"),
        (["best", "--uri=http://127.0.0.1:1"], "tracking.uri: http://127.0.0.1:1 does not answer"),
    ],
)
def test_a_wrong_request_is_one_clear_line(three, words, fault):
    printed = do(three, "reproduce", *words, status=2)
    assert fault in printed
    assert "Traceback" not in printed
    assert not (three / "nowhere").exists()


@pytest.fixture
def server(tmp_path):
    """The address of an MLflow server of its own, artifacts included."""
    with Server(tmp_path / "server") as server:
        yield server.uri


def test_a_run_on_a_server_comes_out_identical_from_a_folder_without_a_store(server, tmp_path):
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    here = [*TINY, f"tracking.uri={server}"]
    kill(tmp_path / "here", "in the middle of a picture", "3", *here)
    (run,) = list_runs(MlflowClient(server))
    do(tmp_path / "here", "run", f"resume={run.info.run_id}", f"tracking.uri={server}")
    printed = do(tmp_path / "there", "reproduce", "best", f"--uri={server}")
    assert read_verdict(printed)[0] == "identical"
    pictures = MlflowClient(server).list_artifacts(run.info.run_id, "images")
    assert len(pictures) == 3 * 2
    assert not (tmp_path / "there" / "mlruns" / "mlflow.db").exists()
    assert [run.info.status for run in list_runs(MlflowClient(server))] == ["FINISHED"] * 2


def git(tree, *words):
    identity = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]
    subprocess.run(["git", *identity, *words], cwd=tree, check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path):
    """A checkout of this package with one commit."""
    tree = tmp_path / "tree"
    for name in ("dcgan_sweeps", "conf"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tree)
    (tree / ".gitignore").write_text("__pycache__\n")
    git(tree, "init", "--quiet")
    git(tree, "add", ".")
    git(tree, "commit", "--quiet", "-m", "As it was")
    return tree


def test_the_code_of_a_run_is_shown_and_runs_once_it_was_read(checkout, tmp_path):
    # What is uncommitted changes the result: a steeper slope below zero.
    path = checkout / "dcgan_sweeps" / "gan" / "dcgan28.py"
    text = path.read_text()
    path.write_text(text.replace("negative_slope=model.leaky_slope", "negative_slope=0.1"))
    do(tmp_path, "run", *TINY, tree=checkout)
    path.write_text(text)
    git(checkout, "commit", "--quiet", "--allow-empty", "-m", "Later")

    printed = do(tmp_path, "reproduce", "best", "--tolerance=0", tree=checkout, status=1)
    assert re.search(r"^commit was [0-9a-f]{40}, now ", printed, re.MULTILINE)
    assert re.search(r"^diff_sha256 was ", printed, re.MULTILINE)
    assert read_verdict(printed)[0] != "identical"

    printed = do(tmp_path, "reproduce", "best", "--code", tree=checkout, status=2)
    assert "As it was" in printed
    assert "+            leak = " in printed or "negative_slope=0.1" in printed
    assert "This code comes from the store. To run it as your user, add --yes=" in printed
    digest = re.search(r"--yes=([0-9a-f]{16})\.$", printed, re.MULTILINE)[1]

    words = ["best", "--code", f"--yes={'0' * 16}"]
    printed = do(tmp_path, "reproduce", *words, tree=checkout, status=2)
    assert f"--yes: got {'0' * 16}; the code shown above has the digest {digest}" in printed

    printed = do(tmp_path, "reproduce", "best", "--code", f"--yes={digest}", tree=checkout)
    assert read_verdict(printed)[0] == "identical"
    assert git_worktrees(checkout) == 1


def git_worktrees(tree):
    listed = subprocess.run(
        ["git", "worktree", "list"], cwd=tree, check=True, capture_output=True, text=True
    )
    return len(listed.stdout.splitlines())


def test_best_compares_scores_of_one_identity_alone(three, tmp_path):
    do(tmp_path, "run", *TINY, "train.epochs=1", "optimizer.lr=1e-4")
    do(tmp_path, "run", *TINY, "train.epochs=1", "score.seed=1")
    client = connect(find_store(None, str(tmp_path / "mlruns")))
    newest = list_runs(client)[-1]
    printed = do(tmp_path, "reproduce", "best", "--check-only")
    identity = newest.data.params["score.identity"]
    assert f"best of 1 complete runs with score identity {identity} (1 with another" in printed
    assert newest.info.run_id in printed
    assert find_experiment(client, find_store(None, str(tmp_path / "mlruns")), "dcgan_sweeps")
