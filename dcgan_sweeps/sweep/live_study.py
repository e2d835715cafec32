"""A study that goes on: what it was asked, its folder, its trials, and its way to MLflow.

live = open_live_study(request, folder, study)
live.follow(folder.find_trial(3))   # delivered from now on
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import optuna

from dcgan_sweeps.sweep.folder import StudyFolder
from dcgan_sweeps.sweep.request import StudyRequest
from dcgan_sweeps.tracking.delivery import Delivery
from dcgan_sweeps.tracking.folder import STUDY, RunFolder
from dcgan_sweeps.tracking.outcome import Outcome
from dcgan_sweeps.tracking.provenance import read_code

# Why a study ended, as the outcome of its parent run; "" when every trial is told.
OUTCOME_OF_ENDING = {
    "": Outcome.COMPLETE,
    "target": Outcome.COMPLETE,
    "interrupted": Outcome.INTERRUPTED,
    "time limit": Outcome.INTERRUPTED,
    "failures": Outcome.FAILED,
}


@dataclass(frozen=True)
class LiveStudy:
    """One study in this process. The record of its parent run is the study's own folder."""

    request: StudyRequest
    folder: StudyFolder
    study: optuna.Study
    delivery: Delivery

    @property
    def record(self) -> RunFolder:
        return RunFolder(self.folder.root)

    def follow(self, trial: RunFolder) -> None:
        """Deliver the run of a trial that has ended, unless it is delivered."""
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
    """Return a study that begins, or goes on, and open its parent run."""
    record = RunFolder(folder.root)
    params = {f"study.{key}": as_text(value) for key, value in request.describe().items()}
    tags = {
        STUDY: folder.name,
        "mlflow.source.name": "dcgan_sweeps.run",
        "mlflow.source.type": "LOCAL",
    }
    if record.read_ending() is not None:
        record.append({"step": count_endings(record)})  # with it the study has not ended
    else:
        tags["mlflow.source.git.commit"] = read_code().commit or ""
    record.begin(folder.name, tags, params, request.config.tracking)
    delivery = Delivery(record, request.config.tracking)
    delivery.open()
    return LiveStudy(request, folder, study, delivery)


def count_endings(record: RunFolder) -> int:
    """Return how often a study has ended so far."""
    return sum("outcome" in each for each in record.read_records())


def as_text(value: Any) -> str:
    """Return a value of a specification as a param of the parent run."""
    return value if isinstance(value, str) else json.dumps(value)
