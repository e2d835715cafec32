"""Makes the sampler and the pruner of a search, with the arguments of their classes.

sampler = make_sampler({"name": "tpe", "n_startup_trials": 6}, seed=0, number=7)
pruner = make_pruner({"name": "median"})

The arguments are checked here, because Optuna checks only some, and most only during a trial.
"""

from __future__ import annotations

import importlib.util
import inspect
import warnings
from collections.abc import Mapping
from dataclasses import Field, dataclass, fields
from typing import Any, Optional

from optuna import pruners, samplers
from optuna.exceptions import ExperimentalWarning

from dcgan_sweeps.config.faults import Fault, refuse, require_none
from dcgan_sweeps.config.fields import (
    anything,
    describe_allowed,
    is_allowed,
    list_of,
    number,
    one_of,
)
from dcgan_sweeps.randomness import seed_int
from dcgan_sweeps.sweep.soft_halving import SoftHalvingPruner

SAMPLERS: dict[str, Any] = {
    "tpe": samplers.TPESampler,
    "random": samplers.RandomSampler,
    "cmaes": samplers.CmaEsSampler,
    "qmc": samplers.QMCSampler,
    "gp": samplers.GPSampler,
}
PRUNERS: dict[str, Any] = {
    "none": pruners.NopPruner,
    "successive_halving": pruners.SuccessiveHalvingPruner,
    "soft_halving": SoftHalvingPruner,
    "hyperband": pruners.HyperbandPruner,
    "median": pruners.MedianPruner,
    "patient": pruners.PatientPruner,
}
SAMPLER, PRUNER = "hydra.sweeper.sampler", "hydra.sweeper.pruner"


@dataclass(frozen=True)
class Arguments:
    """The arguments that may be set, and their allowed values, for all classes that have them.

    Others cannot be set, such as the seed, which is hydra.sweeper.seed.
    """

    # Of samplers.
    n_startup_trials: int = number(0)  # also of the median pruner
    n_ei_candidates: int = number(1)
    prior_weight: float = number(0, low_open=True)
    multivariate: Optional[bool] = anything()
    group: bool = anything()
    constant_liar: bool = anything()
    consider_magic_clip: Optional[bool] = anything()
    consider_endpoints: Optional[bool] = anything()
    warn_independent_sampling: bool = anything()
    warn_asynchronous_seeding: bool = anything()
    sigma0: Optional[float] = number(0, low_open=True)
    popsize: Optional[int] = number(2)
    consider_pruned_trials: bool = anything()
    use_separable_cma: bool = anything()
    with_margin: bool = anything()
    lr_adapt: bool = anything()
    qmc_type: str = one_of("sobol", "halton")
    scramble: bool = anything()
    deterministic_objective: bool = anything()
    # Of pruners.
    min_resource: int = number(1)
    max_resource: int = number(1)
    reduction_factor: int = number(2)
    min_early_stopping_rate: int = number(0)
    bootstrap_count: int = number(0)
    n_warmup_steps: int = number(0)
    interval_steps: int = number(1)
    n_min_trials: int = number(1)
    patience: int = number(0)
    min_delta: float = number(0)
    noise: list[float] = list_of(0, 10, 1, 20)
    tolerance: float = number(0)
    cap: float = number(0, 1, low_open=True)


def find_arguments(kind: Any) -> dict[str, Field[Any]]:
    """Return {name: field} of the arguments that may be set of a sampler's or pruner's class."""
    names = inspect.signature(kind).parameters
    return {leaf.name: leaf for leaf in fields(Arguments) if leaf.name in names}


def _check_arguments(kind: Any, arguments: Mapping[str, Any], key: str) -> None:
    leaves = find_arguments(kind)
    allowed = ", ".join(leaves) or "none"
    require_none(
        [
            Fault(f"{key}.{name}", f"there is no such argument; allowed: {allowed}")
            if name not in leaves
            else Fault(f"{key}.{name}", f"got {value}; allowed: {describe_allowed(leaves[name])}")
            for name, value in arguments.items()
            if name not in leaves or not is_allowed(value, leaves[name])
        ]
    )


def make_sampler(options: Mapping[str, Any], seed: int, number: int) -> samplers.BaseSampler:
    """Return the sampler for trial `number` of a study; raises RequestError.

    Each trial has its own seed, because a sampler that is made again after a restart would suggest
    the same points again. QMC is one sequence, and keeps its position in the study's storage.
    """
    own = seed if options.get("name") == "qmc" else seed_int(seed, f"sampler/{number}")
    if not options.get("name"):
        problem = f"a search needs one; allowed: sampler={', sampler='.join(SAMPLERS)}"
        raise refuse("sampler", problem)
    if options.get("name") == "gp" and importlib.util.find_spec("torch") is None:
        problem = "got gp, which needs PyTorch: pip install 'dcgan-sweeps[gp]'"
        raise refuse(f"{SAMPLER}.name", problem)
    made: samplers.BaseSampler = _make(SAMPLERS, options, SAMPLER, {"seed": own})
    return made


def make_pruner(options: Mapping[str, Any], key: str = PRUNER) -> pruners.BasePruner:
    """Return the pruner over epochs; raises RequestError.

    Its bounds are whole epochs. Optuna's "auto" is not allowed: successive halving would prune
    nothing before the first complete trial, and each process would choose its own bounds.
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
    kinds: Mapping[str, Any], options: Mapping[str, Any], key: str, more: Mapping[str, Any]
) -> Any:
    """Return the sampler or pruner that `options` name, with their arguments and `more`."""
    name = str(options.get("name", "none"))
    if name not in kinds:
        raise refuse(f"{key}.name", f"got {name}; allowed: {', '.join(kinds)}")
    arguments = {argument: value for argument, value in options.items() if argument != "name"}
    _check_arguments(kinds[name], arguments, key)
    try:
        with warnings.catch_warnings():
            # The user chose the arguments by name; that Optuna may change them is documented.
            warnings.simplefilter("ignore", ExperimentalWarning)
            warnings.simplefilter("ignore", FutureWarning)
            return kinds[name](**arguments, **more)
    except (TypeError, ValueError) as error:  # arguments that exclude each other
        raise refuse(key, f"{name} refuses its arguments: {error}") from error
