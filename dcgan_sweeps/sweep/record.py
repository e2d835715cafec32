"""What a study leaves in MLflow, and what its trials left there: without a tracker, in folders.

record = open_study_record(request.config, folder, request.describe())
record.read(3)    # TrialResult of trial 3, None where it left nothing
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dcgan_sweeps.config import Config, Fault, RequestError
from dcgan_sweeps.execution.resume import hold
from dcgan_sweeps.runs.logged_run import LoggedRun
from dcgan_sweeps.sweep.folder import StudyFolder
from dcgan_sweeps.sweep.result import SCORE, TrialResult
from dcgan_sweeps.sweep.trial import find_trial_run, name_trial
from dcgan_sweeps.tracking import children
from dcgan_sweeps.tracking.folder import RunFolder
from dcgan_sweeps.tracking.provenance import read_code
from dcgan_sweeps.tracking.recorder import open_recorder, reopen_recorder
from dcgan_sweeps.tracking.store import Client, connect, find_store

DIED = "its process is gone"
END_S = 10  # for a trial whose controlling process is gone


@dataclass(frozen=True)
class StudyRecord:
    """A study's parent run and children; `client` is None where nothing is tracked."""

    config: Config
    folder: StudyFolder
    client: Client | None
    parent: str | None

    def read(self, number: int) -> TrialResult | None:
        """Return how a trial ended, as its record has it; None where it has not.

        The run of a trial whose process died is ended here.
        """
        run_folder = self.folder.find_trial(number)
        if not run_folder.root.is_dir():
            return None
        if self.client is None:
            return _read_folder(run_folder.read_records())
        run = self._find(number)
        if run is None:
            return None
        if run.status == "RUNNING":
            wait_for_end(run_folder)
            children.end_dead(self.client, run.run_id, run_folder, "interrupted", DIED)
            return None
        return _as_result(run, run_folder.read_text("traceback.txt"))

    def end_trial(self, number: int, result: TrialResult) -> None:
        """End the run of a trial as `result` has it, where its process did not.

        Nothing where it has no run. One that is to be tried again is "interrupted": a start after
        this one shall not count its failure a second time.
        """
        run_folder, outcome = self.folder.find_trial(number), result.outcome
        if not run_folder.root.is_dir():
            return
        if self.client is None:
            if outcome == "interrupted":
                children.end_folder(run_folder, outcome, result.reason)
            return
        run = self._find(number)
        unended = ("", "interrupted")
        if run is None or (outcome == run.outcome and run.status != "RUNNING"):
            return
        if run.status == "RUNNING" or outcome == "interrupted" or run.outcome in unended:
            children.end_dead(self.client, run.run_id, run_folder, outcome, result.reason)
            if result.traceback:
                children.add_text(self.client, run.run_id, result.traceback, "traceback.txt")

    def _find(self, number: int) -> LoggedRun | None:
        return find_trial_run(
            self.client, self.config, self.folder.find_trial(number), self.parent, number
        )

    def entitle(self, number: int, varied: list[str], result: TrialResult) -> None:
        """Say how a trial ended in the name of its run: the UI lists children by name alone."""
        run_id = find_run_id(self.folder, number)
        if self.client is not None and run_id is not None:
            state = "" if result.outcome == "complete" else f"{result.outcome} "
            score = f"fcd {result.scores[SCORE]:.2f} " if SCORE in result.scores else ""
            # What varies comes last: the UI cuts names off.
            children.rename(self.client, run_id, name_trial(number, varied, score + state))

    def add_failure(self, number: int, varied: list[str], result: TrialResult) -> str | None:
        """Record a trial that failed before it had a run of its own; return that run's id."""
        run_folder = self.folder.find_trial(number)
        tracking = self.config.tracking
        tags = {children.STUDY: self.folder.name, children.TRIAL: str(number)}
        if self.parent is not None:
            tags[children.PARENT] = self.parent
        run = None
        if run_folder.root.is_dir():
            run = self._find(number)
        if run is None:
            recorder = open_recorder(tracking, name_trial(number, varied), tags, run_folder.root)
        else:
            recorder = reopen_recorder(tracking, run_folder, run, hold(run_folder))
        recorder.tracker.log_params({"trial": number})
        if result.traceback:
            recorder.add_traceback(result.traceback)
        recorder.finish(result.outcome, result.reason)
        return recorder.tracker.run_id

    def find_children(self) -> dict[int, LoggedRun]:
        """Return {trial number: run} of this study."""
        if self.client is None or self.parent is None:
            return {}
        return children.find_children(self.client, self.config.tracking.experiment, self.parent)


def wait_for_end(folder: RunFolder) -> None:
    """Return once no process works in a trial's folder; raises RequestError naming one that does.

    The trials of some launchers outlive the controlling process.
    """
    until = time.monotonic() + END_S
    while True:
        try:
            folder.lock().close()
            return
        except BlockingIOError as error:
            if time.monotonic() > until:
                problem = f"the trial of {folder.root} is still going on, as {error}"
                raise RequestError([Fault("hydra.sweeper.study_name", problem)]) from error
            time.sleep(0.2)


def open_study_record(config: Config, folder: StudyFolder, asked: Mapping[str, Any]) -> StudyRecord:
    """Return the record of a study, begun where it has none; raises RequestError."""
    if config.tracking.name == "none":
        return StudyRecord(config, folder, None, None)
    store = find_store(config.tracking.uri, config.tracking.dir)
    client = connect(store)
    if folder.has_begun:
        parent: str = folder.read()["parent_run_id"]
        children.set_running(client, parent)
        return StudyRecord(config, folder, client, parent)
    tags = {
        "folder": str(folder.root),
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": read_code().commit or "",
    }
    parent = children.open_parent(client, store, config.tracking.experiment, folder.name, tags)
    texts = {
        f"study.{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in asked.items()
    }
    children.log_specification(client, parent, texts)
    return StudyRecord(config, folder, client, parent)


def _as_result(run: LoggedRun, traceback: str) -> TrialResult | None:
    if run.outcome in ("", "interrupted"):
        return None
    scores = {name: value for name, value in run.metrics.items() if name.startswith(SCORE)}
    reason = run.tags.get("outcome.reason", "")
    return TrialResult(run.outcome, reason, scores, run.run_id, traceback)


def _read_folder(records: list[dict[str, Any]]) -> TrialResult | None:
    if not records or records[-1].get("outcome") in (None, "interrupted"):
        return None
    scores: dict[str, float] = {}
    for record in records:
        scores |= {name: record[name] for name in (SCORE, f"{SCORE}_test") if name in record}
    return TrialResult(records[-1]["outcome"], records[-1]["reason"], scores)


def find_run_id(folder: StudyFolder, number: int) -> str | None:
    """Return the MLflow run of a trial, as its folder says."""
    return folder.find_trial(number).read_run_id()
