"""Reads and checks the request of a whole study, before anything is started.

request = read_study_request(overrides, settings, choices, config_loader, compose, say)
request.points    # of a grid, or
request.space     # of a search
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from dcgan_sweeps.composition.command_line import find_request_faults
from dcgan_sweeps.config.faults import Conflict, Fault, RequestError, refuse, require_none
from dcgan_sweeps.config.fields import read_type
from dcgan_sweeps.config.flat import flatten, walk
from dcgan_sweeps.config.schema import Config
from dcgan_sweeps.datasets.loading import load_images, name_images
from dcgan_sweeps.execution.components import choose_rows, require_shape
from dcgan_sweeps.place import name_variables
from dcgan_sweeps.runs.scores import describe_mixed
from dcgan_sweeps.scoring.identity import read_arrays
from dcgan_sweeps.scoring.trained_on import require_fitting
from dcgan_sweeps.secrets import mask_secrets
from dcgan_sweeps.sweep.overrides import MOST_POINTS, Asked, Domain, read_overrides
from dcgan_sweeps.sweep.samplers import make_pruner, make_sampler
from dcgan_sweeps.sweep.settings import PREFIX, StudySettings, describe_policy
from dcgan_sweeps.sweep.space import (
    Condition,
    Space,
    choose_defaults,
    list_ends,
    make_space,
    normalise,
)
from dcgan_sweeps.sweep.trial import compute_identity

REMEDY = "fix the key, and score the trials again with python -m dcgan_sweeps.score"
NOTHING = (
    "got nothing to sweep; allowed: several values of a key, as in optimizer.lr=1e-4,2e-4,"
    " or a search, as in search=fcd; a single run needs no -m"
)
Compose = Callable[[Sequence[str]], Config]
Say = Callable[[str], None]
# Composing takes about 0.1 s; the rest of a longer list is checked when its trials start.
MOST_CHECKED = 100
# Overrides that may change when a study is resumed: places, and limits.
PLACES = ("tracking.dir=", "data.dir=", "tracking.uri=")
LIMITS = ("runner.slots=", "runner.slots_per_gpu=", "runner.trial_timeout_min=")


@dataclass(frozen=True)
class Point:
    """One trial of a grid: its overrides, and their values for Optuna."""

    overrides: tuple[str, ...]
    values: Mapping[str, Any]


@dataclass(frozen=True)
class StudyRequest:
    """The request of a study: the `points` of a grid, or a `space` with its default point."""

    settings: StudySettings
    overrides: tuple[str, ...]  # of the command line
    search: str
    launcher: str
    config: Config  # of the fixed overrides
    fixed: tuple[str, ...]
    swept: Mapping[str, Domain]
    points: tuple[Point, ...]
    space: Space
    defaults: Mapping[str, Any]
    confirmation: Mapping[str, Any] = field(default_factory=dict)  # what a confirmation compares

    @property
    def is_search(self) -> bool:
        return bool(self.space)

    @property
    def total(self) -> int:
        """The number of trials that the study has in the end."""
        asked = self.settings.n_trials
        if self.is_search:
            return asked or 0
        return len(self.points) if asked is None else min(asked, len(self.points))

    def describe(self) -> dict[str, Any]:
        """Return the settings that decide which trials a study has, as JSON values."""
        policy = describe_policy(self.settings)
        of_a_search = ("sampler", "pruner", "seed", "params", "only_if")
        swept = {key: domain.texts or domain.text for key, domain in self.swept.items()}
        return {
            "fixed": [
                mask_secrets(word)
                for word in self.fixed
                if not word.lstrip("+").startswith((*PLACES, *LIMITS))
            ],
            # The order of the keys gives the points of a grid their numbers.
            "swept": [
                [key, text if isinstance(text, str) else list(text)] for key, text in swept.items()
            ],
            **{key: policy[key] for key in of_a_search if self.is_search or key == "pruner"},
            **({"zip": True} if self.settings.zip else {}),
            **({"warm_start": self.settings.warm_start} if self.settings.warm_start else {}),
            **({"confirmation": self.confirmation} if self.confirmation else {}),
            **({"trial_seeds": "own"} if self.has_own_seeds else {}),
        }

    @property
    def has_own_seeds(self) -> bool:
        """Whether each trial of a search trains with another seed; not where seeds are searched."""
        is_own = self.settings.trial_seeds == "own"
        return self.is_search and is_own and "seed" not in self.swept

    def list_own_seed(self, number: int) -> dict[str, int]:
        """Return {"seed": seed} of a trial that has its own seed, else {}."""
        return {"seed": choose_seed(self.config.seed, number)} if self.has_own_seeds else {}


def choose_seed(root: int, number: int) -> int:
    """Return the training seed of a trial in a search that has the seed `root`.

    Trial 7 has 1007 for the root 0, and 4007 for the root 3. Seeds are from 1,000 to 999,999: those
    below are for single runs, and those above are for confirming runs, which no search may share.
    """
    return 1000 + (1000 * (root % 999) + number) % 999_000


def read_study_request(
    overrides: Sequence[str],
    settings: StudySettings,
    choices: Mapping[str, str],
    config_loader: Any,
    compose: Compose,
    say: Say,
) -> StudyRequest:
    """Return the study that `overrides` and `settings` request; raises RequestError.

    `say` gets progress lines while data are downloaded.
    """
    search = choices["search"]
    of_params = [f"{key}={text}" for key, text in settings.params.items()]
    asked = read_overrides([*of_params, *overrides], config_loader)
    config = compose_checked(asked.fixed, asked.fixed, compose)
    defaults = {**choices, **flatten(config)}
    is_search = search != "none" or any(not each.texts for each in asked.swept.values())
    if is_search and settings.zip:
        problem = "got true; allowed: false, since a search has no lists to pair"
        raise refuse(f"{PREFIX}zip", problem)
    if not settings.zip:
        swept = {key: domain.unique for key, domain in asked.swept.items()}
        asked = dataclasses.replace(asked, swept=swept)
    if not (is_search or asked.swept or asked.fixed) and choices["hydra/launcher"] == "slots":
        raise refuse("-m", NOTHING)
    space: Space = ()
    points: tuple[Point, ...] = ()
    if is_search:
        space = read_space(asked, settings, config, defaults, config_loader)
        check_search(settings, config)
        ends = list_ends(space)
    else:
        points = list_points(asked.swept, paired=settings.zip)
        ends = [f"{key}={text}" for key, each in asked.swept.items() for text in each.texts]
        make_pruner(settings.pruner)
    check_inputs(check_values(asked.fixed, ends, compose) or [config], say)
    compares = settings.pruner.get("name", "none") != "none" or settings.target_score is not None
    if is_search or compares:
        require_none(find_mixed(asked.swept, asked.fixed, compose))
    return StudyRequest(
        settings,
        tuple(overrides),
        search,
        choices["hydra/launcher"],
        config,
        # A trial may run on a machine with another environment.
        (*asked.fixed, *name_variables(asked.fixed, config.tracking)),
        asked.swept,
        points,
        space,
        choose_defaults(space, defaults),
    )


def compose_checked(words: Sequence[str], named: Sequence[str], compose: Compose) -> Config:
    """Return the configuration of some overrides; raises RequestError, also for Hydra's errors.

    `named` are the overrides that the error names.
    """
    try:
        return compose(words)
    except RequestError:
        raise
    except Exception as error:  # Hydra raises ValueError too
        raise RequestError(find_request_faults("config", named, error)) from error


def read_space(
    asked: Asked,
    settings: StudySettings,
    config: Config,
    defaults: Mapping[str, Any],
    config_loader: Any,
) -> Space:
    """Return the search space of a request; raises RequestError.

    A condition on a fixed key holds for every trial or for none.
    """
    conditions: dict[str, Condition] = {}
    swept = dict(asked.swept)
    for key, word in settings.only_if.items():
        other, sign, texts = word.partition("=")
        name = f"{PREFIX}only_if.{key}"
        if not (other and sign and texts):
            raise refuse(name, f"got {word}; allowed: OTHER_KEY=VALUE")
        if key not in {**asked.swept, **settings.params}:
            allowed = ", ".join(asked.swept) or "none"
            raise refuse(name, f"got {key}; allowed keys of the search space: {allowed}")
        # Read it as a choice, also where there is only one value.
        read = read_overrides([f"{other}=choice({texts})"], config_loader)
        values = read.swept[other].values
        if other in swept and key in swept:
            conditions[key] = Condition(other, values)
        elif other not in defaults:
            raise refuse(name, f"got {word}; there is no such key")
        elif normalise(defaults[other]) not in map(normalise, values):
            swept.pop(key, None)
    whole = frozenset(key for key, _, leaf in walk(config) if read_type(leaf)[0] == "int")
    return make_space(swept, conditions, whole)


def find_mixed(swept: Mapping[str, Domain], fixed: Sequence[str], compose: Compose) -> list[Fault]:
    """Return a fault for each swept key that gives the trials scores of several identities.

    A study that compares its trials while it runs needs scores of one identity.
    """
    faults = []
    for key, domain in swept.items():
        if ("." in key and not key.startswith(("score.", "data."))) or key == "seed":
            continue  # the identity of a score does not depend on this key
        texts = domain.texts or (str(domain.low), str(domain.high))
        configs = [compose([*fixed, f"{key}={text}"]) for text in texts[:MOST_CHECKED]]
        if len({_name_score(config) for config in configs}) == 1:
            continue
        identities = [each for each in map(compute_identity, configs) if each is not None]
        known = {each.digest: each.describe() for each in identities}
        if len(known) > 1:
            faults.append(Fault(key, f"got {domain.text}; {describe_mixed(known)}; {REMEDY}"))
        elif any(config.score.name == "none" for config in configs):
            faults.append(Fault(key, f"got {domain.text}; the trials need a score/fcd"))
    return faults


def _name_score(config: Config) -> tuple[object, ...]:
    """Return the settings that trials with the same score identity have in common."""
    score = config.score
    return (score.name, score.count, score.seed, score.classifier, repr(name_images(config.data)))


def check_search(settings: StudySettings, config: Config) -> None:
    """Raise RequestError for a search without a valid sampler, pruner, score or number."""
    faults: list[Fault] = []
    if settings.n_trials is None:
        faults.append(
            Fault(f"{PREFIX}n_trials", "has no value; a search needs the number of trials")
        )
    if config.score.name == "none":
        faults.append(Fault("score", "got none; a search needs a score/fcd"))
    if config.train.epochs < 1:
        faults.append(
            Fault("train.epochs", f"got {config.train.epochs}; a search needs at least 1")
        )
    for check in (
        lambda: make_sampler(settings.sampler, settings.seed, 0),
        lambda: make_pruner(settings.pruner),
    ):
        try:
            check()
        except RequestError as error:
            faults += error.faults
    require_none(faults)


def list_points(swept: Mapping[str, Domain], *, paired: bool = False) -> tuple[Point, ...]:
    """Return every combination once, in Hydra's order, in which the last key varies fastest.

    If `paired`, the first values of all keys are a point, the second ones, and so on. Raises
    RequestError where there are too many, and for lists of different lengths to pair.
    """
    lengths = {key: len(domain.texts) for key, domain in swept.items()}
    if paired and len(set(lengths.values())) > 1:
        counts = ", ".join(f"{key} with {length} values" for key, length in lengths.items())
        raise refuse(f"{PREFIX}zip", f"got {counts}; allowed: lists of equal length")
    count = max(lengths.values(), default=1) if paired else math.prod(lengths.values())
    if count > MOST_POINTS:
        problem = f"got {count:,} trials; allowed: at most {MOST_POINTS:,} in a grid"
        raise refuse(", ".join(swept), problem)
    sides = [
        [(f"{key}={text}", key, value) for text, value in zip(each.texts, each.values, strict=True)]
        for key, each in swept.items()
    ]
    points = {
        tuple(word for word, _, _ in combination): {key: value for _, key, value in combination}
        for combination in combine(sides, paired=paired)
    }
    return tuple(Point(words, values) for words, values in points.items())


def combine(sides: Sequence[Sequence[Any]], *, paired: bool) -> Iterator[tuple[Any, ...]]:
    """Return the combinations of some lists, crossed or paired; one if there are no lists."""
    return zip(*sides, strict=True) if paired and sides else itertools.product(*sides)


def check_values(fixed: Sequence[str], overrides: Sequence[str], compose: Compose) -> list[Config]:
    """Return the configuration of each swept value that can be composed alone.

    Raises RequestError with every value that is wrong for all trials. A value that only conflicts
    with others may be right for some trials, so it is left to them.
    """
    faults: dict[str, Fault] = {}
    configs: list[Config] = []
    for word in overrides[:MOST_CHECKED]:
        try:
            configs.append(compose_checked([*fixed, word], [word], compose))
        except RequestError as error:
            found = [fault for fault in error.faults if not isinstance(fault, Conflict)]
            faults |= {str(fault): fault for fault in found}
    require_none(list(faults.values()))
    return configs


def check_inputs(configs: Sequence[Config], say: Say) -> None:
    """Raise RequestError with every fault that would keep a run of these from starting.

    Conflicts of values that only some trials have are left to those trials.
    """
    errors: list[RequestError] = []
    for folder in {each.score.classifier: None for each in configs if each.score.name != "none"}:
        with _keeping(errors):
            read_arrays(folder)
    alike: dict[object, list[Config]] = {}
    for each in configs:
        alike.setdefault(repr(name_images(each.data)), []).append(each)
    for of_one_data_set in alike.values():
        with _keeping(errors):
            images = load_images(of_one_data_set[0].data, say)
            for config in of_one_data_set:
                with _keeping(errors):
                    choose_rows(config, images)
                    require_shape(config.model, images)
                    require_fitting(config.score, config.data, images)
    found = [fault for error in errors for fault in error.faults]
    faults = {str(fault): fault for fault in found if not isinstance(fault, Conflict)}
    require_none(list(faults.values()))
    if len(errors) == len(configs):  # no trial could start
        raise errors[0]


@contextmanager
def _keeping(errors: list[RequestError]) -> Iterator[None]:
    try:
        yield
    except RequestError as error:
        errors.append(error)
