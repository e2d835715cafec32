"""Reads, checks and composes a Hydra command line.

asked = read_arguments(sys.argv[1:])
with open_hydra(asked) as app:
    line = read_line(asked, "config", app.config_loader)
    mode, composed = compose_line(asked, line)  # RunMode.RUN or RunMode.MULTIRUN
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path, get_args_parser
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, open_dict
from omegaconf.errors import OmegaConfBaseException

from dcgan_sweeps.composition.faults import (
    MOST_TRIED,
    MOST_WORDS,
    explain,
    find_composed_faults,
    find_word_faults,
)
from dcgan_sweeps.composition.grammar import (
    LONGEST_WORD,
    Unreadable,
    find_key,
    keep_text,
    list_values,
    quote,
    read_override,
)
from dcgan_sweeps.composition.own_files import (
    Entry,
    Files,
    find_entry_fault,
    place_faults,
    read_files,
)
from dcgan_sweeps.composition.vocabulary import Vocabulary, open_loader, read_vocabulary
from dcgan_sweeps.config.compose import find_conf_dir
from dcgan_sweeps.config.faults import Fault, RequestError, refuse, require_none
from dcgan_sweeps.config.nodes import freeze
from dcgan_sweeps.files import read_text
from dcgan_sweeps.paths import resolve_places

LARGEST_FILE = 10_000_000  # bytes of a file of overrides


@dataclass(frozen=True)
class CommandLine:
    """A command line: primary configuration, overrides, vocabulary, and values of own files.

    `entries` are the values that the user's own configuration files set.
    """

    config_name: str
    words: tuple[str, ...]
    vocabulary: Vocabulary
    entries: dict[str, Entry]


def expand_files(words: list[str]) -> None:
    """Replace every @FILE argument of a command line by the lines of the file, in place.

    Raises RequestError for a file that cannot be read.
    """
    for index in reversed(range(1, len(words))):
        if words[index].startswith("@"):
            path = Path(os.path.expanduser(words[index][1:]))  # noqa: PTH111 - Path.expanduser raises
            text = read_text(path, LARGEST_FILE, words[index])
            lines = [line.strip() for line in text.splitlines()]
            words[index : index + 1] = [line for line in lines if line and line[0] != "#"]


def read_arguments(words: Sequence[str]) -> argparse.Namespace:
    """Return Hydra's options and the overrides, given in any order; raises RequestError."""
    parser = get_args_parser()
    parser.exit_on_error = False
    try:
        asked, unknown = parser.parse_known_intermixed_args(list(words))
    except argparse.ArgumentError as error:
        raise refuse(error.argument_name or "request", error.message) from error
    faults = [Fault(word, "there is no such option; --hydra-help lists them") for word in unknown]
    if asked.experimental_rerun is not None:
        problem = "is not supported, because loading a pickle runs code; use dcgan_sweeps.reproduce"
        faults.append(Fault("--experimental-rerun", problem))
    modes = {
        "--run": asked.run,
        "--multirun": asked.multirun,
        "--cfg": asked.cfg is not None,
        "--info": asked.info is not None,
        "--shell-completion": asked.shell_completion,
    }
    given = [name for name, is_given in modes.items() if is_given]
    if len(given) > 1:
        faults.append(Fault(" ".join(given), "got several; allowed: one of them"))
    if asked.resolve and asked.cfg is None and not asked.help:
        faults.append(Fault("--resolve", "allowed: with --cfg or --help"))
    if faults:
        raise RequestError(faults)
    if asked.config_path is not None and "://" not in asked.config_path:
        asked.config_path = str(Path(asked.config_path).expanduser().resolve())
    return asked


@contextlib.contextmanager
def open_hydra(asked: argparse.Namespace) -> Iterator[Hydra]:
    """Yield a Hydra that searches the configuration folders that the options name."""
    search_path = create_config_search_path(asked.config_path or str(find_conf_dir()))
    if asked.config_dir is not None:
        folder = str(Path(asked.config_dir).expanduser().resolve())
        before = SearchPathQuery(provider="schema")
        search_path.prepend(provider="command-line", path=f"file://{folder}", anchor=before)
    try:
        yield Hydra.create_main_hydra2("dcgan_sweeps", search_path)
    finally:
        GlobalHydra.instance().clear()


def read_line(asked: argparse.Namespace, config_name: str, loader: Any) -> CommandLine:
    """Return the command line, with text values kept as typed.

    Raises RequestError for faults that are found before the configuration is composed.
    """
    name = asked.config_name or config_name
    words = asked.overrides
    vocabulary = read_vocabulary(name, config_name, words, loader, is_sweep=asked.multirun)
    if not vocabulary.repository.config_exists(name):
        raise refuse("--config-name", f"got {name}; allowed: {config_name}")
    return _read_words(words, vocabulary)


def _read_words(words: Sequence[str], vocabulary: Vocabulary) -> CommandLine:
    if len(words) > MOST_WORDS:
        raise RequestError(find_word_faults(words, vocabulary))
    faults: list[Fault] = []
    files = Files({}, [])
    refused: list[Fault] = []
    try:
        files = _read_files(words, vocabulary)
        vocabulary = vocabulary.with_parts(files.parts)
    except RequestError as error:
        faults += place_faults(error.faults, files.entries)
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        refused = explain(error) or [Fault("defaults", str(error))]  # a malformed defaults list
    kept = [keep_text(word) if _is_text(word, vocabulary) else word for word in words]
    # Without -m, whether this is a sweep is known only after composition.
    says_mode = "hydra.mode" in {*map(find_key, kept), *files.entries}
    vocabulary = dataclasses.replace(vocabulary, is_sweep=vocabulary.is_sweep or says_mode)
    found = [find_entry_fault(entry, vocabulary.keys) for entry in files.entries.values()]
    faults += [fault for fault in found if fault is not None]
    faults += find_word_faults(kept, vocabulary)
    if faults or refused:
        raise RequestError(list(dict.fromkeys(faults)) or refused)
    return CommandLine(vocabulary.config_name, tuple(kept), vocabulary, files.entries)


def _is_text(word: str, vocabulary: Vocabulary) -> bool:
    """Return whether the value of an override is text, never a number or a truth value."""
    if word.startswith("~") or len(word) > LONGEST_WORD:
        return False  # it has no value, or is refused for its length
    key = find_key(word)
    return vocabulary.keys.is_text(key) or vocabulary.is_group(key)


def _read_files(words: Sequence[str], vocabulary: Vocabulary) -> Files:
    """Return the values and parts in the files that these overrides choose.

    Raises RequestError, and Hydra's exceptions.
    """
    fixed: list[Override] = []
    swept: list[list[Override]] = []
    for word in words:
        text = keep_text(word) if vocabulary.is_group(find_key(word)) else word
        try:
            override = read_override(text, vocabulary.loader)
            values = list_values(override, MOST_TRIED) if override.is_sweep_override() else []
        except (Unreadable, HydraException):
            continue  # reported as a fault of the override itself
        key = override.key_or_group
        if not override.is_sweep_override():
            fixed.append(override)
        elif vocabulary.is_group(key):
            swept += [[read_override(f"{key}={quote(str(each))}")] for each in values]
    choices = [fixed, *([*fixed, *each] for each in swept)]
    return read_files(vocabulary.repository, vocabulary.config_name, choices)


@contextlib.contextmanager
def finding_faults(line: CommandLine) -> Iterator[None]:
    """Convert Hydra's exceptions to RequestError, each fault with its file and line."""
    try:
        yield
    except RequestError as error:
        said = set(map(find_key, line.words))
        entries = {key: entry for key, entry in line.entries.items() if key not in said}
        raise RequestError(place_faults(error.faults, entries)) from error
    except (HydraException, OmegaConfBaseException) as error:
        raise RequestError(explain(error)) from error


def compose_line(asked: argparse.Namespace, line: CommandLine) -> tuple[RunMode, DictConfig]:
    """Return whether a command line asks for a single run or a sweep, and its configuration.

    Hydra makes a folder only later. Raises RequestError and Hydra's exceptions.
    """
    # Composed as a sweep, because hydra.mode in the configuration may make it one.
    composed = compose_words(line, RunMode.MULTIRUN)
    mode = _choose_mode(asked, composed.hydra.mode)
    vocabulary = dataclasses.replace(line.vocabulary, is_sweep=mode is RunMode.MULTIRUN)
    faults = find_composed_faults(composed, vocabulary)
    if mode is RunMode.RUN and line.vocabulary.is_sweep:
        faults += find_word_faults(line.words, vocabulary)
    require_none(faults)
    # A sweep may leave a choice open, which is a fault of a run: Hydra says which.
    if mode is RunMode.RUN and "???" in composed.hydra.runtime.choices.values():
        composed = compose_words(line, mode)
    return mode, composed


def compose_words(line: CommandLine, mode: RunMode) -> DictConfig:
    """Return the configuration that Hydra composes from a command line, including `hydra`."""
    composed: DictConfig = line.vocabulary.loader.load_configuration(
        line.config_name, list(line.words), mode, validate_sweep_overrides=False
    )
    return composed


def _choose_mode(asked: argparse.Namespace, said: RunMode | None) -> RunMode:
    """Return the mode from -m, -r and hydra.mode; raises RequestError if they contradict."""
    flags = {"-m": RunMode.MULTIRUN, "-r": RunMode.RUN}
    for flag, is_given in (("-m", asked.multirun), ("-r", asked.run)):
        if is_given and said not in (None, flags[flag]):
            problem = f"got {said.name}; {flag} asks for {flags[flag].name}"
            raise refuse("hydra.mode", problem)
        if is_given:
            return flags[flag]
    return said or RunMode.RUN


def compose_request(config_name: str, words: Sequence[str]) -> Any:
    """Return the configuration of these overrides; raises RequestError with every fault."""
    return compose_with_choices(config_name, words)[0]


def compose_with_choices(config_name: str, words: Sequence[str]) -> tuple[Any, dict[str, str]]:
    """Return the configuration of these overrides and its {group: choice}.

    Raises RequestError with every fault.
    """
    with open_loader() as loader:
        vocabulary = read_vocabulary(config_name, config_name, words, loader, is_sweep=False)
        line = _read_words(words, vocabulary)
        with finding_faults(line):
            composed = compose_words(line, RunMode.RUN)
            faults = find_composed_faults(composed, vocabulary)
            if faults:
                raise RequestError(faults)
            choices = list_choices(composed.hydra.runtime.choices)
            with open_dict(composed):
                del composed["hydra"]
            return resolve_places(freeze(composed), Path.cwd()), choices


def list_choices(choices: Mapping[str, object]) -> dict[str, str]:
    """Return {group: choice} without Hydra's own groups."""
    return {
        group: str(choice) for group, choice in choices.items() if not group.startswith("hydra/")
    }


def find_request_faults(config_name: str, words: Sequence[str], error: Exception) -> list[Fault]:
    """Return all faults of a request for which Hydra raised `error` at the first one.

    Empty if the overrides are valid and `error` is not an exception of Hydra.
    """
    with open_loader() as loader:
        try:
            vocabulary = read_vocabulary(config_name, config_name, words, loader, is_sweep=False)
            _read_words(words, vocabulary)
        except RequestError as wrong:
            return list(wrong.faults)
    return explain(error)
