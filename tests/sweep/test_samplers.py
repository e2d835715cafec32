"""Samplers and pruners by name, their faults found when they are made."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import optuna
import pytest
import yaml

from dcgan_sweeps.config.compose import find_conf_dir
from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.sweep.samplers import PRUNERS as PRUNER_CLASSES
from dcgan_sweeps.sweep.samplers import SAMPLERS as SAMPLER_CLASSES
from dcgan_sweeps.sweep.samplers import Arguments, find_arguments, make_pruner, make_sampler


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


SOFT = read_options("pruner")["soft_halving"]


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
        ({"name": "successive_halving", "min_resource": "auto"}, "min_resource: got auto; allowed"),
        ({"name": "successive_halving", "min_resource": 0}, "min_resource: got 0; allowed"),
        ({"name": "successive_halving", "min_resource": 1.5}, "min_resource: got 1.5; allowed"),
        ({"name": "successive_halving", "reduction_factor": 1}, "reduction_factor: got 1; allowed"),
        ({"name": "hyperband", "max_resource": 0}, "max_resource: got 0; allowed"),
        (
            {"name": "hyperband", "min_resource": 4, "max_resource": 3},
            "max_resource: got 3; allowed: at least 4",
        ),
        ({**SOFT, "noise": 0.1}, "noise: got 0.1; allowed: a list of numbers, 1 to 20 items"),
        ({**SOFT, "noise": ["a"]}, "noise: got ['a']; allowed"),
        ({**SOFT, "noise": []}, "noise: got []; allowed"),
        ({**SOFT, "tolerance": -1}, "tolerance: got -1; allowed"),
        ({**SOFT, "cap": 0.2}, "soft_halving refuses its arguments: `cap` is 0.2"),
        ({"name": "medain"}, "got medain; allowed: none, successive_halving"),
        ({"name": "median", "warmup": 3}, "there is no such argument; allowed: n_startup"),
        ({"name": "median", "n_min_trials": True}, "n_min_trials: got True; allowed"),
        ({"name": "none", "min_resource": 1}, "there is no such argument; allowed: none"),
        ({"name": "patient", "patience": -1}, "patience: got -1; allowed"),
        ({"name": "patient", "patience": 2, "wrapped": {"name": "x"}}, "wrapped.name: got x"),
        ({"name": "patient", "patience": 2, "wrapped": "median"}, "wrapped: got median; allowed"),
    ],
)
def test_a_pruner_that_cannot_work_is_refused(options, problem):
    with pytest.raises(RequestError, match=re.escape(problem)):
        make_pruner(options)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"name": "tpe", "n_startup_trials": "many"}, "n_startup_trials: got many; allowed"),
        ({"name": "tpe", "n_startup_trials": -1}, "n_startup_trials: got -1; allowed"),
        ({"name": "tpe", "n_startup_trials": None}, "n_startup_trials: got None; allowed"),
        ({"name": "tpe", "seed": 9}, "sampler.seed: there is no such argument"),
        ({"name": "tpe", "gamma": 3}, "sampler.gamma: there is no such argument"),
        ({"name": "tpe", "group": "maybe"}, "group: got maybe; allowed: true or false"),
        ({"name": "tpe", "group": 1}, "group: got 1; allowed: true or false"),
        ({"name": "tpe", "prior_weight": float("nan")}, "prior_weight: got nan; allowed"),
        ({"name": "tpe", "group": True, "multivariate": False}, "tpe refuses its arguments"),
        ({"name": "cmaes", "sigma0": -1}, "sigma0: got -1; allowed: a number, above 0"),
        ({"name": "cmaes", "popsize": 1.5}, "popsize: got 1.5; allowed: a whole number"),
        ({"name": "qmc", "qmc_type": "sobool"}, "qmc_type: got sobool; allowed: sobol, halton"),
        ({"name": "random", "n": 1}, "there is no such argument; allowed: none"),
        ({"name": "tpee"}, "got tpee; allowed: tpe, random"),
    ],
)
def test_a_sampler_that_cannot_work_is_refused(options, problem):
    with pytest.raises(RequestError, match=problem):
        make_sampler(options, seed=0, number=0)


def test_no_argument_of_conf_is_refused_and_each_is_one_of_optunas():
    for kinds, group in ((SAMPLER_CLASSES, "sampler"), (PRUNER_CLASSES, "pruner")):
        for name, kind in kinds.items():
            assert set(read_options(group)[name]) <= {*find_arguments(kind), "name", "wrapped"}
    kinds = [*SAMPLER_CLASSES.values(), *PRUNER_CLASSES.values()]
    known = {each.name for each in dataclasses.fields(Arguments)}
    assert known == {name for kind in kinds for name in find_arguments(kind)}


def test_a_sampler_of_an_extra_that_is_not_installed_names_it():
    with pytest.raises(RequestError, match=r"dcgan-sweeps\[gp\]"):
        make_sampler({"name": "gp"}, 0, 0)
