"""Finds every fault of a request, in its overrides and in the composed configuration.

find_word_faults(["optimizer.lrr=1", "seed=-1"], vocabulary)  # two faults
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, ListConfig
from omegaconf.errors import OmegaConfBaseException

from dcgan_sweeps.composition.grammar import (
    MOST_VALUES,
    Unreadable,
    count_values,
    find_key,
    list_values,
    read_override,
    show_got,
)
from dcgan_sweeps.composition.keys import describe_error, find_nearest, show_value
from dcgan_sweeps.composition.own_files import is_own
from dcgan_sweeps.composition.vocabulary import Vocabulary
from dcgan_sweeps.config.compose import SCHEMAS
from dcgan_sweeps.config.faults import Fault
from dcgan_sweeps.config.nodes import find_dangling
from dcgan_sweeps.logged_config import find_renamed

MOST_WORDS = 1000  # more than there are keys; Hydra parses a thousand in a few seconds
MOST_TRIED = 100  # values of one sweep that are checked; others are checked when a trial starts
# Packages of the launchers that Hydra provides as plugins.
PACKAGES = {
    "joblib": "'dcgan-sweeps[launchers]'",
    "submitit_local": "'dcgan-sweeps[launchers]'",
    "submitit_slurm": "'dcgan-sweeps[slurm]'",
    "ray": "'dcgan-sweeps[ray]'",
    "ray_aws": "hydra-ray-launcher",
    "rq": "hydra-rq-launcher",
}
# Modules of the launchers whose configuration is ours, so that they can be chosen without them.
MODULES = {"submitit_slurm": "submitit", "ray": "ray"}


def find_word_faults(words: Sequence[str], vocabulary: Vocabulary) -> list[Fault]:
    """Return every fault of the overrides that is found without composing them."""
    if len(words) > MOST_WORDS:
        keys = map(find_key, words)
        # Without suggestions: finding the nearest name takes a millisecond for each key.
        is_known = vocabulary.keys.is_known
        unknown = [key for key in keys if not (is_known(key) or vocabulary.is_group(key))]
        problem = f"got {len(words)}; allowed: at most {MOST_WORDS}"
        faults = [Fault(key, "there is no such key") for key in unknown]
        return faults or [Fault("overrides", problem)]
    faults = []
    after_comma = False
    for word in words:
        if after_comma and "=" not in word:
            continue  # reported with the argument before: the shell split the two at a space
        after_comma = word.rstrip().endswith(",")
        try:
            override = read_override(word, vocabulary.loader)
        except Unreadable as unreadable:
            faults.append(Fault(word, str(unreadable)))
        else:
            faults += _find_faults_of(word, override, vocabulary)
    return faults


def _find_faults_of(word: str, override: Override, vocabulary: Vocabulary) -> list[Fault]:
    key = override.key_or_group
    if override.package is not None or key in ("", "hydra"):
        named = key if override.package is None else f"{key}@{override.package}"
        nearest = find_nearest(key, vocabulary.keys.names)
        return [Fault(named or word, f"there is no such key{nearest}")]
    is_group = vocabulary.is_group(key)
    if override.is_delete() and (is_group or vocabulary.keys.is_known(key)):
        problem = "a key cannot be deleted; allowed: KEY=null, where the key allows null"
        return [] if key.startswith("hydra") else [Fault(word, problem)]
    if override.is_sweep_override():
        problem = _find_sweep_problem(key, override, vocabulary)
        if problem:
            return [Fault(word, problem)]
    try:
        values = [None] if override.is_delete() else list_values(override, MOST_TRIED)
    except HydraException as error:
        return [Fault(word, describe_error(error))]
    if not values and not override.is_interval_sweep():
        return [Fault(word, "has no value")]
    got = None if override.is_sweep_override() else show_got(word)
    found = [
        _find_choice_fault(key, value, vocabulary)
        if is_group
        else vocabulary.keys.find_fault(key, value, got)
        for value in values or [None] * (not vocabulary.keys.is_known(key))
    ]
    return list(dict.fromkeys(fault for fault in found if fault is not None))


def _find_sweep_problem(key: str, override: Override, vocabulary: Vocabulary) -> str:
    """Return the problem with several values of a key, "" if there is none."""
    count = count_values(override)
    if not vocabulary.is_sweep and vocabulary.shipped == "config":
        return "several values need a sweep; add -m"
    if not vocabulary.is_sweep or key.startswith("hydra"):
        return "got several values; allowed: one"
    if key == "resume":
        return "-m starts new runs; to resume one run, leave out -m"
    if count > MOST_VALUES:
        many = "infinitely many values" if count == float("inf") else f"{count} values"
        return f"got {many}; allowed: at most {MOST_VALUES}"
    return ""


def _find_choice_fault(group: str, choice: Any, vocabulary: Vocabulary) -> Fault | None:
    is_inside = isinstance(choice, str) and ".." not in choice.split("/")
    if is_inside and vocabulary.repository.config_exists(f"{group}/{choice}"):
        return _find_missing_package(group, choice)
    if choice is None and group in ("sampler", "pruner"):
        return None
    options = vocabulary.list_options(group)
    got = show_value(choice).replace("'", "")
    hint = find_nearest(got, options)
    if group == "hydra/launcher" and choice in PACKAGES:
        hint = f"; for {choice}: pip install {PACKAGES[choice]}"
    one = "one of " if isinstance(choice, list) else ""
    fault = Fault(group, f"got {got}; allowed: {one}{', '.join(options)}{hint}")
    return find_renamed(group, choice) or fault


def _find_missing_package(group: str, choice: str) -> Fault | None:
    if group != "hydra/launcher" or choice not in MODULES or find_spec(MODULES[choice]):
        return None
    problem = f"got {choice}, which needs a package: pip install {PACKAGES[choice]}"
    return Fault(group, problem)


def find_composed_faults(composed: DictConfig, vocabulary: Vocabulary) -> list[Fault]:
    """Return the faults of a composed configuration that its schema cannot find."""
    if composed._metadata.object_type is not SCHEMAS[vocabulary.shipped][1]:
        problem = f"got {vocabulary.config_name}; allowed: {vocabulary.shipped}"
        return [Fault("--config-name", problem)]
    choices: Mapping[str, Any] = composed.hydra.runtime.choices
    faults = [
        Fault(group, f"got {choice}; allowed: one of {', '.join(vocabulary.list_options(group))}")
        for group, choice in choices.items()
        if isinstance(choice, ListConfig)
    ]
    for group, choice in choices.items():
        name = f"{group}/{choice}"
        holding = [each for each in vocabulary.repository.get_sources() if each.is_config(name)]
        # Hydra uses the first match in its search path.
        faults += [
            Fault(
                str(Path(hidden.path) / f"{name}.yaml"),
                f"is not read, because {holding[0].path} has a file of the same name; rename it",
            )
            for hidden in holding[1:]
            if is_own(hidden)
        ]
    if vocabulary.is_sweep and composed.get("resume") is not None:
        problem = f"got {composed.resume}; -m starts new runs; to resume one run, leave out -m"
        faults.append(Fault("resume", problem))
    if vocabulary.is_sweep:
        # Checked before Hydra's sweeper starts; Hydra's own keys are resolved in the jobs only.
        dangling = find_dangling(composed)
        faults += [fault for fault in dangling if not fault.key.startswith("hydra.")]
    return faults


def explain(error: Exception) -> list[Fault]:
    """Return the fault that an exception of Hydra or OmegaConf reports; [] for any other."""
    if not isinstance(error, (HydraException, OmegaConfBaseException)):
        return []
    allowed = ""
    if isinstance(error, MissingConfigException):
        group, _, choice = str(error.missing_cfg_file).rpartition("/")
        renamed = find_renamed(group, choice)
        if renamed is not None:
            return [renamed]
        allowed = f"; allowed: {', '.join(error.options)}" if error.options else ""
    key = getattr(error, "full_key", None) or getattr(error.__cause__, "full_key", None)
    return [Fault(key or "request", f"{describe_error(error)}{allowed}")]
