"""One command line of Hydra's: its options and words, read, checked and composed.

asked = read_arguments(sys.argv[1:])
with open_hydra(asked) as app:
    line = read_line(asked, "config", app.config_loader)
    mode = read_mode(asked, line)  # of one run, or of a sweep
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path, get_args_parser
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig, open_dict

from dcgan_sweeps.composition.faults import (
    MOST_WORDS,
    find_all_faults,
    find_composed_faults,
    find_word_faults,
    place_faults,
    read_own,
)
from dcgan_sweeps.composition.grammar import find_key
from dcgan_sweeps.composition.own_files import OwnFiles
from dcgan_sweeps.composition.vocabulary import (
    Vocabulary,
    find_missing_folders,
    keep_texts,
    open_loader,
    read_vocabulary,
)
from dcgan_sweeps.config import SCHEMAS, Fault, RequestError, find_conf_dir, freeze
from dcgan_sweeps.paths import resolve_places


class Ended(Exception):
    """Raised by a job to say how it ended: neither a fault of the request nor a bug."""


@dataclass(frozen=True)
class CommandLine:
    """A command line: the primary configuration, the overrides and their vocabulary."""

    config_name: str
    words: tuple[str, ...]
    vocabulary: Vocabulary
    own: OwnFiles


def read_arguments(words: Sequence[str]) -> argparse.Namespace:
    """Return Hydra's own options and the overrides, in any order; raises RequestError."""
    parser = get_args_parser()
    parser.exit_on_error = False
    try:
        asked, unknown = parser.parse_known_intermixed_args(list(words))
    except argparse.ArgumentError as error:
        raise RequestError([Fault(error.argument_name or "request", error.message)]) from error
    faults = [Fault(word, "there is no such option; --hydra-help lists them") for word in unknown]
    if asked.experimental_rerun is not None:
        problem = "is not served: a pickle runs code; python -m dcgan_sweeps.reproduce runs again"
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
        faults.append(Fault("--resolve", "goes with --cfg or --help alone"))
    if faults:
        raise RequestError(faults)
    if asked.config_path is not None and "://" not in asked.config_path:
        asked.config_path = str(Path(asked.config_path).expanduser().resolve())
    return asked


@contextlib.contextmanager
def open_hydra(asked: argparse.Namespace) -> Iterator[Hydra]:
    """Give a Hydra over the folders of configurations that the options name."""
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
    """Return the words of a command line, each text kept as it was typed, and the user's own files
    that they choose; raises RequestError for what is wrong before anything is composed."""
    name = asked.config_name or config_name
    kind = SCHEMAS[config_name][1]
    vocabulary = read_vocabulary(name, kind, asked.overrides, loader, is_sweep=asked.multirun)
    missing = find_missing_folders(vocabulary)
    if not missing and not vocabulary.has_config(name):
        missing = [Fault("--config-name", f"got {name}; allowed: {config_name}")]
    if missing:
        raise RequestError(missing)
    return _read_words(name, asked.overrides, vocabulary)


def _read_words(name: str, words: Sequence[str], vocabulary: Vocabulary) -> CommandLine:
    if len(words) > MOST_WORDS:
        raise RequestError(find_word_faults(words, vocabulary))
    kept = keep_texts(words, vocabulary)
    own = read_own(kept, vocabulary)
    # What makes it a sweep without -m is known once it is composed.
    says_mode = {"hydra.mode"} & {*map(find_key, kept), *own.entries}
    vocabulary = dataclasses.replace(vocabulary, is_sweep=vocabulary.is_sweep or bool(says_mode))
    faults = [*own.faults, *find_word_faults(kept, vocabulary)]
    if faults:
        raise RequestError(faults)
    return CommandLine(name, tuple(kept), vocabulary, own)


@contextlib.contextmanager
def finding_faults(line: CommandLine) -> Iterator[None]:
    """Turn what Hydra refuses into RequestError with every fault, each with its file and line."""
    try:
        yield
    except RequestError as error:
        raise RequestError(place_faults(error.faults, line.words, line.own)) from error
    except Ended:
        raise
    except Exception as error:  # Hydra raises ValueError too
        faults = find_all_faults(line.words, line.vocabulary, line.own, error)
        if not faults:  # no request's, but ours
            raise
        raise RequestError(faults) from error


def read_mode(asked: argparse.Namespace, line: CommandLine) -> RunMode:
    """Return whether one run is asked for or a sweep; raises RequestError, and what Hydra raises,
    before Hydra makes a folder."""
    # Composed as a sweep, since what is composed may say that it is one.
    composed = compose_words(line, RunMode.MULTIRUN)
    mode = _choose_mode(asked, composed.hydra.mode)
    vocabulary = dataclasses.replace(line.vocabulary, is_sweep=mode is RunMode.MULTIRUN)
    faults = find_composed_faults(composed, vocabulary)
    if mode is RunMode.RUN and line.vocabulary.is_sweep:
        faults += find_word_faults(line.words, vocabulary)
    if faults:
        raise RequestError(faults)
    return mode


def compose_words(line: CommandLine, mode: RunMode) -> DictConfig:
    """Return the configuration that Hydra composes from a command line, with Hydra's own part."""
    composed: DictConfig = line.vocabulary.loader.load_configuration(
        line.config_name, list(line.words), mode, validate_sweep_overrides=False
    )
    return composed


def _choose_mode(asked: argparse.Namespace, said: RunMode | None) -> RunMode:
    """Return the mode that -m and hydra.mode name; raises RequestError where they contradict."""
    flags = {"-m": RunMode.MULTIRUN, "-r": RunMode.RUN}
    for flag, is_given in (("-m", asked.multirun), ("-r", asked.run)):
        if is_given and said not in (None, flags[flag]):
            problem = f"got {said.name}; {flag} asks for {flags[flag].name}"
            raise RequestError([Fault("hydra.mode", problem)])
        if is_given:
            return flags[flag]
    return said or RunMode.RUN


def compose_request(config_name: str, words: Sequence[str]) -> Any:
    """Return the configuration that `words` ask for; raises RequestError with every fault."""
    kind = SCHEMAS[config_name][1]
    with open_loader() as loader:
        vocabulary = read_vocabulary(config_name, kind, words, loader, is_sweep=False)
        line = _read_words(config_name, words, vocabulary)
        with finding_faults(line):
            composed = compose_words(line, RunMode.RUN)
            faults = find_composed_faults(composed, vocabulary)
            if faults:
                raise RequestError(faults)
            with open_dict(composed):
                del composed["hydra"]
            return resolve_places(freeze(composed), Path.cwd())
