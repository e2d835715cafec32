"""Reads the vocabulary of a request: its keys, its groups with their choices, the search path.

vocabulary = read_vocabulary("config", "config", words, loader, is_sweep=False)
vocabulary.list_options("optimizer")  # ["adam"]
"""

from __future__ import annotations

import contextlib
import dataclasses
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from hydra.errors import HydraException

from dcgan_sweeps.composition.grammar import Unreadable, find_key, read_override, show_got
from dcgan_sweeps.composition.keys import Keys, describe_error, read_keys
from dcgan_sweeps.composition.own_files import find_own_file, parse_file
from dcgan_sweeps.config.compose import find_conf_dir, register_schemas
from dcgan_sweeps.config.faults import Fault, RequestError, refuse


@dataclass(frozen=True)
class Vocabulary:
    """The keys and groups that overrides may use, and the search path where they are found.

    `shipped` is the name in SCHEMAS of the schema of the primary configuration `config_name`.
    """

    config_name: str
    shipped: str
    keys: Keys
    loader: Any
    repository: Any
    groups: frozenset[str]
    is_sweep: bool

    def is_group(self, key: str) -> bool:
        """Return whether a key is a config group, such as optimizer or hydra/launcher."""
        return bool(self.repository.group_exists(key)) if "/" in key else key in self.groups

    def with_parts(self, choices: Sequence[Mapping[str, str]]) -> Vocabulary:
        """Return the vocabulary with the keys of the parts that are chosen, {group: name} each.

        Raises RequestError for a part that there is not.
        """
        keys = read_keys(self.shipped, self.groups, choices)
        return dataclasses.replace(self, keys=keys)

    def list_options(self, group: str) -> list[str]:
        """Return the choices of a config group."""
        options = self.repository.get_group_options(group, ObjectType.CONFIG)
        return [each for each in options if not each.endswith("_schema")]


@contextlib.contextmanager
def open_loader() -> Iterator[Any]:
    """Yield Hydra's config loader: that of the running command, or one that searches conf/."""
    if GlobalHydra.instance().is_initialized():
        yield GlobalHydra.instance().config_loader()
    else:
        with initialize_config_dir(str(find_conf_dir()), version_base="1.3"):
            yield GlobalHydra.instance().config_loader()


def read_vocabulary(
    config_name: str, shipped: str, words: Sequence[str], loader: Any, *, is_sweep: bool
) -> Vocabulary:
    """Return the vocabulary of a request; raises RequestError for a wrong search path."""
    register_schemas()
    # Checked first, because Hydra reads the search path from the primary configuration.
    primary = find_own_file(loader.get_sources(), config_name)
    if primary is not None:
        parse_file(primary)
    of_path = [word for word in words if find_key(word) == "hydra.searchpath"]
    try:
        overrides = [read_override(word) for word in of_path]
        with warnings.catch_warnings():
            # A missing folder is refused below.
            warnings.filterwarnings("ignore", "provider=.* is not available", UserWarning)
            _, repository = loader._parse_overrides_and_create_caching_repo(config_name, [])
            if overrides:
                loader._process_config_searchpath(config_name, overrides, repository)
    except (Unreadable, HydraException, ValueError) as error:
        got = show_got(of_path[-1]) if of_path else "a list in the primary configuration"
        problem = f"got {got}; {describe_error(error)}"
        raise refuse("hydra.searchpath", problem) from error
    _require_folders(repository.get_sources())
    groups = frozenset(repository.get_group_options("", ObjectType.GROUP)) - {"hydra"}
    keys = read_keys(shipped, groups)
    return Vocabulary(config_name, shipped, keys, loader, repository, groups, is_sweep)


def _require_folders(sources: Sequence[Any]) -> None:
    """Raise RequestError with a fault for each missing folder of the search path."""
    options = {"command-line": "--config-dir", "main": "--config-path"}
    faults = [
        Fault(
            options.get(source.provider, "hydra.searchpath"),
            f"got {source.path or Path.cwd()}; there is no such folder",
        )
        for source in sources
        if source.scheme() in ("file", "pkg") and not source.available()
    ]
    if faults:
        raise RequestError(faults)
