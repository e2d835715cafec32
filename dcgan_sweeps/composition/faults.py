"""The search for every fault of a request: in its words, in the user's own files, in what Hydra
composes from both.

find_request_faults("config", ["optimizer.lrr=1", "seed=-1"])  # two faults
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, ListConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from dcgan_sweeps.composition.grammar import (
    MOST_VALUES,
    Unreadable,
    count_values,
    find_key,
    list_values,
    read_override,
)
from dcgan_sweeps.composition.keys import describe_error, find_nearest, show_value
from dcgan_sweeps.composition.own_files import (
    OwnFiles,
    find_shadowed,
    is_own,
    place_fault,
    read_own_files,
)
from dcgan_sweeps.composition.vocabulary import Vocabulary, open_loader, read_vocabulary, show_got
from dcgan_sweeps.config import (
    SCHEMAS,
    Config,
    Fault,
    RequestError,
    find_conf_dir,
    find_unknown_keys,
    freeze,
)
from dcgan_sweeps.logged_config import find_renamed

MOST_WORDS = 1000  # more than there are keys; Hydra reads a thousand in some seconds
MOST_TRIED = 100  # values of one sweep; the rest is found out when its trial begins
# Hydra's own launchers that come with a package of their own.
PACKAGES = {
    "joblib": "'dcgan-sweeps[launchers]'",
    "submitit_local": "'dcgan-sweeps[launchers]'",
    "submitit_slurm": "'dcgan-sweeps[launchers]'",
    "ray": "hydra-ray-launcher",
    "ray_aws": "hydra-ray-launcher",
    "rq": "hydra-rq-launcher",
}
# Where Hydra would put what it writes, if it wrote anything.
FOLDERS = ("run.dir", "output_subdir", "sweep.dir", "sweep.subdir")
# Hydra says these, and nobody else.
OF_HYDRA = ("hydra.runtime.", "hydra.overrides.", "hydra.job.num", "hydra.job.id")


def find_request_faults(
    config_name: str, words: Sequence[str], error: Exception, *, is_sweep: bool = False
) -> list[Fault]:
    """Return every fault of a request that Hydra refused with `error`, at its first fault.

    Empty where nothing is wrong with them and `error` is none of Hydra's.
    """
    kind = SCHEMAS[config_name][1]
    with open_loader() as loader:
        try:
            vocabulary = read_vocabulary(config_name, kind, words, loader, is_sweep=is_sweep)
        except RequestError as wrong_path:
            return list(wrong_path.faults)
        own = read_own(words, vocabulary)
        return find_all_faults(words, vocabulary, own, error)


def find_all_faults(
    words: Sequence[str], vocabulary: Vocabulary, own: OwnFiles, error: Exception
) -> list[Fault]:
    """Return every fault of a request that Hydra refused with `error`."""
    faults = [*own.faults, *find_word_faults(words, vocabulary)]
    if not faults:
        faults = [*_find_unlisted(words, vocabulary), *find_faults_of_hydra(words, vocabulary)]
    if not faults:
        faults = _find_faults_together(words, vocabulary, own)
    if not faults and isinstance(error, (HydraException, OmegaConfBaseException)) and words:
        return [Fault("request", describe_error(error))]
    return list(dict.fromkeys(faults))


def _find_unlisted(words: Sequence[str], vocabulary: Vocabulary) -> list[Fault]:
    """Return a fault for each group that the primary configuration does not choose from."""
    groups = [find_key(word) for word in words if not word.startswith("+")]
    return [
        Fault(group, f"there is no such key; a group of your own is added: +{group}=CHOICE")
        for group in groups
        if vocabulary.is_group(group) and not vocabulary.lists(group)
    ]


def find_word_faults(words: Sequence[str], vocabulary: Vocabulary) -> list[Fault]:
    """Return every fault of the words that is seen without composing them."""
    if len(words) > MOST_WORDS:
        unknown = _find_unknown_words(words, vocabulary)
        problem = f"got {len(words)}; allowed: at most {MOST_WORDS}"
        return unknown or [Fault("overrides", problem)]
    faults: list[Fault] = []
    after_comma = False
    for word in words:
        if after_comma and "=" not in word:
            continue  # the word before says it: the shell split the two at a blank
        after_comma = word.rstrip().endswith(",")
        try:
            override = read_override(word, vocabulary.loader)
        except Unreadable as unreadable:
            faults.append(Fault(word, str(unreadable)))
        else:
            faults += _find_faults_of(word, override, vocabulary)
    return faults


def _find_unknown_words(words: Sequence[str], vocabulary: Vocabulary) -> list[Fault]:
    """Return a fault for each word of a key that is not there, in no time; nearest names aside."""
    return [
        Fault(key, "there is no such key")
        for key in map(find_key, words)
        if not vocabulary.keys.is_known(key) and not vocabulary.is_group(key)
    ]


def _find_faults_of(word: str, override: Override, vocabulary: Vocabulary) -> list[Fault]:
    key = override.key_or_group
    named = key if override.package is None else f"{key}@{override.package}"
    is_group = vocabulary.is_group(key) and override.package is None
    if not (is_group or vocabulary.keys.is_known(named)) or key == "hydra":
        names = [*vocabulary.keys.leaves, *vocabulary.groups]
        unknown = Fault(named or word, f"there is no such key{find_nearest(key, names)}")
        return [find_renamed(key) or unknown]
    if override.is_delete() and not key.startswith("hydra"):
        problem = "a key cannot be deleted; allowed: KEY=null, where the key allows null"
        return [Fault(word, problem)]
    is_added = override.is_add() or override.is_force_add()
    if (is_group and is_added and vocabulary.lists(key)) or (
        override.is_add() and key in vocabulary.keys.leaves and not _is_mapping(override)
    ):
        return [Fault(word, f"the key exists already; remove the +: {word.lstrip('+')}")]
    if key.startswith(OF_HYDRA):
        return [Fault(key, f"got {show_got(word)}; the key is set by Hydra alone")]
    if override.is_sweep_override():
        fault = _find_sweep_fault(key, word, override, vocabulary)
        if fault is not None:
            return [fault]
    return _find_value_faults(word, override, vocabulary, is_group=is_group)


def _is_mapping(override: Override) -> bool:
    """Return whether an override adds to a mapping, as +hydra.sweeper.params={...} does."""
    return isinstance(override.value(), dict)


def _find_sweep_fault(
    key: str, word: str, override: Override, vocabulary: Vocabulary
) -> Fault | None:
    if not vocabulary.is_sweep:
        if vocabulary.kind is not Config:
            return Fault(word, "got several values; allowed: one")
        return Fault(word, "several values need a sweep; add -m")
    if key.startswith("hydra"):
        return Fault(word, "got several values; allowed: one, as Hydra's keys are of all trials")
    if key == "resume":
        return Fault(word, "-m starts new runs; to resume one run, leave out -m")
    count = count_values(override)
    if count > MOST_VALUES:
        many = "endless values" if count == float("inf") else f"{count} values"
        return Fault(key, f"got {show_got(word)}, {many}; allowed: at most {MOST_VALUES}")
    return None


def _find_value_faults(
    word: str, override: Override, vocabulary: Vocabulary, *, is_group: bool
) -> list[Fault]:
    key = override.key_or_group
    if override.is_delete():
        return []
    try:
        values = list_values(override, MOST_TRIED)
    except HydraException as error:
        return [Fault(word, describe_error(error))]
    if not values and not override.is_interval_sweep():
        return [Fault(word, "names no value")]
    if is_group:
        found = [_find_choice_fault(key, value, vocabulary) for value in values]
    elif vocabulary.keys.is_section(key) and not isinstance(override.value(), dict):
        found = [Fault(key, f"got {show_got(word)}; allowed: keys below it, such as {key}.KEY")]
    else:
        got = None if override.is_sweep_override() else show_got(word)
        found = [vocabulary.keys.find_fault(key, value, got) for value in values]
    return [fault for fault in found if fault is not None]


def _find_choice_fault(group: str, choice: Any, vocabulary: Vocabulary) -> Fault | None:
    options = vocabulary.list_options(group)
    is_inside = isinstance(choice, str) and ".." not in choice.split("/")
    if is_inside and vocabulary.has_config(f"{group}/{choice}"):
        return None
    if choice is None and group in ("sampler", "pruner"):
        return None
    got = show_value(choice).replace("'", "")
    if isinstance(choice, list):
        return Fault(group, f"got {got}; allowed: one of {', '.join(options)}")
    hint = find_nearest(got, options)
    if group == "hydra/launcher" and choice in PACKAGES:
        hint = f"; for {choice}: pip install {PACKAGES[choice]}"
    fault = Fault(group, f"got {got}; allowed: {', '.join(options)}{hint}")
    return find_renamed(group, choice) or fault


def read_own(words: Sequence[str], vocabulary: Vocabulary) -> OwnFiles:
    """Return the values in the user's own files that the overrides or the primary file choose."""
    if not any(is_own(source, find_conf_dir()) for source in vocabulary.sources):
        return OwnFiles()
    chosen = [vocabulary.config_name, *_list_chosen(words, vocabulary)]
    return read_own_files(vocabulary.sources, chosen, find_conf_dir(), vocabulary.keys)


def _list_chosen(words: Sequence[str], vocabulary: Vocabulary) -> list[str]:
    """Return each configuration that a word chooses, such as experiment/mine."""
    chosen: list[str] = []
    for word in words:
        if not vocabulary.is_group(find_key(word)):
            continue
        try:
            override = read_override(word, vocabulary.loader)
            values = [] if override.is_delete() else list_values(override, MOST_TRIED)
        except (Unreadable, HydraException):
            continue  # is a fault by itself
        chosen += [f"{override.key_or_group}/{each}" for each in values if isinstance(each, str)]
    return chosen


def find_faults_of_hydra(words: Sequence[str], vocabulary: Vocabulary) -> list[Fault]:
    """Return the faults of words about Hydra itself, each tried on what the choices compose."""
    of_hydra = [word for word in words if find_key(word).startswith("hydra.")]
    choices = [word for word in words if vocabulary.is_group(find_key(word))]
    if not of_hydra:
        return []
    try:
        composed = vocabulary.loader.load_configuration(
            vocabulary.config_name, choices, RunMode.MULTIRUN, validate_sweep_overrides=False
        )
    except (HydraException, OmegaConfBaseException):
        return []  # the choices do not go together, which is found out next
    faults = []
    for word in of_hydra:
        try:
            ConfigLoaderImpl._apply_overrides_to_config([read_override(word)], composed)
        except (HydraException, OmegaConfBaseException, ValueError) as error:
            faults.append(Fault(find_key(word), f"got {show_got(word)}; {describe_error(error)}"))
    return faults


def _find_faults_together(
    words: Sequence[str], vocabulary: Vocabulary, own: OwnFiles
) -> list[Fault]:
    """Return the faults of overrides that are each valid alone."""
    try:
        composed = vocabulary.loader.load_configuration(
            vocabulary.config_name, list(words), RunMode.MULTIRUN, validate_sweep_overrides=False
        )
        faults = find_composed_faults(composed, vocabulary)
        if faults:
            return place_faults(faults, words, own)
        HydraConfig.instance().set_config(copy.deepcopy(composed))  # of ${hydra:...}
        with open_dict(composed):
            del composed["hydra"]
        freeze(composed)
    except RequestError as error:
        return place_faults(error.faults, words, own)
    except (HydraException, OmegaConfBaseException) as error:
        files = sorted({entry.file for entry in own.entries.values()})
        return [Fault(", ".join(files) or "request", describe_error(error))]
    return []


def place_faults(faults: Sequence[Fault], words: Sequence[str], own: OwnFiles) -> list[Fault]:
    """Return faults that name the file and line of a value that a user's own file sets."""
    said = {find_key(word) for word in words}
    return [
        place_fault(fault, own.entries[fault.key])
        if fault.key in own.entries and fault.key not in said and " in " not in fault.problem
        else fault
        for fault in faults
    ]


def find_composed_faults(composed: DictConfig, vocabulary: Vocabulary) -> list[Fault]:
    """Return the faults in Hydra's part of a composed configuration."""
    if composed._metadata.object_type is not vocabulary.kind:
        problem = f"got {vocabulary.config_name}; allowed: {_find_shipped(vocabulary.kind)}"
        return [Fault("--config-name", problem)]
    faults = [
        Fault(f"hydra.{fault.key}", fault.problem)
        for fault in find_unknown_keys(composed.hydra, HydraConf)
        if fault.key != "env"  # of Hydra's own group hydra/env, which has no schema
    ]
    faults += _find_moved_folders(composed, vocabulary.kind)
    choices: Mapping[str, Any] = composed.hydra.runtime.choices
    for group, choice in choices.items():
        if isinstance(choice, ListConfig):
            allowed = ", ".join(vocabulary.list_options(group))
            got = ", ".join(map(str, choice))
            faults.append(Fault(group, f"got [{got}]; allowed: one of {allowed}"))
    chosen = [f"{group}/{choice}" for group, choice in choices.items()]
    faults += find_shadowed(vocabulary.sources, chosen, find_conf_dir())
    if vocabulary.is_sweep and composed.get("resume") is not None:
        problem = f"got {composed.resume}; -m starts new runs; to resume one run, leave out -m"
        faults.append(Fault("resume", problem))
    return faults


def _find_shipped(kind: type) -> str:
    """Return the name of the primary configuration that conf/ has for a schema."""
    return next(name for name, (_, schema) in SCHEMAS.items() if schema is kind)


def _find_moved_folders(composed: DictConfig, kind: type) -> list[Fault]:
    """Return a fault for each folder of Hydra's that is not where conf/ has it."""
    conf = OmegaConf.load(find_conf_dir() / f"{_find_shipped(kind)}.yaml")
    ours = OmegaConf.merge(OmegaConf.structured(HydraConf), conf.hydra)
    return [
        Fault(
            f"hydra.{key}",
            f"got {got}; allowed: tracking.dir=FOLDER, which alone decides where runs go",
        )
        for key in FOLDERS
        if (got := _read_raw(composed.hydra, key)) != _read_raw(ours, key)
    ]


def _read_raw(node: Any, key: str) -> Any:
    """Return a value as it was written, with its ${...}."""
    written: Any = OmegaConf.to_container(node, resolve=False)
    for name in key.split("."):
        written = written[name]
    return written
