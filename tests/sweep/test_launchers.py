"""The same study under other launchers of Hydra, and what -m refuses."""

from __future__ import annotations

import shutil

import pytest
from processes import PROGRAM, TINY, call
from tally import find_disagreements, tally

from dcgan_sweeps.scoring.identity import SHIPPED

pytestmark = pytest.mark.slow

WORDS = [*TINY, "hydra.sweeper.study_name=s"]


def sweep(folder, *words):
    return call(folder, [*PROGRAM, "-m", *words], TF_CPP_MIN_LOG_LEVEL="3")


@pytest.mark.parametrize("launcher", ["basic", "joblib", "submitit_local"])
def test_a_launcher_runs_the_study_with_pruning(tmp_path, launcher):
    # A learning rate that moves nothing, after one that does: its first epoch is the worse one.
    words = ["search=fcd", "hydra.sweeper.n_trials=4", "train.epochs=4"]
    # Relative places are those of where the command was given, wherever a job works.
    places = ["hydra.job.chdir=true", "score.classifier=mine"]
    shutil.copytree(SHIPPED, tmp_path / "mine")
    done = sweep(tmp_path, f"hydra/launcher={launcher}", *WORDS, *words, *places)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "mlruns"]
    rows = tally(tmp_path, "s")
    assert find_disagreements(rows) == []
    assert len(rows) == 4
    assert {row["outcome"] for row in rows} == {"complete", "pruned"}
    if launcher != "basic":
        # No batch barrier: the third trial began before the two first had both ended.
        third, ends = done.stdout.index("trial   2 started"), []
        for number in (0, 1):
            end = f"trial   {number} complete", f"trial   {number} pruned"
            ends.append(max(done.stdout.find(each) for each in end))
        assert min(ends) < third < max(ends)


def test_a_pruner_whose_bound_is_looked_up_reaches_the_trials(tmp_path):
    words = ["search=fcd", "sampler=cmaes", "pruner=hyperband", "hydra.sweeper.n_trials=2"]
    done = sweep(tmp_path, *WORDS, *words, "train.epochs=2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert ", 0 failed" in done.stdout


def test_hydras_own_sweeper_can_still_be_chosen(tmp_path):
    done = sweep(tmp_path, "hydra/sweeper=basic", *WORDS[:2], "train.epochs=1", "seed=0,1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list(tmp_path.glob("mlruns/runs/*"))) == 2


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["search=fcd"], "search: got fcd; a search needs -m"),
        (["-m", "optimizer.lrr=1,2"], "optimizer.lrr: there is no such key; did you mean"),
        (["-m", "model.dropout=0.2,1.5"], "model.dropout: got 1.5; allowed: a number, at least 0"),
        (["-m", "model.dropout=interval(0,2)"], "n_trials: has no value"),
        (
            ["-m", "model.dropout=interval(0,0.5)"],
            "sampler: a search needs one; allowed: sampler=tpe",
        ),
        (["-m", "search=fcd", "sampler=tpee"], "sampler: got tpee; allowed: cmaes, gp, qmc"),
        (
            ["-m", "search=fcd", "hydra.sweeper.sampler.n=3"],
            "hydra.sweeper.sampler.n: there is no such key",
        ),
        (
            ["-m", "search=fcd", "+hydra.sweeper.sampler.n=3"],
            "sampler.n: there is no such",
        ),
        (["-m", "search=fcd", "hydra.sweeper.pruner.min_resource=auto"], "got auto; allowed"),
        (["-m", "search=fcd", "model.dropout=interval(0.4,0.6)"], "its default, 0.3, is outside"),
        (["-m", "search=fcd", "optimizer.lr=interval(1e-4,3)"], "optimizer.lr: got 3"),
        (["-m", "search=fcd", "score.count=100,200"], "scores of 2 identities cannot be compared"),
        (["-m", "search=fcd", "score=fcd,none"], "got fcd,none; the trials need a score/fcd"),
        (["-m", "search=random", "experiment=baseline,tiny"], "experiment: got baseline,tiny; sco"),
        (["-m", "score.count=50,60", "pruner=median"], "scores of 2 identities cannot be compar"),
        (["-m", "seed=1,2", "hydra.sweeper.n_jobs=0"], "hydra.sweeper.n_jobs: got 0; allowed"),
        (["-m", "seed=1,2", "hydra.sweeper.study_name=a/b"], "study_name: got a/b; allowed"),
        (["-m", "seed=1,2", "runner.slots=none"], "runner.slots: got none; allowed: auto, or"),
        (["-m", "seed=1,2", "runner.slots=900"], "runner.slots: got 900; allowed: at most one"),
        (["@nowhere.txt"], "@nowhere.txt: cannot be read: No such file or directory"),
    ],
)
def test_a_study_that_cannot_be_is_refused_and_leaves_nothing(tmp_path, words, line):
    done = call(tmp_path, [*PROGRAM, *words])
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.count(line) == 1
    assert not list(tmp_path.iterdir())


def test_a_dry_run_prints_the_trials_and_writes_nothing(tmp_path):
    done = sweep(tmp_path, "seed=1,2", "model.dropout=0.1,0.2", "hydra.sweeper.dry_run=true")
    assert done.returncode == 0, done.stderr
    assert "dry run: 4 trials" in done.stdout
    assert "trial   3: seed=2 model.dropout=0.2" in done.stdout
    done = sweep(tmp_path, "search=fcd", "hydra.sweeper.dry_run=true")
    assert "tag(log, interval(1e-4, 4e-3))" in done.stdout
    assert not list(tmp_path.iterdir())
