from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys

import pytest

from dcgan_sweeps.config.compose import compose
from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.config.schema import Config
from dcgan_sweeps.scoring.identity import SHIPPED, WEIGHTS_FILE, Identity, identify

IDENTITY = Identity(classifier="c" * 64, data="d" * 64, count=10_000, seed=0)


@pytest.mark.parametrize("name", [each.name for each in dataclasses.fields(Identity)])
def test_whatever_a_score_depends_on_changes_its_identity(name):
    value = getattr(IDENTITY, name)
    other = value + 1 if isinstance(value, int) else f"another {value}"
    assert dataclasses.replace(IDENTITY, **{name: other}).digest != IDENTITY.digest


def test_the_fields_are_all_that_the_design_names():
    named = {
        "classifier",
        "tap",
        "preprocessing",
        "data",
        "holdout_seed",
        "count",
        "seed",
        "version",
    }
    assert {each.name for each in dataclasses.fields(Identity)} == named


@pytest.mark.parametrize(
    "word",
    ["score.batch_size=7", "score.every=3", "score.extra_metrics=never", "score.extrapolate=true"],
)
def test_what_changes_no_score_changes_no_identity(word):
    default = compose("config", [], Config).score
    changed = compose("config", [word], Config).score
    assert identify(changed, "d" * 64) == identify(default, "d" * 64)


@pytest.mark.parametrize("word", ["score.count=2000", "score.seed=1"])
def test_count_and_seed_are_read_from_the_configuration(word):
    default = compose("config", [], Config).score
    changed = compose("config", [word], Config).score
    assert identify(changed, "d" * 64) != identify(default, "d" * 64)


def test_the_classifier_is_known_by_its_content(tmp_path):
    default = compose("config", [], Config).score
    shutil.copy(SHIPPED / WEIGHTS_FILE, tmp_path)
    copied = dataclasses.replace(default, classifier=str(tmp_path))
    assert identify(copied, "d" * 64) == identify(default, "d" * 64)
    with (tmp_path / WEIGHTS_FILE).open("ab") as file:
        file.write(b"\0")
    assert identify(copied, "d" * 64) != identify(default, "d" * 64)


def test_a_missing_classifier_is_named(tmp_path):
    score = dataclasses.replace(compose("config", [], Config).score, classifier=str(tmp_path))
    with pytest.raises(RequestError, match=r"score\.classifier: got .*classifier\.npz"):
        identify(score, "d" * 64)


def test_it_loads_no_tensorflow():
    code = "import dcgan_sweeps.scoring.identity, sys; print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"
