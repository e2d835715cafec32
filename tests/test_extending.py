"""The package in examples/, installed as docs/extending.md says."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SMALL = ("experiment=tiny", "train.epochs=1", "model=deep28")
OTHER = ("data=digits", "data.limit=320", "loss=pearson", "score=none", "train.epochs=1")


def call(python, folder, *words):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(folder)}
    return subprocess.run(
        [python, "-m", *words], cwd=folder, env=environment, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """Return an interpreter that has the example package, beside the packages of this one."""
    root = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", root], check=True)
    python = root / "bin" / "python"
    own = f"{root}/lib/python{sysconfig.get_python_version()}/site-packages"
    Path(own, "others.pth").write_text(sysconfig.get_path("purelib"))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python]
    words = ["install", "--quiet", "--no-deps", "--no-build-isolation", "-e", ROOT / "examples"]
    subprocess.run([*pip, *words], check=True)
    return python


@pytest.mark.slow
def test_a_sweep_over_a_key_of_a_foreign_model_is_reproduced_to_the_bit(python, tmp_path):
    study = ("model.extra_layers=0,2", "hydra.sweeper.study_name=layers")
    done = call(python, tmp_path, "dcgan_sweeps.run", "-m", *SMALL, *study)
    assert done.returncode == 0, done.stdout + done.stderr
    best = (tmp_path / "mlruns/studies/layers/best.txt").read_text().split()
    assert {*SMALL} <= {*best}
    assert "--config-dir" not in "".join(best)
    done = call(python, tmp_path, "dcgan_sweeps.reproduce", "study:layers")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "verdict: identical" in done.stdout
    # Here, where the package is not installed:
    done = call(sys.executable, tmp_path, "dcgan_sweeps.reproduce", "study:layers")
    assert done.returncode == 2
    assert "install dcgan-sweeps-examples==0.1.0" in done.stderr


@pytest.mark.slow
def test_foreign_data_and_a_foreign_loss_train_the_same_twice(python, tmp_path):
    narrow = ("model.generator_filters=[8,4]", "model.discriminator_filters=[4,8]")
    done = call(python, tmp_path, "dcgan_sweeps.run", *OTHER, *narrow)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "320 images of digits (scikit-learn)" in done.stdout
    done = call(python, tmp_path, "dcgan_sweeps.reproduce", "latest")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "verdict: identical" in done.stdout


@pytest.mark.slow
def test_the_keys_of_foreign_parts_are_checked(python, tmp_path):
    words = ("model=deep28", "model.extra_layers=9", "data=digits", "data.count=3", "--cfg", "job")
    done = call(python, tmp_path, "dcgan_sweeps.run", *words)
    assert done.returncode == 2
    assert "model.extra_layers: got 9; allowed: a whole number, at least 0, at most 8" in (
        done.stderr
    )
    assert "data.count: there is no such key" in done.stderr
    done = call(python, tmp_path, "dcgan_sweeps.run", "experiment=tiny", "model=dcgan64")
    assert "model.generator_filters: there is no such key in model=dcgan64" in done.stderr
    assert not [*tmp_path.iterdir()]
    done = call(python, tmp_path, "dcgan_sweeps.run", "model=deep28", "--cfg", "job")
    assert "extra_layers: 1" in done.stdout
    done = call(python, tmp_path, "dcgan_sweeps.doctor")
    listed = "dcgan-sweeps-examples 0.1.0: model=deep28, data=digits, loss=pearson"
    assert listed in " ".join(done.stdout.split())
