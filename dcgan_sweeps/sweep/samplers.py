"""The sampler and the pruner that a search names, with the arguments of Optuna's own classes.

sampler = make_sampler({"name": "tpe", "n_startup_trials": 6}, seed=0, number=7)
pruner = make_pruner({"name": "median"})
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Mapping
from typing import Any

from optuna import pruners, samplers
from optuna.exceptions import ExperimentalWarning

from dcgan_sweeps.config import refuse
from dcgan_sweeps.randomness import seed_int
from dcgan_sweeps.sweep import arguments as schemas

# Name: Optuna's class, and what its arguments may be.
SAMPLERS: dict[str, tuple[Any, type]] = {
    "tpe": (samplers.TPESampler, schemas.Tpe),
    "random": (samplers.RandomSampler, schemas.Random),
    "cmaes": (samplers.CmaEsSampler, schemas.Cmaes),
    "qmc": (samplers.QMCSampler, schemas.Qmc),
    "gp": (samplers.GPSampler, schemas.Gp),
}
PRUNERS: dict[str, tuple[Any, type]] = {
    "none": (pruners.NopPruner, schemas.NoPruner),
    "successive_halving": (pruners.SuccessiveHalvingPruner, schemas.SuccessiveHalving),
    "hyperband": (pruners.HyperbandPruner, schemas.Hyperband),
    "median": (pruners.MedianPruner, schemas.Median),
    "patient": (pruners.PatientPruner, schemas.Patient),
}
SAMPLER, PRUNER = "hydra.sweeper.sampler", "hydra.sweeper.pruner"


def make_sampler(options: Mapping[str, Any], seed: int, number: int) -> samplers.BaseSampler:
    """Return the sampler that asks trial `number` of a study; raises RequestError.

    Each trial has a seed of its own, since one sampler built anew after every restart would ask
    the same points again. QMC is one sequence, and keeps its place in the study's storage.
    """
    own = seed if options.get("name") == "qmc" else seed_int(seed, f"sampler/{number}")
    if not options.get("name"):
        raise refuse("sampler", f"a search has one; allowed: sampler={', sampler='.join(SAMPLERS)}")
    if options.get("name") == "gp" and importlib.util.find_spec("torch") is None:
        problem = "got gp, which needs PyTorch: pip install 'dcgan-sweeps[gp]'"
        raise refuse(f"{SAMPLER}.name", problem)
    made: samplers.BaseSampler = _make(SAMPLERS, options, SAMPLER, {"seed": own})
    return made


def make_pruner(options: Mapping[str, Any], key: str = PRUNER) -> pruners.BasePruner:
    """Return the pruner over epochs; raises RequestError.

    Its bounds are whole epochs. With Optuna's "auto", successive halving would prune nothing
    before the first complete trial, and each process would guess for itself.
    """
    wrapped: dict[str, Any] = {}
    options = dict(options)
    if options.get("name") == "patient":
        wrapped["wrapped_pruner"] = _make_wrapped(options.pop("wrapped", None), f"{key}.wrapped")
    made: pruners.BasePruner = _make(PRUNERS, options, key, wrapped)
    low, high = (options.get(name) for name in ("min_resource", "max_resource"))
    if low is not None and high is not None and low > high:
        raise refuse(f"{key}.max_resource", f"got {high}; allowed: at least {low}")
    return made


def _make_wrapped(options: Any, key: str) -> pruners.BasePruner | None:
    if options is None:
        return None
    if not isinstance(options, Mapping):
        raise refuse(key, f"got {options}; allowed: null, or a pruner such as {{name: median}}")
    return make_pruner(options, key)


def _make(
    kinds: Mapping[str, tuple[Any, type]],
    options: Mapping[str, Any],
    key: str,
    more: Mapping[str, Any],
) -> Any:
    """Return the sampler or pruner that `options` name, with their arguments and `more`."""
    name = str(options.get("name", "none"))
    if name not in kinds:
        raise refuse(f"{key}.name", f"got {name}; allowed: {', '.join(kinds)}")
    kind, schema = kinds[name]
    arguments = {argument: value for argument, value in options.items() if argument != "name"}
    schemas.check_arguments(schema, arguments, key)
    try:
        with warnings.catch_warnings():
            # The arguments were chosen by name; that Optuna may still change them is known.
            warnings.simplefilter("ignore", ExperimentalWarning)
            warnings.simplefilter("ignore", FutureWarning)
            return kind(**arguments, **more)
    except (TypeError, ValueError) as error:  # two that cannot go together
        raise refuse(key, f"{name} refuses its arguments: {error}") from error
