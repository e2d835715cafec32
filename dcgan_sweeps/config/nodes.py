"""Configurations as OmegaConf nodes, which check the type of each value, and back.

freeze(node)  # the checked frozen dataclass, or RequestError with every fault
"""

from __future__ import annotations

import copy
import functools
import re
from collections.abc import Mapping
from typing import Any, TypeVar

from omegaconf import MISSING, DictConfig, Node, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from dcgan_sweeps.config.checks import find_conflicts, find_faults
from dcgan_sweeps.config.faults import Fault, RequestError, require_none
from dcgan_sweeps.config.fields import describe_allowed
from dcgan_sweeps.config.flat import flatten, flatten_nested, walk
from dcgan_sweeps.config.parts import KINDS, Part, find_part
from dcgan_sweeps.config.schema import ADDED, Config

T = TypeVar("T")


def make_node(nested: Mapping[str, Any]) -> DictConfig:
    """Return a run's configuration as a node that checks types when a value is changed."""
    node: DictConfig = make_schema(make_empty(Config, choose_parts(nested)))
    node.merge_with(escape_values(nested))
    return node


def choose_parts(nested: Mapping[str, Any]) -> dict[str, Part]:
    """Return {group: part} of the parts that a configuration names; raises RequestError.

    A group without a name has the part of the versions that did not know the group.
    """
    parts, faults = {}, []
    for group in KINDS.keys() & nested.keys():
        named = nested[group]
        name = named.get("name") if isinstance(named, Mapping) else None
        name = ADDED.get(f"{group}.name") if name is None else name
        if name in (None, MISSING):
            faults.append(Fault(f"{group}.name", "has no value"))
            continue
        try:
            parts[group] = find_part(group, name)
        except RequestError as error:
            faults += error.faults
    require_none(faults)
    return parts


def make_empty(kind: type[T], parts: Mapping[str, Part]) -> T:
    """Return a configuration without values, with the schemas of these parts."""
    return kind(**{group: part.schema() for group, part in parts.items()})


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


def make_open_schema(kind: Any) -> DictConfig:
    """Return the node that Hydra composes into, whose open groups accept any key.

    Which keys they have is known only when a part is chosen; `freeze` checks them.
    """
    node = make_schema(kind)
    for group in KINDS.keys() & node.keys():
        # Assigned without OmegaConf's check, which accepts the group's own class only.
        node.__dict__["_content"][group] = DictConfig({}, parent=node, key=group)
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
    written: Any = OmegaConf.to_container(composed, resolve=False)
    kind = composed._metadata.object_type
    values = flatten_nested(written)
    parts = choose_parts(written)
    known = flatten(make_empty(kind, parts))
    # From +key=value, or from an experiment for another part.
    unknown = [key for key in values if key not in known]
    faults = [Fault(key, f"there is no such key{_name_part(key, written)}") for key in unknown]
    if "${" in str(written):
        faults += find_dangling(composed)
    if not faults:
        faults = [fault for item in parts.items() for fault in _set_part(composed, *item)]
    if not faults:
        missing = {key for key in known if values.get(key, MISSING) == MISSING}
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


def _name_part(key: str, written: Mapping[str, Any]) -> str:
    """Return " in model=NAME" for a key of an open group, else ""."""
    group = key.partition(".")[0]
    return f" in {group}={written[group]['name']}" if group in KINDS else ""


@functools.cache
def _make_part_schema(part: Part) -> DictConfig:
    return make_schema(part.schema)


def _set_part(composed: DictConfig, group: str, part: Part) -> list[Fault]:
    """Give a group the schema of its part, and return a fault for each value of a wrong type."""
    written: Any = OmegaConf.to_container(composed._get_node(group), resolve=False)
    node, faults = copy.deepcopy(_make_part_schema(part)), []
    leaves = {key: leaf for key, _, leaf in walk(part.schema())}
    for key, value in flatten_nested(written).items():
        try:
            OmegaConf.update(node, key, value)
        except (OmegaConfBaseException, OverflowError):  # OverflowError: an int beyond any float
            problem = f"got {value}; allowed: {describe_allowed(leaves[key])}"
            faults.append(Fault(f"{group}.{key}", problem))
    node._set_parent(composed)
    node._set_key(group)
    composed.__dict__["_content"][group] = node
    return faults


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
