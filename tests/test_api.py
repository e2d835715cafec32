"""The Python API on real runs, each in a process of its own, as TensorFlow is set up once."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from processes import TINY, finish

pytestmark = pytest.mark.slow

CODE = """
import json, sys
import numpy as np
from dcgan_sweeps import load_generator, load_run, load_study, train

def show(run):
    scores = run.history("score/fcd").dropna()
    losses = run.history("loss/generator")
    return {
        "run_id": run.run_id, "outcome": run.outcome, "reason": run.reason,
        "lr": run.config["optimizer"]["lr"], "fcd": run.metrics["score/fcd"],
        "epochs": scores.index.tolist(), "last": scores["score/fcd"].iloc[-1],
        "steps": losses.index.tolist(), "size": run.samples().size, "first": run.samples(1).size,
        "images": run.load_generator().sample(3, seed=5).tolist(),
    }
"""


def evaluate(folder, code):
    """Return what `answer` is after code that follows CODE."""
    whole = f"{CODE}\n{code}\nprint('\\n' + json.dumps(answer))"
    printed = finish(folder, [sys.executable, "-c", whole])
    return json.loads(printed.splitlines()[-1])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with one run, and what `train` and `load_run` make of it."""
    folder = tmp_path_factory.mktemp("trained")
    words = [*TINY, "optimizer.lr=5e-4"]
    code = f"run = train({words}); answer = [show(run), show(load_run(run.run_id))]"
    return folder, evaluate(folder, code)


def test_what_train_returns_is_what_load_run_returns(trained):
    _, (one, other) = trained
    assert one == other
    assert (one["outcome"], one["lr"]) == ("complete", 5e-4)
    assert one["epochs"] == [1, 2]
    assert one["fcd"] == one["last"]


def test_a_sample_has_the_images_that_generate_writes(trained):
    folder, (run, _) = trained
    words = ["-m", "dcgan_sweeps.generate", "best", "--count=3", "--seed=5"]
    finish(folder, [sys.executable, *words])
    (path,) = folder.glob("mlruns/generated/*.npz")
    with np.load(path) as written:
        assert written["images_u8"].dtype == np.uint8
        assert written["images_u8"].tolist() == run["images"]


def test_a_study_is_a_table_and_its_best_generator_a_model(tmp_path):
    words = ["experiment=tiny", "train.epochs=1", "seed=0,1", "hydra.sweeper.study_name=s"]
    finish(tmp_path, [sys.executable, "-m", "dcgan_sweeps.run", "-m", *words])
    code = """
study = load_study("s")
best = study.trials.iloc[0]
same = load_run("study:s").run_id == study.best.run_id == best["run_id"]
images = [load_generator(name).sample(2) for name in ("models:/s@best", "models:/s/1", "study:s")]
answer = [sorted(study.trials["seed"]), sorted(study.trials["trial"]), bool(same),
          study.trials["score/fcd"].is_monotonic_increasing,
          all(np.array_equal(each, images[0]) for each in images)]
"""
    assert evaluate(tmp_path, code) == [["0", "1"], ["0", "1"], True, True, True]


def test_a_run_without_a_tracker_is_read_from_its_folder(tmp_path):
    answer = evaluate(tmp_path, f"answer = show(train({[*TINY, 'tracking=none']}))")
    assert (answer["run_id"], answer["epochs"]) == ("", [1, 2])


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        ("train(['optimizer.lr=2'])", "optimizer.lr: got 2"),
        ("train(['optimizer.lr=1e-3,1e-4'])", "optimizer.lr"),
        ("train(['search=fcd'])", "search: got fcd; a search needs -m"),
        ("train(['hydra.sweeper.n_trials=3'])", "applies to a study; add -m"),
        ("load_run('0123456789abcdef')", "it matches no run"),
        ("load_run('best', experiment='other')", "experiment other has no complete run"),
        ("load_run('best', folder='nowhere')", "there is no mlflow.db"),
        ("load_study('nothing')", "has no trial of this study"),
        ("load_generator('models:/nothing@best')", "there is no such model"),
        (
            "load_generator('models:/nothing')",
            "allowed: models:/NAME@ALIAS or models:/NAME/VERSION",
        ),
        ("load_run('best').samples(7)", "epoch: got 7; allowed: 0, 1, 2"),
    ],
)
def test_a_wrong_request_is_one_clear_error(trained, call, fault):
    folder, _ = trained
    code = f"""
from dcgan_sweeps.config.faults import RequestError
try:
    {call}
except RequestError as error:
    answer = str(error)
"""
    assert fault in evaluate(folder, code)


def test_importing_the_package_loads_nothing_heavy():
    code = "import dcgan_sweeps, sys; print({'tensorflow', 'mlflow', 'hydra'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "set()\n"
