"""Computes the config hash of a configuration, and reads logged configurations.

compute_config_hash(flatten(config))  # "0f3a...", 16 hex digits
read_logged(nested)                   # the Config, or RequestError with the keys that do not fit
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from dcgan_sweeps.config.compose import read_defaults
from dcgan_sweeps.config.faults import Fault, require_none
from dcgan_sweeps.config.fields import describe_allowed
from dcgan_sweeps.config.flat import flatten, flatten_nested, walk
from dcgan_sweeps.config.nodes import (
    choose_parts,
    escape_values,
    freeze,
    make_empty,
    make_node,
    make_schema,
)
from dcgan_sweeps.config.parts import KINDS
from dcgan_sweeps.config.schema import ADDED, Config
from dcgan_sweeps.paths import PATH_KEYS

NAMED = 20  # unknown keys for which the nearest key is named

# Keys, or groups of keys, that cannot change the result of a run.
NOT_IN_CONFIG_HASH = (
    "tracking",
    "resume",
    "data.dir",
    "score.every",
    "score.extra_metrics",
    "score.extrapolate",
    "train.checkpoint_every",
    "runner.gpu_memory_mib",
    "runner.slots",
    "runner.slots_per_gpu",
    "runner.trial_timeout_min",
)

# Keys that are always params of the MLflow run, unless they are null.
COMPARED = (
    "model.name",
    "data.name",
    "loss.name",
    "optimizer.name",
    "optimizer.lr",
    "optimizer.lr_discriminator",
    "optimizer.beta_1",
    "model.dropout",
    "model.latent_dim",
    "train.epochs",
    "train.batch_size",
    "seed",
    "data.limit",
    "score.count",
)

# Keys, or groups of keys, that change a result by rounding only; they are never params.
NOT_COMPARED = ("runner", "score.batch_size", "train.steps_per_call")

# Names of keys and values in earlier versions, and their current names.
RENAMED = {
    "hydra.sweeper.parallel": "hydra.sweeper.n_jobs",
    "hydra.sweeper.space": "hydra.sweeper.params",
    "score.companions": "score.extra_metrics",
    "features": "hidden",
    "model=article": "model=dcgan28",
    "model.name=article": "model.name=dcgan28",
    "train=article": "train=default",
    "experiment=article": "experiment=baseline",
}
RENAMED_LOGGED = {**RENAMED, "signature": "config_hash"}
# Hashes are computed with the old names, so that they equal those of earlier versions.
NAMES_IN_CONFIG_HASH = {new: old for old, new in RENAMED.items()}


def find_renamed(key: str, value: Any = None) -> Fault | None:
    """Return the fault of a key or value that was renamed, else None."""
    for old, new in RENAMED.items():
        if f"{key}={value}" == old:
            return Fault(old, f"renamed to {new}")
        if f"{key}.".startswith(f"{old}."):
            return Fault(key, f"renamed to {new}{key.removeprefix(old)}")
    return None


def rename_logged(
    logged: Mapping[str, Any], names: Mapping[str, str] = RENAMED_LOGGED
) -> dict[str, Any]:
    """Return the logged {key: value} of any version under the current names."""
    renamed = {}
    for key, value in logged.items():
        new = names.get(f"{key}={value}")
        renamed[names.get(key, key)] = value if new is None else new.partition("=")[2]
    return renamed


def is_hashed(key: str) -> bool:
    """Return whether a key is part of the config hash."""
    return not _is_under(key, NOT_IN_CONFIG_HASH)


def _is_under(key: str, names: tuple[str, ...]) -> bool:
    return any(key == name or key.startswith(name + ".") for name in names)


def compute_config_hash(flat_config: Mapping[str, Any]) -> str:
    """Return the config hash of {dotted key: value}, 16 hex digits.

    Keys that cannot change a result are left out, and those that change nothing since they have the
    value of a version that did not know them.
    """
    hashed = {
        key: value
        for key, value in flat_config.items()
        if is_hashed(key) and not (key in ADDED and value == ADDED[key])
    }
    hashed = rename_logged(hashed, NAMES_IN_CONFIG_HASH)
    return hashlib.sha256(json.dumps(hashed, sort_keys=True).encode()).hexdigest()[:16]


def choose_params(flat_config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the {dotted key: value} that a person compares between runs, as params of a run.

    These are the keys in COMPARED that are not null, and every key that does not have its default
    value and can change a result by more than rounding. They are few, since the UI shows them
    above each picture.
    """
    main = {key: flat_config[key] for key in COMPARED if flat_config.get(key) is not None}
    defaults = flatten_defaults()
    changed = {
        key: value
        for key, value in flat_config.items()
        if is_hashed(key) and not _is_under(key, NOT_COMPARED) and value != defaults.get(key)
    }
    return main | changed


def read_logged(nested: Mapping[str, Any]) -> Config:
    """Return a logged configuration as a Config of the current schema.

    A key that was not logged takes its value in ADDED, or its current default if it cannot change
    the result. Raises RequestError with a fault for every other key that is missing, unknown or not
    allowed.
    """
    require_single_keys(nested)
    renamed = rename_logged(flatten_nested(nested))
    named = {group: {"name": renamed.get(f"{group}.name")} for group in KINDS}
    parts = choose_parts(named)
    leaves = {key: leaf for key, _, leaf in walk(make_empty(Config, parts))}
    logged = {key: value for key, value in ADDED.items() if key in leaves} | renamed
    faults = []
    for number, key in enumerate(sorted(set(logged) - set(leaves))):
        # Finding the nearest key takes a millisecond, too long for a file of 100,000 such keys.
        close = difflib.get_close_matches(key, leaves, n=1) if number < NAMED else []
        nearest = f"; nearest: {close[0]}" if close else ""
        faults.append(Fault(key, f"was logged as {logged[key]}; there is no such key now{nearest}"))
    faults += [
        Fault(key, "was not logged; this version needs it, because it can change the result")
        for key in sorted(set(leaves) - set(logged))
        if is_hashed(key)
    ]
    # A path may contain "${"; it is kept as it is and not resolved.
    lookups = {k for k, v in logged.items() if "${" in str(v) and k not in PATH_KEYS}
    faults += [
        Fault(key, f"was logged as {logged[key]}; allowed: a value that needs no interpolation")
        for key in sorted(lookups)
    ]
    node = make_schema(make_empty(Config, parts))
    others = {key: value for key, value in flatten_defaults().items() if not is_hashed(key)}
    for key, value in sorted((others | logged).items()):
        if key not in leaves or key in lookups:
            continue
        try:
            OmegaConf.update(node, key, escape_values(value))
        except (OmegaConfBaseException, OverflowError):  # OverflowError: an int beyond any float
            allowed = describe_allowed(leaves[key])
            faults.append(Fault(key, f"was logged as {value}; allowed now: {allowed}"))
    require_none(faults)
    config: Config = freeze(node)
    return config


def require_single_keys(nested: Mapping[str, Any]) -> None:
    """Raise RequestError for a key with a dot in its name.

    It could be a duplicate: in {"a": {"b": 1}, "a.b": 2} the second value would silently win.
    """
    names = [*nested]
    for value in nested.values():
        names += value if isinstance(value, Mapping) else ()
    dotted = sorted(name for name in map(str, names) if "." in name)
    problem = "has a dot in its name; allowed: nested mappings, one for each part of it"
    require_none([Fault(name, problem) for name in dotted[:NAMED]])


def replace_keys(config: Config, values: Mapping[str, Any]) -> Config:
    """Return a checked copy of `config` with new values of some dotted keys."""
    node = make_node(dataclasses.asdict(config))
    for key, value in values.items():
        OmegaConf.update(node, key, escape_values(value))
    replaced: Config = freeze(node)
    return replaced


def find_changes(flat: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return {key: (value, other value)} of every key on which the two differ."""
    keys = sorted(set(flat) | set(other))
    return {k: (flat.get(k), other.get(k)) for k in keys if flat.get(k) != other.get(k)}


def flatten_defaults() -> dict[str, Any]:
    """Return {dotted key: value} of the default configuration."""
    return flatten(read_defaults())
