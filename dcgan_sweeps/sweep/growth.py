"""Lets a grid grow: a study that is started again with more values keeps the trials that it has.

history = list_grids(folder)          # the swept values of each start, the oldest first
request = keep_numbers(request, history)
grow_journal(folder, request)

Optuna does not accept more choices of a text within a study, so the journal is written anew.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import optuna

from dcgan_sweeps.config.faults import refuse
from dcgan_sweeps.sweep.folder import StudyFolder
from dcgan_sweeps.sweep.request import StudyRequest, combine
from dcgan_sweeps.sweep.space import describe_values
from dcgan_sweeps.sweep.storage import open_storage

EARLIER = "earlier_grids"  # the swept values before the grid grew, in the file of the study
Grid = Sequence[tuple[str, Any]]  # (key, its values as texts of overrides)


def is_grown(before: Grid, now: Grid, *, paired: bool = False) -> bool:
    """Return whether a grid has the points of another one and more, for the same keys in order."""
    if [key for key, _ in before] != [key for key, _ in now] or before == now:
        return False
    if not all(isinstance(texts, list) for _, texts in (*before, *now)):
        return False
    if paired:
        return {*list_overrides(before, paired)} <= {*list_overrides(now, paired)}
    pairs = zip(before, now, strict=True)
    return all({*old} <= {*new} for (_, old), (_, new) in pairs)


def list_overrides(grid: Grid, paired: bool) -> Iterator[tuple[str, ...]]:
    """Return the overrides of each point of a grid."""
    sides = [[f"{key}={text}" for text in texts] for key, texts in grid]
    return combine(sides, paired=paired)


def list_grids(folder: StudyFolder) -> list[Grid]:
    """Return the swept values of each start of a study that gave it more, the oldest first."""
    known = folder.read()
    return [*known.get(EARLIER, []), known["swept"]]


def keep_numbers(request: StudyRequest, history: Sequence[Grid]) -> StudyRequest:
    """Return the request with its points in the order in which the grid has grown.

    The number of a trial is the place of its point, so the points of earlier grids come first.
    """
    points = {point.overrides: point for point in request.points}
    order = [
        overrides for grid in history for overrides in list_overrides(grid, request.settings.zip)
    ]
    ordered = dict.fromkeys([*order, *points])
    return dataclasses.replace(request, points=tuple(points[each] for each in ordered))


def grow_journal(folder: StudyFolder, request: StudyRequest) -> None:
    """Write the journal of a study anew, with the choices that its grid has now.

    It replaces the old one as a whole. Raises RequestError for trials in another storage.
    """
    if request.settings.storage is not None:
        problem = "a grid can grow only where its trials are in the study's own journal"
        raise refuse("hydra.sweeper.storage", f"{problem}; start a new study")
    old = optuna.load_study(study_name=folder.name, storage=open_storage(None, folder.journal))
    path = folder.journal.with_name("journal_grown.log")
    path.unlink(missing_ok=True)  # of a start that was killed
    new = optuna.create_study(
        study_name=folder.name, storage=open_storage(None, path), direction="minimize"
    )
    for key, value in {**old.user_attrs, "asked": request.describe()}.items():
        new.set_user_attr(key, value)
    ranges = {key: describe_values(domain.values) for key, domain in request.swept.items()}
    trials = old.get_trials()
    for trial in trials:
        trial.distributions = {key: ranges[key] for key in trial.params}
    new.add_trials(trials)
    path.replace(folder.journal)
    path.with_name(f".{path.name}.lock").unlink(missing_ok=True)
