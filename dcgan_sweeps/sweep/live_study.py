"""A study in progress: its request, its folder, its Optuna study, and its delivery to MLflow.

live = open_live_study(request, folder, study)
live.follow(folder.find_trial(3))   # delivers the trial from now on
"""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from typing import Any

import optuna

from dcgan_sweeps.sweep.folder import StudyFolder
from dcgan_sweeps.sweep.request import StudyRequest
from dcgan_sweeps.sweep.result import SCORE
from dcgan_sweeps.tracking.delivery import Delivery
from dcgan_sweeps.tracking.folder import STUDY, RunFolder
from dcgan_sweeps.tracking.outcome import Outcome
from dcgan_sweeps.tracking.provenance import read_code

LONGEST_TAG = 5000  # characters, the limit of MLflow

# The outcome of the parent run, by the reason that the study ended; "" when every trial is told.
OUTCOME_OF_ENDING = {
    "": Outcome.COMPLETE,
    "target": Outcome.COMPLETE,
    "interrupted": Outcome.INTERRUPTED,
    "time limit": Outcome.INTERRUPTED,
    "failures": Outcome.FAILED,
}


@dataclass(frozen=True)
class LiveStudy:
    """A study in this process; the study's folder is also the record of its parent run."""

    request: StudyRequest
    folder: StudyFolder
    study: optuna.Study
    delivery: Delivery

    @property
    def record(self) -> RunFolder:
        return RunFolder(self.folder.root)

    def follow(self, trial: RunFolder) -> None:
        """Deliver the run of a trial that has ended, unless it is delivered already."""
        if trial.root.is_dir():
            self.delivery.follow(trial)

    def end(self, ending: str, metrics: dict[str, float], tags: dict[str, str]) -> None:
        """Record the end of this start of the study."""
        record = self.record
        record.describe(tags=tags)
        step = count_endings(record)
        record.append({"step": step, **metrics})
        record.end(OUTCOME_OF_ENDING[ending], ending)


def open_live_study(request: StudyRequest, folder: StudyFolder, study: optuna.Study) -> LiveStudy:
    """Return a new or resumed study, with its parent run open."""
    name_metric(study)
    record = RunFolder(folder.root)
    described = {f"study.{key}": as_text(value) for key, value in request.describe().items()}
    swept = described.pop("study.swept")  # a grid can grow, and a param cannot change
    tags = {STUDY: folder.name, "study.swept": swept[:LONGEST_TAG]}
    if record.read_ending() is not None:
        record.append({"step": count_endings(record)})  # marks the study as not ended
    else:
        tags["mlflow.source.git.commit"] = read_code().commit or ""
    record.begin(folder.name, tags, described, request.config.tracking)
    delivery = Delivery(record, request.config.tracking)
    delivery.open()
    return LiveStudy(request, folder, study, delivery)


def name_metric(study: optuna.Study) -> None:
    """Name the score of a study for optuna-dashboard, unless it has its name already."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the warning that names of metrics are experimental
        if study.metric_names != [SCORE]:
            study.set_metric_names([SCORE])


def count_endings(record: RunFolder) -> int:
    """Return how many times a study has ended so far."""
    return sum("outcome" in each for each in record.read_records())


def as_text(value: Any) -> str:
    """Return a setting as a param of the parent run."""
    return value if isinstance(value, str) else json.dumps(value)
