"""A user's own configuration files: what they set, and every fault in them, by file and line.

own = read_own_files(sources, ["experiment/mine"], find_conf_dir(), read_keys(Config))
own.faults                     # empty where Hydra can compose with them
own.entries["optimizer.lr"]    # Entry: the file, the line, the value
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from hydra.core.object_type import ObjectType
from hydra.errors import HydraException
from hydra.plugins.config_source import ConfigSource
from omegaconf._utils import get_yaml_loader

from dcgan_sweeps.composition.keys import Keys, describe_error, find_nearest, show_value
from dcgan_sweeps.config import Fault
from dcgan_sweeps.logged_config import find_renamed

LARGEST = 100_000  # bytes; YAML is read at some 100 kB a second
MOST_NODES = 10_000  # an alias stands for all it names, over and over
GLOBAL = "_global_"


@dataclass(frozen=True)
class Entry:
    """One leaf of a file: where it stands, its value, and how it was written."""

    key: str
    value: Any
    text: str | None  # of a scalar without quotes
    file: str
    line: int

    @property
    def place(self) -> str:
        return f"{self.file}, line {self.line}"


@dataclass(frozen=True)
class OwnFiles:
    """The values that a user's own files set, the last one for each key, and their faults."""

    entries: Mapping[str, Entry] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True)
class _File:
    """A file of a user's own, as its defaults list names it."""

    path: Path
    group: str
    package: str  # that it has where it names none itself


class Broken(Exception):
    """A file, or a part of it, that cannot be used; carries the faults."""

    def __init__(self, *faults: Fault):
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


def is_own(source: ConfigSource, conf: Path) -> bool:
    """Return whether a source of configurations is a folder that the user named."""
    return source.scheme() == "file" and Path(source.path).resolve() != conf.resolve()


def read_own_files(
    sources: Sequence[ConfigSource], chosen: Sequence[str], conf: Path, keys: Keys
) -> OwnFiles:
    """Return the values that chosen configurations, such as "experiment/mine", set in the user's
    own files, including the files that their defaults lists choose."""
    entries: dict[str, Entry] = {}
    faults: list[Fault] = []
    waiting = [(path, _package_of(path)) for path in chosen]
    seen: set[str] = set()
    while waiting:
        config_path, package = waiting.pop(0)
        if config_path in seen or not any(is_own(source, conf) for source in sources):
            continue
        seen.add(config_path)
        holding = [source for source in sources if source.is_config(config_path)]
        if not holding or not is_own(holding[0], conf):
            continue
        name = config_path if config_path.endswith(".yaml") else f"{config_path}.yaml"
        file = _File(Path(holding[0].path) / name, config_path.rpartition("/")[0], package)
        try:
            root, header = _parse(file.path)
            found, more = _read_mapping(file, root, header, sources)
            faults += [fault for entry in found for fault in _find_faults(entry, keys)]
            entries |= {entry.key: entry for entry in found}
            waiting += more
        except Broken as broken:
            faults += broken.faults
    return OwnFiles(entries, tuple(faults))


def find_shadowed(
    sources: Sequence[ConfigSource], chosen: Sequence[str], conf: Path
) -> list[Fault]:
    """Return a fault for each chosen configuration that a user's folder has, and that is read from
    elsewhere: Hydra takes the first of its search path."""
    faults = []
    for config_path in chosen:
        holding = [source for source in sources if source.is_config(config_path)]
        for hidden in holding[1:]:
            if is_own(hidden, conf):
                file = Path(hidden.path) / f"{config_path}.yaml"
                problem = f"is not read: {holding[0].path} has the same name; give it another"
                faults.append(Fault(str(file), problem))
    return faults


def _package_of(config_path: str) -> str:
    return config_path.rpartition("/")[0].replace("/", ".")


def _parse(path: Path) -> tuple[yaml.MappingNode | None, str | None]:
    """Return the root of a file, None where it holds comments alone, and the package that its
    header names; raises Broken."""
    text = _read_text(path)
    if not text.strip():
        raise Broken(Fault(str(path), "is empty"))
    try:
        header = ConfigSource._get_header_dict(text[:512]).get("package")
        loader = get_yaml_loader()(text)
        root = loader.get_single_node()
        if root is not None:
            _count_nodes(path, root)
            # Puts the keys that << merges in their place, and refuses a key that comes twice.
            loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        line = "" if error.problem_mark is None else f"line {error.problem_mark.line + 1}: "
        raise Broken(Fault(str(path), f"{line}cannot be read as YAML: {error.problem}")) from error
    except yaml.YAMLError as error:
        raise Broken(Fault(str(path), f"cannot be read as YAML: {error}")) from error
    except RecursionError as error:
        raise Broken(Fault(str(path), "is nested too deep")) from error
    except (ValueError, HydraException) as error:  # too many digits; a header that is none
        raise Broken(Fault(str(path), f"cannot be read: {describe_error(error)}")) from error
    if root is not None and not isinstance(root, yaml.MappingNode):
        kind = "a list" if isinstance(root, yaml.SequenceNode) else "one value"
        raise Broken(Fault(str(path), f"holds {kind}; allowed: keys with their values"))
    return root, header


def _read_text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            problem = f"has {path.stat().st_size} bytes; allowed: at most {LARGEST}"
            raise Broken(Fault(str(path), problem))
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise Broken(Fault(str(path), f"cannot be read: {error.strerror}")) from error
    except UnicodeDecodeError as error:
        raise Broken(Fault(str(path), "is not text in UTF-8")) from error


def _count_nodes(path: Path, root: yaml.Node) -> int:
    """Return how many nodes there are with every alias written out; raises Broken where they are
    too many, or one contains itself."""
    counts: dict[int, int] = {}

    def count(node: yaml.Node) -> int:
        if id(node) not in counts:
            counts[id(node)] = MOST_NODES + 1  # until it is known: where it contains itself
            inner = _list_children(node)
            counts[id(node)] = 1 + sum(map(count, inner))
        return counts[id(node)]

    total = count(root)
    if total > MOST_NODES:
        raise Broken(Fault(str(path), f"holds more than {MOST_NODES} values, or itself"))
    return total


def _list_children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [each for pair in node.value for each in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _read_mapping(
    file: _File, root: yaml.MappingNode | None, header: str | None, sources: Sequence[ConfigSource]
) -> tuple[list[Entry], list[tuple[str, str]]]:
    """Return the leaves of a file and the configurations that its defaults list chooses, each with
    its package; raises Broken."""
    if header is None and file.group.partition("/")[0] in ("experiment", "search"):
        problem = f"its keys would go below {file.group}; begin it with # @package {GLOBAL}"
        raise Broken(Fault(str(file.path), problem))
    if root is None:
        return [], []
    package = file.package if header in (None, "_group_") else header or ""
    package = "" if package == GLOBAL else package
    nodes = {key.value: (key, node) for key, node in root.value}
    _, defaults = nodes.pop("defaults", (None, None))
    more = [] if defaults is None else _read_defaults(file, defaults, package, sources)
    prefix = f"{package}." if package else ""
    return list(_walk(file, list(nodes.values()), prefix)), more


def _walk(
    file: _File, pairs: Sequence[tuple[yaml.Node, yaml.Node]], prefix: str
) -> Iterator[Entry]:
    for key, node in pairs:
        name = f"{prefix}{key.value}"
        if isinstance(node, yaml.MappingNode) and node.value and "." not in key.value:
            yield from _walk(file, node.value, name + ".")
        else:
            is_plain = isinstance(node, yaml.ScalarNode) and node.style is None
            text = node.value if is_plain else None
            # A key with a dot in it is none of ours, whatever it looks like.
            name = f"{prefix}'{key.value}'" if _is_dotted(prefix, key.value) else name
            yield Entry(name, _construct(node), text, str(file.path), key.start_mark.line + 1)


def _is_dotted(prefix: str, name: str) -> bool:
    # The search space and its conditions are named by dotted keys.
    return "." in name and not prefix.startswith(("hydra.sweeper.", "hydra.job.", "hydra.launcher"))


def _construct(node: yaml.Node) -> Any:
    return get_yaml_loader()("").construct_document(node)


def _read_defaults(
    file: _File, node: yaml.Node, package: str, sources: Sequence[ConfigSource]
) -> list[tuple[str, str]]:
    """Return the configurations that a defaults list chooses; raises Broken."""
    line = f"{file.path}, line {node.start_mark.line + 1}"
    listed = _construct(node)
    if not isinstance(listed, list):
        problem = f"got {show_value(listed)} in {line}; allowed: a list such as [fcd, _self_]"
        raise Broken(Fault("defaults", problem))
    chosen: list[tuple[str, str]] = []
    faults: list[Fault] = []
    for entry, each in zip(listed, node.value, strict=True):
        place = f"{file.path}, line {each.start_mark.line + 1}"
        try:
            chosen += _read_choice(file, entry, place, package, sources)
        except Broken as broken:
            faults += broken.faults
    if faults:
        raise Broken(*faults)
    return chosen


def _read_choice(
    file: _File, entry: Any, place: str, package: str, sources: Sequence[ConfigSource]
) -> list[tuple[str, str]]:
    """Return the configurations that one entry of a defaults list chooses; raises Broken."""
    if entry == "_self_":
        return []
    words, choice = ("", entry) if isinstance(entry, str) else (None, None)
    if isinstance(entry, dict) and len(entry) == 1:
        words, choice = next(iter(entry.items()))
    if not isinstance(words, str):
        problem = f"got {show_value(entry)} in {place}; allowed: a name, or group: name"
        raise Broken(Fault("defaults", problem))
    *modes, named = words.split() or [""]
    group, at, _ = named.partition("@")
    choices = choice if isinstance(choice, list) else [choice]
    if len(choices) > 1 and not _find_group(file, group).startswith("hydra"):
        problem = f"got {show_value(choice)} in {place}; allowed: one choice"
        raise Broken(Fault(f"defaults of {_find_group(file, group)}", problem))
    if choice is None or at or any("${" in str(each) for each in choices):
        return []  # chooses nothing, or what is known only once all is composed
    found = []
    for each in map(str, choices):
        folder = group if named else each.rpartition("/")[0] or "/" * each.startswith("/")
        where = _find_group(file, folder)
        name = each if named else each.rpartition("/")[2]
        path = f"{where}/{name}".lstrip("/")
        if not any(source.is_config(path) for source in sources) and "optional" not in modes:
            options = _list_options(sources, where)
            allowed = ", ".join(options) or f"none, there is no group {where}"
            problem = f"got {each} in {place}; allowed: {allowed}{find_nearest(name, options)}"
            renamed = find_renamed(where, each)
            if renamed is not None:
                raise Broken(Fault(renamed.key, f"{renamed.problem} in {place}"))
            raise Broken(Fault(f"defaults of {where}" if where else "defaults", problem))
        found.append((path, _find_package(file, folder, where, package)))
    return found


def _find_package(file: _File, folder: str, where: str, package: str) -> str:
    """Return where the keys of a choice go: below those of its file, or where its path says."""
    if folder.startswith("/"):
        return where.replace("/", ".")
    inner = where.removeprefix(file.group).strip("/").replace("/", ".")
    return ".".join(filter(None, (package, inner)))


def _find_group(file: _File, group: str) -> str:
    """Return the folder of a choice in a defaults list, from the search path's root."""
    if group.startswith("/"):
        return group.strip("/")
    return "/".join(filter(None, (file.group, group)))


def _list_options(sources: Sequence[ConfigSource], group: str) -> list[str]:
    options: set[str] = set()
    for source in sources:
        if source.is_group(group):
            options |= set(source.list(group, results_filter=ObjectType.CONFIG))
    return sorted(options)


def _find_faults(entry: Entry, keys: Keys) -> list[Fault]:
    """Return the faults of one leaf of a file."""
    if "'" in entry.key:
        problem = f"there is no such key in {entry.place}; nest it, a line for each name"
        return [Fault(entry.key, problem)]
    if not keys.is_known(entry.key):
        nearest = find_nearest(entry.key, keys.leaves)
        renamed = find_renamed(entry.key)
        unknown = Fault(entry.key, f"there is no such key in {entry.place}{nearest}")
        return [unknown if renamed is None else place_fault(renamed, entry)]
    if entry.value == "???":
        return [Fault(entry.key, f"has no value in {entry.place}")]
    if keys.is_section(entry.key):
        if isinstance(entry.value, dict):
            return []
        problem = f"got {show_value(entry.value)} in {entry.place}; allowed: keys with their values"
        return [Fault(entry.key, problem)]
    if keys.is_text(entry.key) and _is_changed(entry):
        problem = f"got {entry.text} in {entry.place}, which YAML reads as {entry.value}; quote it"
        return [Fault(entry.key, problem)]
    fault = keys.find_fault(entry.key, entry.value, entry.text)
    return [] if fault is None else [place_fault(fault, entry)]


def _is_changed(entry: Entry) -> bool:
    """Return whether a text without quotes would become another one: 2024_11 becomes 202411."""
    is_number = isinstance(entry.value, (bool, int, float))
    return entry.text is not None and is_number and str(entry.value) != entry.text


def place_fault(fault: Fault, entry: Entry) -> Fault:
    """Return a fault that says in which file and line its value stands."""
    got, semicolon, allowed = fault.problem.partition(";")
    return Fault(fault.key, f"{got} in {entry.place}{semicolon}{allowed}")
