"""Lets a search begin with what another study has found.

earlier = read_earlier(request)          # the trials of hydra.sweeper.warm_start, () without it
values = suggest_after(study, earlier, sampler, space)

The trials of the other study are told to the sampler alone. They have no numbers in this study, no
folders, and do not count.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from dcgan_sweeps.config.faults import refuse
from dcgan_sweeps.runs.scores import describe_mixed
from dcgan_sweeps.sweep.folder import StudyFolder
from dcgan_sweeps.sweep.ranking import find_identities
from dcgan_sweeps.sweep.request import StudyRequest
from dcgan_sweeps.sweep.settings import PREFIX
from dcgan_sweeps.sweep.space import Space, contains, exists, suggest
from dcgan_sweeps.sweep.storage import open_storage
from dcgan_sweeps.sweep.trial import compute_identity

KEY, STUDY = f"{PREFIX}warm_start", "study:"
STATELESS = ("tpe", "gp", "random")  # samplers that keep nothing in the storage
SCORED = (TrialState.COMPLETE, TrialState.PRUNED)


def read_earlier(request: StudyRequest) -> tuple[FrozenTrial, ...]:
    """Return the trials of the study that a search starts from, where their points are inside.

    They have the distributions of this search. Raises RequestError for a study that does not exist,
    has scores of another identity, or has no trial in the search space.
    """
    asked = request.settings.warm_start
    if asked is None:
        return ()
    if not request.is_search:
        raise refuse(KEY, f"got {asked}; allowed: null, since a grid has no sampler")
    if request.settings.sampler.get("name") not in STATELESS:
        named = f"got {asked} with the sampler {request.settings.sampler.get('name')}"
        raise refuse(KEY, f"{named}; allowed samplers: {', '.join(STATELESS)}")
    name = asked.removeprefix(STUDY)
    if name == asked:
        raise refuse(KEY, f"got {asked}; allowed: study:NAME")
    folder = StudyFolder.at(Path(request.config.tracking.dir), name)
    if not folder.has_begun or not folder.journal.is_file():
        raise refuse(KEY, f"got {asked}; there is no such study in {folder.root.parent}")
    study = optuna.load_study(study_name=name, storage=open_storage(None, folder.journal))
    trials = study.get_trials(deepcopy=False, states=SCORED)
    _require_identity(request, trials, asked)
    inside = [each for each in trials if is_inside(each, request.space)]
    if not inside:
        problem = f"none of its {len(trials)} scored trials is in the search space"
        raise refuse(KEY, f"got {asked}; {problem}")
    return tuple(rebuild(each, request.space) for each in inside)


def _require_identity(request: StudyRequest, trials: Sequence[FrozenTrial], asked: str) -> None:
    mine = compute_identity(request.config)
    found = find_identities(trials)
    if mine is not None:
        found |= {mine.digest: mine.describe()}
    if len(found) > 1:
        raise refuse(KEY, f"got {asked}; {describe_mixed(found)}")


def is_inside(trial: FrozenTrial, space: Space) -> bool:
    """Return whether a trial has a point of a search space; further keys are ignored."""
    return all(
        parameter.key in trial.params and contains(parameter, trial.params[parameter.key])
        for parameter in space
        if exists(parameter, trial.params)
    )


def rebuild(trial: FrozenTrial, space: Space) -> FrozenTrial:
    """Return a trial with the keys and the distributions of a search space."""
    kept = [each for each in space if exists(each, trial.params)]
    is_complete = trial.state == TrialState.COMPLETE
    return create_trial(
        state=trial.state,
        value=trial.value if is_complete else None,
        params={each.key: trial.params[each.key] for each in kept},
        distributions={each.key: each.distribution for each in kept},
        intermediate_values=trial.intermediate_values,
    )


def suggest_after(
    study: optuna.Study, earlier: Sequence[FrozenTrial], sampler: BaseSampler, space: Space
) -> dict[str, Any]:
    """Return the point that a sampler suggests after the earlier trials and those of a study."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        both = optuna.create_study(sampler=sampler, direction="minimize")
        both.add_trials([*earlier, *study.get_trials(deepcopy=False)])
        return suggest(both.ask(), space)
