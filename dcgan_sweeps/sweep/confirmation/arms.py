"""Chooses the configurations that a confirmation compares: the finalists and the reference.

arms = choose_arms(source, trials, fixed, settings, compose)
arms[0].name, arms[0].overrides    # "default", ("optimizer.lr=0.001",)
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from dcgan_sweeps.config.faults import refuse
from dcgan_sweeps.config.flat import flatten
from dcgan_sweeps.config.parts import KINDS
from dcgan_sweeps.config.schema import Config
from dcgan_sweeps.logged_config import is_hashed, read_logged
from dcgan_sweeps.runs.selection import find_run
from dcgan_sweeps.sweep.confirmation.smoothing import SEED_KEY, find_spaces, smooth_scores
from dcgan_sweeps.sweep.folder import StudyFolder
from dcgan_sweeps.sweep.request import Compose
from dcgan_sweeps.sweep.settings import ConfirmationSettings
from dcgan_sweeps.tracking.documents import read_mapping
from dcgan_sweeps.tracking.edits import CONFIG
from dcgan_sweeps.tracking.store import answering, open_store

DEFAULT = "default"
# Keys, or groups of keys, that belong to the machine or to the score, not to a configuration.
NOT_ITS_OWN = ("runner.", "tracking.", "score.", "resume", SEED_KEY)


@dataclass(frozen=True)
class Arm:
    """A configuration of a confirmation; `overrides` are those beside the study's fixed ones.

    `promised` is the gain over the default that the study's own scores showed, as a share; it is
    None for the reference, and where the default has no score.
    """

    name: str
    overrides: tuple[str, ...]
    promised: float | None = None

    def describe(self) -> dict[str, Any]:
        """Return the arm as JSON values."""
        overrides = list(self.overrides)
        return {"name": self.name, "overrides": overrides, "promised": self.promised}


def choose_arms(
    source: StudyFolder,
    trials: Sequence[FrozenTrial],
    fixed: Sequence[str],
    settings: ConfirmationSettings,
    compose: Compose,
) -> tuple[Arm, ...]:
    """Return the reference and the finalists of a study.

    Raises RequestError where the study has nothing to compare.
    """
    config = compose(fixed)
    base = as_texts(flatten(config))
    default = next(
        (each for each in trials if is_default(each, source, base, compose, fixed)), None
    )
    if settings.against is not None:
        reference = Arm(*read_run(settings.against, config, base))
    elif default is None:
        reference = Arm(DEFAULT, ())
    else:
        reference = Arm(DEFAULT, read_overrides(default, source, base, compose, fixed))
    finalists: dict[tuple[str, ...], Arm] = {}
    for trial in rank_by_estimate(trials):
        overrides = read_overrides(trial, source, base, compose, fixed)
        if overrides != reference.overrides and len(finalists) < settings.finalists:
            promised = None if default is None else compare(trial, default)
            finalists.setdefault(overrides, Arm(f"trial {trial.number}", overrides, promised))
    if not finalists:
        problem = f"got {source.name}; it has no scored configuration beside the reference"
        raise refuse("study", problem)
    return spell_out((reference, *finalists.values()), base)


def spell_out(arms: Sequence[Arm], base: Mapping[str, str]) -> tuple[Arm, ...]:
    """Return the arms with a value of each key that one of them overrides, for their tables."""
    keys = dict.fromkeys(word.partition("=")[0] for arm in arms for word in arm.overrides)
    spelled = []
    for arm in arms:
        own = {word.partition("=")[0]: word for word in arm.overrides}
        others = {key: _write_base(key, base) for key in keys if key.partition(".")[0] not in own}
        words = {**others, **own}
        found = tuple(word for key in keys if (word := words.get(key)) is not None)
        spelled.append(dataclasses.replace(arm, overrides=found))
    return tuple(spelled)


def _write_base(key: str, base: Mapping[str, str]) -> str | None:
    """Return the override of a key or group as `base` has it; None for a key of another part."""
    if key in KINDS:
        return write_override(key, base[f"{key}.name"])
    return write_override(key, base[key]) if key in base else None


def rank_by_estimate(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return the trials with a score, complete ones first, by the estimate of all their seeds."""
    ended = [each for each in trials if each.state in (TrialState.COMPLETE, TrialState.PRUNED)]
    epochs = max((each.last_step or 1 for each in ended), default=1)
    estimates = smooth_scores(ended, epochs)
    keys = find_spaces(ended)
    alike: dict[str, list[float]] = {}
    for each in ended:
        if each.number in estimates:
            alike.setdefault(_name(each, keys), []).append(estimates[each.number])
    means = {name: sum(found) / len(found) for name, found in alike.items()}
    ranked = [each for each in ended if each.number in estimates]
    return sorted(
        ranked, key=lambda each: (each.state != TrialState.COMPLETE, means[_name(each, keys)])
    )


def _name(trial: FrozenTrial, keys: Mapping[str, Any]) -> str:
    return str([(key, trial.params.get(key)) for key in keys])


def compare(trial: FrozenTrial, default: FrozenTrial) -> float | None:
    """Return how much lower a trial's score was than the default's after as many epochs."""
    pairs = [
        (trial.intermediate_values[epoch], default.intermediate_values[epoch])
        for epoch in sorted(trial.intermediate_values.keys() & default.intermediate_values.keys())
    ]
    if trial.value is not None and default.value is not None:
        pairs.append((trial.value, default.value))
    if not pairs:
        return None
    mine, its = pairs[-1]
    return 1 - mine / its if math.isfinite(mine) and 0 < its < math.inf else None


def is_default(
    trial: FrozenTrial,
    source: StudyFolder,
    base: Mapping[str, str],
    compose: Compose,
    fixed: Sequence[str],
) -> bool:
    """Return whether a trial has the default configuration: the first one of a search has it."""
    is_search = "sampler" in source.read()
    return (
        trial.number == 0 if is_search else not read_overrides(trial, source, base, compose, fixed)
    )


def read_overrides(
    trial: FrozenTrial,
    source: StudyFolder,
    base: Mapping[str, str],
    compose: Compose,
    fixed: Sequence[str],
) -> tuple[str, ...]:
    """Return the overrides that the logged configuration of a trial adds to the fixed ones.

    A search file may have set values that no override names, so the configuration is read.
    """
    path = source.find_trial(trial.number).root / CONFIG
    if path.is_file():
        flat = flatten(read_logged(read_mapping(path)))
    else:  # an earlier run finished it
        flat = flatten(compose([*fixed, *trial.user_attrs.get("varied", [])]))
    return find_overrides(as_texts(flat), base)


def read_run(target: str, config: Config, base: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """Return the name and the overrides of a logged run; raises RequestError."""
    tracking = config.tracking
    with answering():
        run, _ = find_run(open_store(tracking.uri, tracking.dir), tracking.experiment, target)
    return f"run {run.run_id[:8]}", find_overrides(run.params, base)


def as_texts(flat: Mapping[str, Any]) -> dict[str, str]:
    """Return {key: value} with the values as MLflow logs them."""
    return {key: str(value) for key, value in flat.items()}


def find_overrides(texts: Mapping[str, str], base: Mapping[str, str]) -> tuple[str, ...]:
    """Return the overrides that turn the configuration `base` into another one.

    Another part of an open group is chosen by its name, and all of its keys are stated.
    """
    chosen = {
        group: texts[f"{group}.name"]
        for group in KINDS
        if texts.get(f"{group}.name", base[f"{group}.name"]) != base[f"{group}.name"]
    }
    words = [write_override(group, name) for group, name in chosen.items()]
    for key in dict.fromkeys([*base, *texts]):
        group, _, name = key.partition(".")
        if not is_hashed(key) or key.startswith(NOT_ITS_OWN) or key not in texts:
            continue
        is_other = name != "name" if group in chosen else key in base and texts[key] != base[key]
        if is_other:
            words.append(write_override(key, texts[key]))
    return tuple(words)


def write_override(key: str, text: str) -> str:
    """Return the override that gives a key the value that MLflow logs as `text`."""
    words = {"None": "null", "True": "true", "False": "false"}
    return f"{key}={words.get(text, text).replace(', ', ',')}"
