"""The keys of a configuration, including Hydra's own, and the values that each allows.

keys = read_keys("config", ["optimizer"], [{"model": "dcgan28"}])
keys.find_fault("optimizer.lr", 5)  # the Fault: got 5.0; allowed: a number, above 0, at most 1
keys.is_text("tracking.dir")        # True
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import Field, dataclass, fields, is_dataclass
from typing import Any

from hydra.conf import HydraConf
from hydra.core.config_store import ConfigStore
from omegaconf import AnyNode, DictConfig, OmegaConf, StringNode
from omegaconf.errors import OmegaConfBaseException

from dcgan_sweeps.config.compose import SCHEMAS, find_conf_dir
from dcgan_sweeps.config.faults import Fault
from dcgan_sweeps.config.fields import describe_allowed
from dcgan_sweeps.config.flat import flatten_nested, walk
from dcgan_sweeps.config.nodes import make_empty, make_schema
from dcgan_sweeps.config.parts import BUILT_IN, KINDS, Part, find_part, list_names
from dcgan_sweeps.logged_config import find_renamed

STUDY_SCHEMA = "hydra/sweeper/study_schema.yaml"  # registered when Hydra loads its plugins
SWEEPER = "hydra.sweeper."
OF_HYDRA = ("hydra.runtime.", "hydra.overrides.", "hydra.job.num", "hydra.job.id")


@dataclass(frozen=True)
class Keys:
    """All keys of a configuration.

    `leaves` are the fields of our schemas, `node` is used to try values, `names` are all keys and
    groups, and `folders` are Hydra's output folders as conf/ sets them. `others` are the keys with
    the other parts that a sweep chooses from; a key has to be known with one of them.
    """

    leaves: Mapping[str, Field[Any]]
    node: DictConfig
    names: Sequence[str]
    folders: Mapping[str, Any]
    others: tuple[Keys, ...] = ()

    def is_known(self, key: str) -> bool:
        """Return whether a key exists: a leaf, a node of leaves, or below a key of Hydra that
        accepts anything."""
        return self._knows(key) or any(each._knows(key) for each in self.others)

    def _knows(self, key: str) -> bool:
        node: Any = self.node
        for name in key.split("."):
            if not isinstance(node, DictConfig):
                return isinstance(node, AnyNode)
            if not is_dataclass(node._metadata.object_type):
                return True
            if name not in node.keys():  # noqa: SIM118 - "in" omits missing values
                return False
            node = node._get_node(name)
        return True

    def is_text(self, key: str) -> bool:
        """Return whether the value of a key is always text."""
        return any(isinstance(each._find(key), StringNode) for each in (self, *self.others))

    def find_fault(
        self, key: str, value: Any, got: str | None = None, place: str = ""
    ) -> Fault | None:
        """Return the fault of a value, None if it is valid.

        In the message `got` is the value as it was written, and `place` follows it.
        """
        written = f"got {show_value(value) if got is None else got}{place}"
        if not self.is_known(key):
            renamed = find_renamed(key)
            if renamed is not None:
                return Fault(renamed.key, f"{renamed.problem}{place}")
            return Fault(key, f"there is no such key{place}{find_nearest(key, self.names)}")
        if key.startswith(OF_HYDRA):
            return Fault(key, f"{written}; only Hydra sets this key")
        if key in self.folders and value != self.folders[key]:
            allowed = "allowed: tracking.dir=FOLDER, which decides where runs are written"
            return Fault(key, f"{written}; {allowed}")
        group, _, name = key.partition(".")
        if group in KINDS and name == "name":
            if value in list_names(group):
                return None
            fault = Fault(key, f"{written}; allowed: {', '.join(list_names(group))}")
            return find_renamed(key, value) or fault
        found = [
            each._find_value_fault(key, value, written, place) for each in (self, *self.others)
        ]
        return next(filter(None, found), None)

    def _find_value_fault(self, key: str, value: Any, written: str, place: str) -> Fault | None:
        node = self._find(key)
        if node is None or (isinstance(value, str) and "${" in value):
            return None  # below a key that accepts anything, or resolved only when composed
        if isinstance(node, DictConfig) and is_dataclass(node._metadata.object_type):
            if not isinstance(value, dict):
                return Fault(key, f"{written}; allowed: keys below it, such as {key}.KEY")
            inner = (self.find_fault(f"{key}.{k}", v, place=place) for k, v in value.items())
            return next(filter(None, inner), None)
        leaf = self.leaves.get(key)
        try:
            OmegaConf.update(self.node, key, value, merge=True)
            read = OmegaConf.select(self.node, key)
        except (OmegaConfBaseException, OverflowError) as error:
            allowed = "" if leaf is None else f"allowed: {describe_allowed(leaf)}"
            return Fault(key, f"{written}; {allowed or describe_error(error)}")
        if leaf is None or read is None or read in leaf.metadata.get("allowed", [read]):
            return None
        fault = Fault(key, f"got {show_value(read)}{place}; allowed: {describe_allowed(leaf)}")
        return find_renamed(key, read) or fault

    def _find(self, key: str) -> Any:
        node: Any = self.node
        for name in key.split("."):
            if not isinstance(node, DictConfig) or name not in node.keys():  # noqa: SIM118
                return None
            node = node._get_node(name)
        return node


def read_keys(
    config_name: str, groups: Iterable[str], choices: Sequence[Mapping[str, str]] = ({},)
) -> Keys:
    """Return the keys of a configuration in SCHEMAS, of Hydra, and of a study.

    `choices` are the parts, as {group: name}, of each configuration that a sweep composes; a group
    that is left out has its first built-in part. Raises RequestError for a part that there is not.
    """
    opened = KINDS.keys() & {each.name for each in fields(SCHEMAS[config_name][1])}
    first_names = {group: next(iter(BUILT_IN[group])) for group in opened}
    found = []
    for choice in choices:
        parts = {group: find_part(group, name) for group, name in {**first_names, **choice}.items()}
        found.append(_read_keys(config_name, groups, parts))
    first, *others = found
    names = dict.fromkeys(name for each in (first, *others) for name in each.names)
    return dataclasses.replace(first, names=(*names,), others=tuple(others))


def _read_keys(config_name: str, groups: Iterable[str], parts: Mapping[str, Part]) -> Keys:
    empty: Any = make_empty(SCHEMAS[config_name][1], parts)
    node = make_schema(empty)
    leaves = {key: leaf for key, _, leaf in walk(empty)}
    # Unlike a frozen schema, this node is not read-only.
    of_hydra: Any = OmegaConf.structured(HydraConf)
    if ConfigStore.instance().get_type(STUDY_SCHEMA).name == "CONFIG":
        schema = ConfigStore.instance().load(STUDY_SCHEMA).node
        of_hydra.sweeper = schema
        settings = schema._metadata.object_type
        leaves |= {SWEEPER + key: leaf for key, _, leaf in walk(settings())}
    OmegaConf.set_struct(node, False)
    node._set_item_impl("hydra", of_hydra)
    conf: Any = OmegaConf.to_container(OmegaConf.load(find_conf_dir() / f"{config_name}.yaml"))
    folders = flatten_nested({"hydra": conf["hydra"]})
    return Keys(leaves, node, (*leaves, *groups), folders)


def show_value(value: Any) -> str:
    """Return a value in the notation of overrides."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def describe_error(error: BaseException) -> str:
    """Return the first line of an error of Hydra or OmegaConf, or of its cause if it has no text.

    If that line ends with a colon, the next line is included.
    """
    cause: BaseException | None = error
    while cause is not None:
        inner = cause.__cause__
        if isinstance(inner, OmegaConfBaseException) or not str(cause).strip():
            cause = inner
            continue
        if "integer string conversion" in str(cause):
            return "a whole number with too many digits"
        if "is not in struct" in str(cause):
            return "there is no such key"
        first, *others = str(cause).strip().split("\n")
        return f"{first} {others[0].strip()}" if first.endswith(":") and others else first
    return type(error).__name__


def find_nearest(name: str, names: Iterable[str]) -> str:
    """Return "; did you mean X?" with the most similar of `names`, "" if none is similar."""
    names = list(names)
    # First a key without its group, as in lr=1e-3.
    found = [each for each in names if each.rpartition(".")[2] == name]
    found = found or difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"; did you mean {found[0]}?" if found else ""
