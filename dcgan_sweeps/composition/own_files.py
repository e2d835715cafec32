"""Reads configuration files: the values in a user's own, with file and line, and the parts.

files = read_files(repository, "config", [[read_override("experiment=mine")]])
files.entries["optimizer.lr"].place  # "/home/me/own/experiment/mine.yaml, line 3"
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from hydra._internal.config_repository import CachingConfigRepository
from hydra._internal.defaults_list import create_defaults_list
from hydra.core.default_element import GroupDefault
from hydra.core.override_parser.types import Override
from hydra.plugins.config_source import ConfigResult, ConfigSource
from omegaconf import DictConfig
from omegaconf._utils import get_yaml_loader

from dcgan_sweeps.composition.keys import Keys, describe_error
from dcgan_sweeps.config.compose import find_conf_dir
from dcgan_sweeps.config.faults import Fault, refuse
from dcgan_sweeps.config.parts import KINDS
from dcgan_sweeps.files import read_text

LARGEST = 100_000  # bytes; YAML is parsed at about 100 kB a second
MOST_NODES = 10_000  # with aliases written out, which can multiply without end


@dataclass(frozen=True)
class Entry:
    """A leaf of a configuration file: its key, value, original text and place."""

    key: str
    value: Any
    text: str | None  # as written, if it is a scalar without quotes
    place: str


class _Reader(CachingConfigRepository):
    """A Hydra repository that checks a user's own files before Hydra reads them."""

    def __init__(self, delegate: Any):
        super().__init__(delegate)
        self.own: dict[str, tuple[Path, yaml.MappingNode | None]] = {}

    def load_config(self, config_path: str) -> ConfigResult | None:
        path = find_own_file(self.get_sources(), config_path)
        if path is None or config_path in self.own:
            return super().load_config(config_path)
        self.own[config_path] = path, parse_file(path)
        result = super().load_config(config_path)
        for each in (result and result.defaults_list) or ():
            if not isinstance(each, GroupDefault) or not each.is_options():
                continue
            # Hydra would use all of them without listing them in its choices.
            if len(each.get_options()) > 1 and "hydra/" not in f"{config_path} {each.group}":
                got = f"{', '.join(each.get_options())} for {each.group}"
                raise refuse(str(path), f"got {got}; allowed: one choice")
        return result


def is_own(source: ConfigSource) -> bool:
    """Return whether a configuration source is a folder that the user added."""
    return source.scheme() == "file" and Path(source.path).resolve() != find_conf_dir().resolve()


def find_own_file(sources: Sequence[ConfigSource], config_path: str) -> Path | None:
    """Return the user's own file from which Hydra reads a configuration, else None."""
    holding = next((each for each in sources if each.is_config(config_path)), None)
    if holding is None or not is_own(holding):
        return None
    return Path(holding.path) / f"{config_path.removesuffix('.yaml')}.yaml"


@dataclass(frozen=True)
class Files:
    """The contents of the files from which a request is composed.

    `entries` are the values in the user's own files, and `parts` is {group: name} of the parts of
    each configuration.
    """

    entries: dict[str, Entry]
    parts: list[dict[str, str]]


def read_files(repository: Any, config_name: str, choices: Sequence[Sequence[Override]]) -> Files:
    """Return the values and parts in the files of a request; the last value of a key counts.

    `choices` are the overrides of each configuration to be composed. Raises RequestError for a
    file that cannot be read, and Hydra's exceptions for its defaults list.
    """
    reader = _Reader(repository)
    entries: dict[str, Entry] = {}
    parts: list[dict[str, str]] = []
    for overrides in choices:
        names: dict[str, str] = {}
        listed = create_defaults_list(
            reader, config_name, list(overrides), prepend_hydra=True, skip_missing=True
        )
        for each in listed.defaults:
            package = each.package or ""
            if package in KINDS and each.config_path is not None:
                name = _read_name(reader.load_config(each.config_path))
                names |= {} if name is None else {package: name}
            if each.config_path is None or each.config_path not in reader.own:
                continue
            path, root = reader.own[each.config_path]
            if package.split(".")[0] in ("experiment", "search"):
                problem = (
                    f"its keys would be placed below {package}; start the file with"
                    " # @package _global_"
                )
                raise refuse(str(path), problem)
            if root is not None:
                pairs = [pair for pair in root.value if pair[0].value != "defaults"]
                found = _walk(path, pairs, f"{package}." if package else "")
                entries |= {entry.key: entry for entry in found}
        parts.append(names)
    return Files(entries, parts)


def _read_name(file: ConfigResult | None) -> str | None:
    """Return the name of the part that a file of an open group chooses."""
    if file is None or not isinstance(file.config, DictConfig):
        return None
    name: str | None = file.config.get("name")
    return name


def parse_file(path: Path) -> yaml.MappingNode | None:
    """Return the root node of a YAML file, None if it is empty; raises RequestError."""
    text = read_text(path, LARGEST)
    try:
        ConfigSource._get_header_dict(text[:512])
        loader = get_yaml_loader()(text)
        root = loader.get_single_node()
        if root is not None and _count_nodes(root, {}) > MOST_NODES:
            problem = f"has more than {MOST_NODES} values, or contains itself"
            raise refuse(str(path), problem)
        if root is not None:
            # Applies the << merges, and raises for a duplicate key.
            loader.construct_document(root)
    except (yaml.YAMLError, RecursionError, ValueError) as error:  # ValueError: too many digits
        mark = getattr(error, "problem_mark", None)
        line = "" if mark is None else f"line {mark.line + 1}: "
        reason = getattr(error, "problem", None) or describe_error(error)
        raise refuse(str(path), f"{line}cannot be read as YAML: {reason}") from error
    if root is not None and not isinstance(root, yaml.MappingNode):
        raise refuse(str(path), "is not a mapping; allowed: keys with their values")
    return root


def _count_nodes(node: yaml.Node, counts: dict[int, int]) -> int:
    """Return the number of nodes with every alias written out."""
    if id(node) not in counts:
        counts[id(node)] = MOST_NODES + 1  # counts for a node that contains itself
        inner = node.value if isinstance(node, yaml.CollectionNode) else []
        if isinstance(node, yaml.MappingNode):
            inner = [each for pair in inner for each in pair]
        counts[id(node)] = 1 + sum(_count_nodes(each, counts) for each in inner)
    return counts[id(node)]


def _walk(path: Path, pairs: Sequence[Any], prefix: str) -> Iterator[Entry]:
    for key, node in pairs:
        name = f"{prefix}{key.value}"
        if isinstance(node, yaml.MappingNode) and node.value and "." not in key.value:
            yield from _walk(path, node.value, f"{name}.")
            continue
        # Only the search space and its conditions have keys with dots.
        if "." in key.value and not prefix.startswith("hydra."):
            name = f"{prefix}'{key.value}'"
        value = get_yaml_loader()("").construct_document(node)
        text = node.value if isinstance(node, yaml.ScalarNode) and node.style is None else None
        yield Entry(name, value, text, f"{path}, line {key.start_mark.line + 1}")


def find_entry_fault(entry: Entry, keys: Keys) -> Fault | None:
    """Return the fault of a value in a file, None if it is valid."""
    place = f" in {entry.place}"
    if "'" in entry.key:
        return Fault(entry.key, f"there is no such key{place}; write it as nested keys")
    if entry.value == "???":
        return Fault(entry.key, f"has no value{place}")
    is_number = isinstance(entry.value, (bool, int, float))
    if keys.is_text(entry.key) and is_number and entry.text not in (None, str(entry.value)):
        # 2024_11 would become 202411.
        problem = f"got {entry.text}{place}, which YAML reads as {entry.value}; quote it"
        return Fault(entry.key, problem)
    return keys.find_fault(entry.key, entry.value, entry.text, place)


def place_faults(faults: Sequence[Fault], entries: dict[str, Entry]) -> list[Fault]:
    """Return the faults of a composed configuration, with file and line of a file's values."""
    placed = []
    for fault in faults:
        entry = entries.get(fault.key)
        if entry is not None and " in " not in fault.problem:
            got, semicolon, allowed = fault.problem.partition(";")
            fault = Fault(fault.key, f"{got} in {entry.place}{semicolon}{allowed}")
        placed.append(fault)
    return placed
