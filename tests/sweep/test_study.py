"""Whole studies in processes of their own: nothing waits, and every end is recorded as it was."""

from __future__ import annotations

import csv
import re
import shutil
import sys

import processes
import pytest
from processes import PROGRAM, ROOT, open_store
from studies import NAME, TINY, do, find_all, finish, read_until

from dcgan_sweeps.scoring.classifier.network import build_classifier, encode_weights
from dcgan_sweeps.scoring.identity import SHIPPED, WEIGHTS_FILE

pytestmark = pytest.mark.slow


GRID = ("train.epochs=1", "optimizer.lr=1e-4,2e-4", "seed=0,1,1")


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    """The folder of a study that has ended, and what it printed."""
    folder = tmp_path_factory.mktemp("grid")
    return folder, do(folder, *TINY, *GRID)


def test_a_grid_has_each_point_once_in_hydras_order(grid):
    folder, printed = grid
    rows = find_all(folder, 4)
    points = [(row["params"]["optimizer.lr"], row["params"]["seed"]) for row in rows]
    assert points == [(1e-4, 0), (1e-4, 1), (2e-4, 0), (2e-4, 1)]
    assert "4 complete, 0 pruned, 0 failed" in printed


def test_a_summary_has_the_best_trial_and_the_commands_to_use_next(grid):
    lines = grid[1].rpartition("\n\n")[2].splitlines()
    labels = [line.partition("  ")[0] for line in lines]
    commands = ["report", "reproduce", "ui", "confirm", "run best"]
    assert labels == ["result", "best trial", "ranking", *commands]
    assert re.search(r"to confirm: about 12 runs, .* of a slot$", lines[2])
    assert "python -m dcgan_sweeps.confirm study:s" in lines[6]
    best = r"trial \d, score/fcd \d+\.\d\d \(mean of 2 seeds (\d+\.\d\d)\)"
    named = re.search(rf"{best}, models:/s@best \(version 1\)$", lines[1])
    assert re.search(rf"^1=? +{named[1]} +\[.*\] +2 ", grid[1], re.M)  # first of the leaderboard
    parent = open_store(grid[0]).search_runs(["1"], "tags.best_trial != ''")[0]
    assert f"| {named[1]} | [" in parent.data.tags["mlflow.note.content"]


def test_a_pruned_trial_is_pruned_everywhere_and_its_slot_is_free(tmp_path):
    parts = {"0": {"scores": [5, 4, 3]}, "1": {"scores": [50, 49, 48]}, "2": {"scores": [6, 5, 4]}}
    words = ["train.epochs=3", "seed=0,1,2", "runner.slots=1", "pruner=median"]
    settings = ["hydra.sweeper.pruner.n_startup_trials=1", "hydra.sweeper.pruner.n_min_trials=1"]
    printed = do(tmp_path, *TINY, *words, *settings, **parts)
    rows = find_all(tmp_path, 3)
    assert [row["outcome"] for row in rows] == ["complete", "pruned", "pruned"]
    assert (rows[1]["value"], rows[1]["scores"]) == (49.0, {1: 50.0, 2: 49.0})
    assert "1 complete, 2 pruned, 0 failed" in printed


def test_each_failure_is_recorded_as_what_it_is(tmp_path):
    # Trial 0 cannot be composed, 1 raises.
    grid = [
        "train.epochs=1",
        "data.limit=16,320,321,322",
        "hydra.sweeper.retries=0",
        "runner.slots=1",
    ]
    parts = {"1": {"raise": "a part of its own"}}
    printed = do(tmp_path, *TINY, *grid, **parts)
    rows = find_all(tmp_path, 4)
    assert [row["outcome"] for row in rows] == ["failed", "failed", "complete", "complete"]
    assert "data.limit: got 16" in printed
    folder = tmp_path / "mlruns/studies/s/trials"
    assert "a part of its own" in (folder / "0001" / "traceback.txt").read_text()
    assert "data.limit" in (folder / "0000" / "traceback.txt").read_text()
    assert "data.limit" in (folder / "0000.log").read_text()
    assert "RuntimeError: a part of its own" in (folder / "0001.log").read_text()


def test_failures_in_a_row_stop_the_study(tmp_path):
    parts = {str(number): {"raise": "again"} for number in range(8)}
    settings = ["hydra.sweeper.retries=0", "hydra.sweeper.stop_after_failures=2"]
    printed = do(
        tmp_path,
        *TINY,
        "seed=range(8)",
        "train.epochs=1",
        "runner.slots=1",
        *settings,
        status=1,
        **parts,
    )
    find_all(tmp_path, 2)
    assert "too many trials in a row failed" in printed


def test_out_of_memory_is_tried_once_more_alone(tmp_path):
    printed = do(
        tmp_path,
        *TINY,
        "train.epochs=1",
        "seed=0",
        "hydra.sweeper.retries=0",
        **{"0": {"memory": 1}},
    )
    find_all(tmp_path, 1)
    assert "1 complete" in printed


def test_a_trial_that_hangs_is_ended_and_has_failed(tmp_path):
    words = ["seed=0", "runner.trial_timeout_min=0.1", "hydra.sweeper.retries=0"]
    printed = do(tmp_path, *TINY, *words, status=1, **{"0": {"sleep_s": 600}})
    rows = find_all(tmp_path, 1)
    assert [row["outcome"] for row in rows] == ["failed"]
    assert "it took longer than 0.1 min" in printed


def test_an_edit_of_conf_reaches_no_trial_of_a_study_that_has_begun(tmp_path):
    tree = tmp_path / "tree"
    for name in ("conf", "dcgan_sweeps", "hydra_plugins"):
        shutil.copytree(ROOT / name, tree / name)
    command = [*PROGRAM, "-m", *TINY, "train.epochs=1", "seed=0,1", "runner.slots=1"]
    process = processes.start(tmp_path, command, tree=tree)
    read_until(process, "trial +0 started")
    file = tree / "conf" / "model" / "dcgan28.yaml"
    file.write_text(file.read_text().replace("dropout: 0.3", "dropout: 0.55"))
    finish(process)
    for number in range(2):
        logged = tmp_path / f"mlruns/studies/s/trials/{number:04d}/config.yaml"
        assert "dropout: 0.3" in logged.read_text()


def test_a_full_disk_in_mid_study_is_one_line_and_the_same_command_goes_on(tmp_path):
    words = [*TINY, "train.epochs=1", "seed=0,1,2", "runner.slots=1"]
    printed = do(tmp_path, *words, status=1, controller={"disk": "full"})
    assert re.search(r"^stopped: File too large; resume with: ", printed, re.M), printed
    assert "Traceback" not in printed
    assert "3 complete" in do(tmp_path, *words)
    find_all(tmp_path, 3)


def test_a_users_own_file_that_is_edited_reaches_no_trial_and_is_named(tmp_path):
    mine = tmp_path / "own" / "experiment" / "mine.yaml"
    mine.parent.mkdir(parents=True)
    text = "# @package _global_\ndefaults:\n  - tiny\n  - _self_\ntrain:\n  epochs: 1\nmodel:\n"
    mine.write_text(f"{text}  dropout: 0.25\n")
    words = ["--config-dir=own", "experiment=mine", *TINY[1:], "seed=0,1"]
    do(tmp_path, *words, "hydra.sweeper.n_trials=1")
    mine.write_text(f"{text}  dropout: 0.5\n")
    printed = do(tmp_path, *words, "hydra.sweeper.n_trials=2")
    assert "changed since the study started, so not used: experiment/mine.yaml" in printed
    find_all(tmp_path, 2)
    for logged in tmp_path.glob("mlruns/studies/s/trials/*/config.yaml"):
        assert "dropout: 0.25" in logged.read_text()
    best = tmp_path / "mlruns" / "studies" / "s" / "best.txt"
    assert "dropout: 0.25" in show_config(tmp_path, f"@{best}")


def test_best_txt_has_what_a_search_file_decides(tmp_path):
    search = tmp_path / "own" / "search" / "mine.yaml"
    search.parent.mkdir(parents=True)
    search.write_text(
        "# @package _global_\ndefaults:\n  - random\ndata:\n  limit: 333\n"
        "hydra:\n  sweeper:\n    n_trials: 1\n"
    )
    do(tmp_path, "--config-dir=own", "search=mine", *TINY, "train.epochs=1")
    best = tmp_path / "mlruns" / "studies" / "s" / "best.txt"
    assert "limit: 333" in show_config(tmp_path, f"@{best}")


ANY_NAME = 'it\'s 100%20 "what?" #1 ${HOME} [a],b=c; ü\n~'


def test_a_study_works_in_a_folder_of_any_name_and_its_commands_lead_back(tmp_path):
    folder = tmp_path / ANY_NAME
    folder.mkdir()
    printed = do(folder, *TINY, "train.epochs=1", "seed=0,1", "tracking.dir=my runs")
    assert "2 complete" in printed
    assert [path.name for path in tmp_path.iterdir()] == [ANY_NAME]
    assert sorted(path.name for path in folder.iterdir()) == ["my runs"]
    for name, shown in (("reproduce", "no differences"), ("report", "2 runs")):
        command = re.search(rf"^{name} +python (-m .*)$", printed, re.M)[1]
        only = " --check-only" if name == "reproduce" else ""
        done = processes.call(folder, ["bash", "-c", f"{sys.executable} {command}{only}"])
        assert (done.returncode, done.stderr) == (0, "")
        assert shown in done.stdout


def test_relative_places_are_those_of_where_the_command_was_given(tmp_path):
    shutil.copytree(SHIPPED, tmp_path / "mine")
    words = ["hydra.job.chdir=true", "score.classifier=mine", "tracking.dir=there"]
    storage = "hydra.sweeper.storage=sqlite:///trials.db"
    printed = do(tmp_path, *TINY, "train.epochs=1", "seed=0,1", *words, storage)
    assert "2 complete" in printed
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "there", "trials.db"]
    found = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.db")]
    assert sorted(found) == ["there/mlflow.db", "trials.db"]


def show_config(folder, *words):
    """Return what `run --cfg job` prints."""
    return processes.finish(folder, [*PROGRAM, *words, "--cfg", "job"])


def test_a_study_in_another_storage_than_it_began_with_is_refused(tmp_path):
    url = f"hydra.sweeper.storage=sqlite:///{tmp_path}/trials.db"
    do(tmp_path, *TINY, "train.epochs=1", "seed=0,1", url)
    printed = do(tmp_path, *TINY, "train.epochs=1", "seed=0,1", status=2)
    assert "the trials of this study are in another storage" in printed
    printed = do(tmp_path, *TINY, "train.epochs=1", "seed=0,1", url, "tracking.dir=else", status=2)
    assert "it already has a study of this name" in printed
    assert not list(tmp_path.glob("else/studies/*"))
    assert "2 complete" in do(tmp_path, *TINY, "train.epochs=1", "seed=0,1", url)


def test_another_request_under_the_name_of_a_study_is_refused(grid):
    folder, _ = grid
    printed = do(folder, *TINY, *GRID[:2], "seed=0,2", status=2)
    rates = "optimizer.lr=0.0001,0.0002"
    assert f"swept: got {rates} seed=0,2; the study started with {rates} seed=0,1" in printed
    find_all(folder, 4)


def test_what_has_finished_is_not_run_again(grid):
    folder, _ = grid
    again = [word for word in TINY if word != NAME] + ["hydra.sweeper.study_name=t", GRID[0]]
    words = ["optimizer.lr=1e-4,2e-4,3e-4", "seed=0", "hydra.sweeper.skip_finished=true"]
    printed = do(folder, *again, *words)
    assert len(re.findall(r"trial +\d complete.*already finished by run \w{32}\n", printed)) == 2
    assert len(re.findall(r"trial +\d started", printed)) == 1
    done = re.search(r"trial +0 complete.*already finished by run ([0-9a-f]{32})", printed)[1]
    assert "models:/t@best" in printed
    assert open_store(folder).get_model_version_by_alias("t", "best").run_id == done


def test_a_trial_from_a_slot_is_reproduced_to_the_bit(tmp_path):
    do(tmp_path, *TINY, "search=fcd", "hydra.sweeper.n_trials=3")
    printed = processes.finish(tmp_path, [*PROGRAM[:2], "dcgan_sweeps.reproduce", "study:s"])
    assert "verdict: identical" in printed
    assert "complete trials of study s: " in printed

    best = tmp_path / "mlruns" / "studies" / "s" / "best.txt"
    words = dict(word.split("=") for word in best.read_text().split())
    shown = show_config(tmp_path, f"@{best}")
    assert f"latent_dim: {words['model.latent_dim']}" in shown
    client = open_store(tmp_path)
    assert client.get_model_version_by_alias("s", "best").run_id in printed


def test_a_search_refuses_trials_of_another_score_and_names_both(tmp_path):
    folder = tmp_path / "classifier"
    shutil.copytree(SHIPPED, folder)
    words = ["search=random", f"score.classifier={folder}", "train.epochs=1"]
    do(tmp_path, *TINY, *words, "hydra.sweeper.n_trials=1")
    model = build_classifier((28, 28, 1), 10, [4], 8, dropout=0.0, seed=0)
    (folder / WEIGHTS_FILE).write_bytes(encode_weights(model))
    more = ["hydra.sweeper.n_trials=2", "hydra.sweeper.retries=0"]
    printed = do(tmp_path, *TINY, *words, *more)
    rows = find_all(tmp_path, 2)
    assert [row["outcome"] for row in rows] == ["complete", "failed"]
    assert re.search(r"2 identities .*[0-9a-f]{16} \(200 images.*[0-9a-f]{16} \(200 im", printed)


def test_a_grid_over_two_scores_is_not_ranked(tmp_path):
    printed = do(tmp_path, *TINY, "train.epochs=1", "score.count=100,200")
    assert "not ranked: scores of 2 identities cannot be compared" in printed
    folder = tmp_path / "mlruns" / "studies" / "s"
    with (folder / "leaderboard.csv").open() as file:
        assert [row["rank"] for row in csv.DictReader(file)] == ["", ""]
    assert not (folder / "best.txt").exists()


def test_each_trial_counts_to_its_own_last_epoch(tmp_path):
    printed = do(tmp_path, *TINY, "train.epochs=1,3", "runner.slots=1", **{"1": {"sleep_s": 0.5}})
    find_all(tmp_path, 2)
    assert "trial   1 epoch 1/3: " in printed
