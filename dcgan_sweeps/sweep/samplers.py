"""The sampler and the pruner that a search names, with the arguments of Optuna's own classes.

sampler = make_sampler({"name": "tpe", "n_startup_trials": 6}, seed=0, number=7)
pruner = make_pruner({"name": "median"})
"""

from __future__ import annotations

import importlib.util
import inspect
import warnings
from collections.abc import Mapping
from typing import Any

from optuna import pruners, samplers
from optuna.exceptions import ExperimentalWarning

from dcgan_sweeps.config import Fault, RequestError
from dcgan_sweeps.randomness import seed_int

SAMPLERS: dict[str, type[samplers.BaseSampler]] = {
    "tpe": samplers.TPESampler,
    "random": samplers.RandomSampler,
    "cmaes": samplers.CmaEsSampler,
    "qmc": samplers.QMCSampler,
    "gp": samplers.GPSampler,
}
PRUNERS: dict[str, type[pruners.BasePruner]] = {
    "none": pruners.NopPruner,
    "successive_halving": pruners.SuccessiveHalvingPruner,
    "hyperband": pruners.HyperbandPruner,
    "median": pruners.MedianPruner,
    "patient": pruners.PatientPruner,
}
SAMPLER, PRUNER = "hydra.sweeper.sampler", "hydra.sweeper.pruner"


def make_sampler(options: Mapping[str, Any], seed: int, number: int) -> samplers.BaseSampler:
    """Return the sampler that asks trial `number` of a study; raises RequestError.

    Each trial has a seed of its own, since one sampler built anew after every restart would ask
    the same points again. QMC is one sequence, and keeps its place in the study's storage.
    """
    own = seed if options.get("name") == "qmc" else seed_int(seed, f"sampler/{number}")
    if not options.get("name"):
        problem = f"a search has one; allowed: sampler={', sampler='.join(SAMPLERS)}"
        raise RequestError([Fault("sampler", problem)])
    if options.get("name") == "gp" and importlib.util.find_spec("torch") is None:
        problem = "got gp, which needs PyTorch: pip install 'dcgan-sweeps[gp]'"
        raise RequestError([Fault(f"{SAMPLER}.name", problem)])
    made: samplers.BaseSampler = _make(SAMPLERS, {**options, "seed": own}, SAMPLER)
    return made


def make_pruner(options: Mapping[str, Any]) -> pruners.BasePruner:
    """Return the pruner over epochs; raises RequestError.

    Its bounds are whole epochs. With Optuna's "auto", successive halving would prune nothing
    before the first complete trial, and each process would guess for itself.
    """
    automatic = [key for key, value in options.items() if value == "auto"]
    if automatic:
        problem = "got auto; allowed: a whole number of epochs"
        raise RequestError([Fault(f"{PRUNER}.{key}", problem) for key in automatic])
    if options.get("name") != "patient":
        made: pruners.BasePruner = _make(PRUNERS, options, PRUNER)
        return made
    inner = options.get("wrapped")
    rest = {key: value for key, value in options.items() if key != "wrapped"}
    wrapped = None if inner is None else make_pruner(inner)
    patient: pruners.BasePruner = _make(PRUNERS, {**rest, "wrapped_pruner": wrapped}, PRUNER)
    return patient


def _make(kinds: Mapping[str, Any], options: Mapping[str, Any], key: str) -> Any:
    name = str(options.get("name", "none"))
    if name not in kinds:
        raise RequestError([Fault(f"{key}.name", f"got {name}; allowed: {', '.join(kinds)}")])
    arguments = {argument: value for argument, value in options.items() if argument != "name"}
    allowed = inspect.signature(kinds[name]).parameters
    unknown = [
        Fault(f"{key}.{argument}", f"{name} has no such argument; allowed: {', '.join(allowed)}")
        for argument in arguments
        if argument not in allowed and argument != "seed"
    ]
    if unknown:
        raise RequestError(unknown)
    if "seed" not in allowed:
        arguments.pop("seed", None)
    try:
        with warnings.catch_warnings():
            # The arguments were chosen by name; that Optuna may still change them is known.
            warnings.simplefilter("ignore", ExperimentalWarning)
            return kinds[name](**arguments)
    except (TypeError, ValueError) as error:
        raise RequestError([Fault(key, f"{name} refuses its arguments: {error}")]) from error
