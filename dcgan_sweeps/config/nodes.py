"""Configurations as OmegaConf nodes, which check the type of each value, and back.

freeze(node)  # the checked frozen dataclass, or RequestError with every fault
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, Node, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from dcgan_sweeps.config.checks import find_conflicts, find_faults
from dcgan_sweeps.config.faults import Fault, RequestError
from dcgan_sweeps.config.flat import flatten, flatten_nested
from dcgan_sweeps.config.schema import ADDED, Config


def make_node(nested: Mapping[str, Any]) -> DictConfig:
    """Return a run's configuration as a node that checks types when a value is changed."""
    node: DictConfig = make_schema(Config)
    node.merge_with(escape_values(nested))
    return node


def escape_lookups(text: str) -> str:
    """Return text in which OmegaConf resolves nothing.

    An odd number of backslashes precedes each ${...}.
    """
    return re.sub(r"(\\*)\$\{", r"\1\1\\${", text)


def escape_values(value: Any) -> Any:
    """Return values, nested or not, with every ${...} in their texts escaped."""
    if isinstance(value, Mapping):
        return {key: escape_values(each) for key, each in value.items()}
    return escape_lookups(value) if isinstance(value, str) else value


def make_schema(schema: Any) -> DictConfig:
    """Return the node of a frozen dataclass that Hydra can compose into."""
    node: DictConfig = OmegaConf.structured(schema)
    _thaw(node)
    return node


def _thaw(node: DictConfig) -> None:
    # OmegaConf makes a frozen dataclass read-only, and Hydra cannot compose into that.
    node._set_flag("readonly", None)
    for key in node:
        child = node._get_node(key)
        if isinstance(child, DictConfig):
            _thaw(child)


def freeze(composed: DictConfig) -> Any:
    """Return the checked frozen dataclass of a composed configuration.

    A missing key of ADDED gets its value there, since the files of an earlier version lack it.
    Raises RequestError with every other key that is unknown, missing or out of range.
    """
    known = flatten(composed._metadata.object_type())
    written: Any = OmegaConf.to_container(composed, resolve=False)
    unknown = [key for key in flatten_nested(written) if key not in known]  # from +key=value
    faults = [Fault(key, "there is no such key") for key in unknown] + find_dangling(composed)
    if not faults:
        missing = OmegaConf.missing_keys(composed)
        for key in missing & ADDED.keys():
            OmegaConf.update(composed, key, ADDED[key])
        faults += [Fault(key, "has no value") for key in sorted(missing - ADDED.keys())]
    if faults:
        raise RequestError(faults)
    config = OmegaConf.to_object(composed)
    faults = find_faults(config) or find_conflicts(config)
    if faults:
        raise RequestError(faults)
    return config


def find_dangling(node: DictConfig, prefix: str = "") -> list[Fault]:
    """Return a fault for every ${...} that cannot be resolved, or not to a value of its type."""
    faults = []
    for key in map(str, node.keys()):  # "in node" omits keys that cannot be resolved
        child = node._get_node(key)
        if isinstance(child, DictConfig) and not child._is_interpolation():
            faults += find_dangling(child, f"{prefix}{key}.")
        elif isinstance(child, Node) and child._is_interpolation():
            try:
                node[key]
            except OmegaConfBaseException as error:
                reason = str(error).partition("\n")[0]
                faults.append(Fault(f"{prefix}{key}", f"got {child._value()!s}; {reason}"))
    return faults
