"""Samplers and pruners by name, their faults found when they are made."""

from __future__ import annotations

from pathlib import Path

import optuna
import pytest
import yaml

from dcgan_sweeps.config import RequestError, find_conf_dir
from dcgan_sweeps.sweep.samplers import make_pruner, make_sampler


def read_options(group):
    return {
        path.stem: yaml.safe_load(path.read_text().replace("${train.epochs}", "10"))
        for path in sorted(Path(find_conf_dir() / group).glob("*.yaml"))
    }


def ask(options, seed, count):
    """Return the points of a study whose sampler is made anew for each of them."""
    study = optuna.create_study()
    points = []
    for number in range(count):
        study.sampler = make_sampler(options, seed, number)
        trial = study.ask()
        points.append((trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)))
        study.tell(trial, sum(points[-1]))
    return points


SAMPLERS = {name: options for name, options in read_options("sampler").items() if name != "gp"}


@pytest.mark.parametrize("options", SAMPLERS.values(), ids=SAMPLERS)
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_a_sampler_made_anew_asks_no_point_twice_and_can_be_repeated(options):
    points = ask(options, 0, 12)
    assert len(set(points)) == 12
    assert ask(options, 0, 12) == points
    assert ask(options, 1, 12) != points


@pytest.mark.parametrize("options", read_options("pruner").values(), ids=read_options("pruner"))
def test_every_pruner_of_conf_can_be_made_and_asked(options):
    study = optuna.create_study(pruner=make_pruner(options))
    trial = study.ask()
    trial.report(1.0, 1)
    assert trial.should_prune() in (True, False)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"name": "successive_halving", "min_resource": "auto"}, "min_resource: got auto"),
        ({"name": "successive_halving", "min_resource": 0}, "refuses its arguments"),
        ({"name": "medain"}, "got medain; allowed: none, successive_halving"),
        ({"name": "median", "warmup": 3}, "median has no such argument; allowed: n_startup"),
        ({"name": "patient", "patience": 2, "wrapped": {"name": "x"}}, "got x"),
    ],
)
def test_a_pruner_that_cannot_work_is_refused(options, problem):
    with pytest.raises(RequestError, match=problem):
        make_pruner(options)


def test_a_sampler_of_an_extra_that_is_not_installed_names_it():
    with pytest.raises(RequestError, match=r"dcgan-sweeps\[gp\]"):
        make_sampler({"name": "gp"}, 0, 0)
