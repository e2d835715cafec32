"""The keys of one configuration, Hydra's own among them, and what each may be.

keys = read_keys(Config)
keys.find_fault("optimizer.lr", 5)  # the Fault: got 5.0; allowed: a number, above 0, at most 1
keys.is_text("tracking.dir")        # True
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import Field, dataclass, is_dataclass
from typing import Any

from hydra.conf import HydraConf
from hydra.core.config_store import ConfigStore
from omegaconf import AnyNode, DictConfig, OmegaConf, StringNode
from omegaconf.errors import OmegaConfBaseException

from dcgan_sweeps.config import Fault, describe_allowed, make_schema, walk
from dcgan_sweeps.logged_config import find_renamed

STUDY_SCHEMA = "hydra/sweeper/study_schema.yaml"  # Hydra's plugins are loaded with Hydra
SWEEPER = "hydra.sweeper."


@dataclass(frozen=True)
class Keys:
    """The leaves that have a schema of ours, and a node in which any value can be tried."""

    leaves: Mapping[str, Field[Any]]
    node: DictConfig

    def is_known(self, key: str) -> bool:
        """Return whether there is such a key: a leaf, a group of leaves, or one of Hydra's that
        takes anything."""
        node: Any = self.node
        for name in key.split("."):
            if not isinstance(node, DictConfig) or not is_dataclass(node._metadata.object_type):
                return _is_open(node)
            if name not in node.keys():  # noqa: SIM118 - "in" leaves out what has no value yet
                return False
            node = node._get_node(name)
        return True

    def is_section(self, key: str) -> bool:
        """Return whether a key has keys of its own."""
        return isinstance(self._find(key), DictConfig)

    def is_text(self, key: str) -> bool:
        """Return whether a key is text, whatever is typed."""
        return isinstance(self._find(key), StringNode)

    def find_fault(self, key: str, value: Any, got: str | None = None) -> Fault | None:
        """Return the fault of a value, None where it is valid; `got` is how it was written."""
        if isinstance(value, str) and "${" in value:
            return None  # known only when the rest is
        if self._find(key) is None:
            return None  # below a key that takes anything
        written = show_value(value) if got is None else got
        leaf = self.leaves.get(key)
        try:
            OmegaConf.update(self.node, key, value, merge=True)
            read = OmegaConf.select(self.node, key)
        except (OmegaConfBaseException, OverflowError) as error:
            allowed = "" if leaf is None else f"allowed: {describe_allowed(leaf)}"
            return Fault(key, f"got {written}; {allowed or describe_error(error)}")
        if leaf is None or read is None or read in leaf.metadata.get("allowed", [read]):
            return None
        fault = Fault(key, f"got {show_value(read)}; allowed: {describe_allowed(leaf)}")
        return find_renamed(key, read) or fault

    def _find(self, key: str) -> Any:
        node: Any = self.node
        for name in key.split("."):
            if not isinstance(node, DictConfig) or name not in node.keys():  # noqa: SIM118
                return None
            node = node._get_node(name)
        return node


def read_keys(kind: type) -> Keys:
    """Return the keys of a schema, and those of Hydra and of a study."""
    node = make_schema(kind)
    leaves = {key: leaf for key, _, leaf in walk(kind())}
    # A node that has been merged is not read-only, as a frozen schema is.
    of_hydra: Any = OmegaConf.structured(HydraConf)
    if ConfigStore.instance().get_type(STUDY_SCHEMA).name == "CONFIG":
        schema = ConfigStore.instance().load(STUDY_SCHEMA).node
        of_hydra.sweeper = schema
        settings = schema._metadata.object_type
        leaves |= {SWEEPER + key: leaf for key, _, leaf in walk(settings())}
    OmegaConf.set_struct(node, False)
    node._set_item_impl("hydra", of_hydra)
    return Keys(leaves, node)


def _is_open(node: Any) -> bool:
    """Return whether anything may stand below a node."""
    if isinstance(node, DictConfig):
        return not is_dataclass(node._metadata.object_type)
    return isinstance(node, AnyNode)


def show_value(value: Any) -> str:
    """Return a value as it is written in an override."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def describe_error(error: BaseException) -> str:
    """Return the first line of an error of Hydra or OmegaConf, or of its cause where it is mute."""
    cause: BaseException | None = error
    while cause is not None:
        inner = cause.__cause__
        if isinstance(inner, OmegaConfBaseException) or not str(cause).strip():
            cause = inner
            continue
        if "integer string conversion" in str(cause):
            return "a whole number with too many digits"
        return str(cause).strip().partition("\n")[0]
    return type(error).__name__


def find_nearest(name: str, names: Iterable[str]) -> str:
    """Return "; did you mean X?" for a name that is like one of `names`, else nothing."""
    names = list(names)
    # First among the neighbours of a key whose group is there.
    group = name.rpartition(".")[0] + "."
    beside = [each.removeprefix(group) for each in names if each.startswith(group)]
    if beside:
        found = difflib.get_close_matches(name.removeprefix(group), beside, n=1, cutoff=0.6)
        return f"; did you mean {group}{found[0]}?" if found else ""
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    # A key given without its group: lr=1e-3.
    close = close or [each for each in names if each.split(".")[-1] == name]
    return f"; did you mean {close[0]}?" if close else ""
