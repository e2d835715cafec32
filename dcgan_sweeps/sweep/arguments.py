"""The arguments of each sampler and pruner, with their types and ranges.

Optuna itself checks only some of them, and most only when it asks for a trial.

check_arguments(SAMPLERS["tpe"], {"n_startup_trials": "many"}, "hydra.sweeper.sampler")
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Optional

from dcgan_sweeps.config import Fault, anything, describe_allowed, number, one_of, require_none

# None of them has a seed: that of a study is hydra.sweeper.seed.


@dataclass(frozen=True)
class Tpe:
    n_startup_trials: int = number(0)
    n_ei_candidates: int = number(1)
    prior_weight: float = number(0, low_open=True)
    multivariate: Optional[bool] = anything()
    group: bool = anything()
    constant_liar: bool = anything()
    consider_magic_clip: Optional[bool] = anything()
    consider_endpoints: Optional[bool] = anything()
    warn_independent_sampling: Optional[bool] = anything()


@dataclass(frozen=True)
class Random:
    pass


@dataclass(frozen=True)
class Cmaes:
    n_startup_trials: int = number(0)
    sigma0: Optional[float] = number(0, low_open=True)
    popsize: Optional[int] = number(2)
    consider_pruned_trials: bool = anything()
    use_separable_cma: bool = anything()
    with_margin: bool = anything()
    lr_adapt: bool = anything()
    warn_independent_sampling: bool = anything()


@dataclass(frozen=True)
class Qmc:
    qmc_type: str = one_of("sobol", "halton")
    scramble: bool = anything()
    warn_asynchronous_seeding: bool = anything()
    warn_independent_sampling: bool = anything()


@dataclass(frozen=True)
class Gp:
    n_startup_trials: int = number(0)
    deterministic_objective: bool = anything()
    warn_independent_sampling: bool = anything()


@dataclass(frozen=True)
class NoPruner:
    pass


@dataclass(frozen=True)
class SuccessiveHalving:
    min_resource: int = number(1)
    reduction_factor: int = number(2)
    min_early_stopping_rate: int = number(0)
    bootstrap_count: int = number(0)


@dataclass(frozen=True)
class Hyperband:
    min_resource: int = number(1)
    max_resource: int = number(1)
    reduction_factor: int = number(2)
    bootstrap_count: int = number(0)


@dataclass(frozen=True)
class Median:
    n_startup_trials: int = number(0)
    n_warmup_steps: int = number(0)
    interval_steps: int = number(1)
    n_min_trials: int = number(1)


@dataclass(frozen=True)
class Patient:
    patience: int = number(0)
    min_delta: float = number(0)


def check_arguments(schema: type, arguments: Mapping[str, Any], key: str) -> None:
    """Raise RequestError with a fault for every argument that `schema` has not, or that is of
    another type or range than it states; `key` is where the arguments stand."""
    leaves = {leaf.name: leaf for leaf in fields(schema)}
    allowed = ", ".join(leaves) or "none"
    faults = [
        Fault(f"{key}.{name}", f"there is no such argument; allowed: {allowed}")
        if name not in leaves
        else Fault(f"{key}.{name}", f"got {value}; allowed: {describe_allowed(leaves[name])}")
        for name, value in arguments.items()
        if name not in leaves or not _is_allowed(value, leaves[name])
    ]
    require_none(faults)


def _is_allowed(value: Any, leaf: Any) -> bool:
    kind = str(leaf.type)
    if value is None:
        return kind.startswith("Optional[")
    if not _is_of_type(value, kind.removeprefix("Optional[").rstrip("]")):
        return False
    return value in leaf.metadata.get("allowed", [value])


def _is_of_type(value: Any, kind: str) -> bool:
    if kind == "bool" or isinstance(value, bool):
        return kind == "bool" and isinstance(value, bool)
    if kind == "float":
        return isinstance(value, (int, float)) and math.isfinite(value)
    return isinstance(value, {"int": int, "str": str}[kind])
