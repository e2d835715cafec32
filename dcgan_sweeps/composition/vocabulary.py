"""The vocabulary of a request: the keys, the groups with their choices, the search path.

vocabulary = read_vocabulary("config", Config, words, loader, is_sweep=False)
vocabulary.list_options("optimizer")  # ["adam"]
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from hydra.errors import HydraException
from hydra.plugins.config_source import ConfigSource
from hydra.types import RunMode

from dcgan_sweeps.composition.grammar import (
    LONGEST_WORD,
    Unreadable,
    find_key,
    keep_text,
    read_override,
)
from dcgan_sweeps.composition.keys import Keys, describe_error, read_keys
from dcgan_sweeps.composition.own_files import (
    read_own_files,
)
from dcgan_sweeps.config import (
    Fault,
    RequestError,
    find_conf_dir,
    register_schemas,
)


@dataclass(frozen=True)
class Vocabulary:
    """The keys and groups that overrides may name, and the search path on which they are found."""

    config_name: str
    kind: type
    keys: Keys
    loader: Any
    sources: tuple[ConfigSource, ...]
    groups: frozenset[str]
    is_sweep: bool

    def is_group(self, key: str) -> bool:
        """Return whether a key names a group of configurations: optimizer, hydra/launcher."""
        if "/" in key:
            return any(source.is_group(key) for source in self.sources)
        return key in self.groups

    def list_options(self, group: str) -> list[str]:
        """Return the choices of a group."""
        found = {
            option
            for source in self.sources
            if source.is_group(group)
            for option in source.list(group, results_filter=ObjectType.CONFIG)
        }
        return sorted(each for each in found if not each.endswith("_schema"))

    def lists(self, group: str) -> bool:
        """Return whether the primary configuration chooses from a group, which costs 0.1 s."""
        listed = self.loader.compute_defaults_list(self.config_name, [], RunMode.MULTIRUN)
        return group in listed.overrides.known_choices

    def has_config(self, path: str) -> bool:
        """Return whether there is a configuration such as experiment/quick."""
        return any(source.is_config(path) for source in self.sources)


@contextlib.contextmanager
def open_loader() -> Iterator[Any]:
    """Give Hydra's config loader: that of the command that is running, or one over conf/ alone."""
    if GlobalHydra.instance().is_initialized():
        yield GlobalHydra.instance().config_loader()
    else:
        with initialize_config_dir(str(find_conf_dir()), version_base="1.3"):
            yield GlobalHydra.instance().config_loader()


def read_vocabulary(
    config_name: str, kind: type, words: Sequence[str], loader: Any, *, is_sweep: bool
) -> Vocabulary:
    """Return the vocabulary of a request; raises RequestError for a search path that is wrong."""
    register_schemas()
    keys = read_keys(kind)
    # Hydra reads the primary configuration for its search path, before anybody has looked at it.
    primary = read_own_files(loader.get_sources(), [config_name], find_conf_dir(), keys)
    broken = [fault for fault in primary.faults if fault.key.endswith(".yaml")]
    if broken:
        raise RequestError(broken)
    of_path = [word for word in words if find_key(word) == "hydra.searchpath"]
    try:
        overrides = [read_override(word) for word in of_path]
        with warnings.catch_warnings():
            # A folder that is not there is refused, see find_missing_folders.
            warnings.filterwarnings("ignore", "provider=.* is not available", UserWarning)
            _, repository = loader._parse_overrides_and_create_caching_repo(config_name, [])
            if overrides:
                loader._process_config_searchpath(config_name, overrides, repository)
    except (Unreadable, HydraException, ValueError) as error:
        got = show_got(of_path[-1]) if of_path else "a list in the primary configuration"
        problem = f"got {got}; {describe_error(error)}"
        raise RequestError([Fault("hydra.searchpath", problem)]) from error
    sources = tuple(repository.get_sources())
    groups = {
        group
        for source in sources
        if source.available()
        for group in source.list("", results_filter=ObjectType.GROUP)
    }
    known = frozenset(groups - {"hydra"})
    return Vocabulary(config_name, kind, keys, loader, sources, known, is_sweep)


def keep_texts(words: Sequence[str], vocabulary: Vocabulary) -> list[str]:
    """Return overrides in which every text stays what was typed: the value of a text key, or the
    choice of a group, is no number and no truth value."""
    return [keep_text(word) if _is_text(word, vocabulary) else word for word in words]


def _is_text(word: str, vocabulary: Vocabulary) -> bool:
    if word.startswith("~") or len(word) > LONGEST_WORD:
        return False  # names no value, or is refused for its length
    key = find_key(word)
    return vocabulary.keys.is_text(key) or vocabulary.is_group(key)


def find_missing_folders(vocabulary: Vocabulary) -> list[Fault]:
    """Return a fault for each folder of the search path that is not there."""
    options = {"command-line": "--config-dir", "main": "--config-path"}
    return [
        Fault(
            options.get(source.provider, "hydra.searchpath"),
            f"got {source.path or Path.cwd()}; there is no such folder",
        )
        for source in vocabulary.sources
        if source.scheme() in ("file", "pkg") and not source.available()
    ]


def show_got(word: str) -> str:
    value = word.partition("=")[2]
    is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if is_quoted else value
