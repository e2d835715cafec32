"""A study in an MLflow store: one parent run, its trials the children.

parent_run_id = open_parent(client, store, experiment, "fcd_...", {"sampler": "tpe"})
find_children(client, experiment, parent_run_id)[3].metrics["score/fcd"]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Param
from mlflow.exceptions import MlflowException

from dcgan_sweeps.runs.logged_run import LoggedRun, find_generator, find_runs
from dcgan_sweeps.tracking.folder import RunFolder
from dcgan_sweeps.tracking.secrets import mask_secrets
from dcgan_sweeps.tracking.store import Store, find_experiment
from dcgan_sweeps.tracking.tracker import MLFLOW_STATUS_OF_OUTCOME, mask_tags, tag_ending

PARENT = "mlflow.parentRunId"
NOTE = "mlflow.note.content"  # what the UI shows as a run's description
STUDY, TRIAL = "study", "trial"
BEST = "best"


def open_parent(
    client: MlflowClient, store: Store, experiment: str, study: str, tags: Mapping[str, str]
) -> str:
    """Return the id of a new study's parent run; one of a start that was killed is taken over."""
    experiment_id = find_experiment(client, store, experiment)
    for run in find_runs(client, experiment, f"tags.`{STUDY}` = '{study}'"):
        same_place = run.tags.get("folder") == tags["folder"]
        if PARENT not in run.tags and run.status == "RUNNING" and same_place:
            return run.run_id
    known = {STUDY: study, "mlflow.source.name": "dcgan_sweeps.run", **mask_tags(tags)}
    run_id: str = client.create_run(experiment_id, run_name=study, tags=known).info.run_id
    return run_id


def log_specification(client: MlflowClient, run_id: str, values: Mapping[str, str]) -> None:
    """Log what a study was asked, as the params of its parent run."""
    params = [Param(key, mask_secrets(value)[:6000]) for key, value in values.items()]
    client.log_batch(run_id, params=params)


def find_children(client: MlflowClient, experiment: str, parent: str) -> dict[int, LoggedRun]:
    """Return {trial number: run} of a study."""
    runs = find_runs(client, experiment, f"tags.`{PARENT}` = '{parent}'")
    return {int(run.tags[TRIAL]): run for run in runs if run.tags.get(TRIAL, "").isdecimal()}


def set_running(client: MlflowClient, run_id: str) -> None:
    """Set a parent run to RUNNING: its study goes on."""
    client.update_run(run_id, status="RUNNING")


def end_dead(
    client: MlflowClient, run_id: str, folder: RunFolder, outcome: str, reason: str
) -> None:
    """End a run whose process is gone, with what happened to it."""
    if folder.root.is_dir():
        end_folder(folder, outcome, reason)
    end_run(client, run_id, outcome, reason)


def end_run(client: MlflowClient, run_id: str, outcome: str, reason: str) -> None:
    """End a run in the store alone."""
    for key, value in mask_tags(tag_ending(outcome, reason)).items():
        client.set_tag(run_id, key, value)
    client.set_terminated(run_id, MLFLOW_STATUS_OF_OUTCOME[outcome])


def end_folder(folder: RunFolder, outcome: str, reason: str) -> None:
    """End the history of a run whose process is gone; a line that was cut off is dropped."""
    whole, end, _ = folder.read_history().rpartition("\n")
    folder.rewind(whole + end, sys.maxsize)
    masked = mask_secrets(reason)
    folder.append({"outcome": outcome, "reason": masked, "time_s": round(time.time(), 3)})


def add_text(client: MlflowClient, run_id: str, text: str, name: str) -> None:
    """Add a text to the artifacts of a run."""
    client.log_text(run_id, mask_secrets(text), name)


def add_file(client: MlflowClient, run_id: str, path: Path, folder: str) -> None:
    """Add a file to the artifacts of a run; one of its name is replaced."""
    client.log_artifact(run_id, str(path), folder)


def end_parent(
    client: MlflowClient,
    run_id: str,
    status: str,
    tags: Mapping[str, str],
    metrics: Mapping[str, float],
    files: Sequence[Path],
) -> None:
    """End a study's parent run with what came out."""
    for key, value in mask_tags(tags).items():
        client.set_tag(run_id, key, value)
    logged = client.get_run(run_id).data.metrics
    for name, metric in metrics.items():
        if logged.get(name) != metric:  # a study whose command is given again ends again
            client.log_metric(run_id, name, metric)
    for file in files:
        client.log_artifact(run_id, str(file))
    client.set_terminated(run_id, status)


def describe(client: MlflowClient, run_id: str, text: str) -> None:
    """Set the description that the UI shows of a run."""
    client.set_tag(run_id, NOTE, mask_secrets(text))


def rename(client: MlflowClient, run_id: str, name: str) -> None:
    """Give a run another name."""
    client.update_run(run_id, name=mask_secrets(name))


def register_best(client: MlflowClient, name: str, run: LoggedRun) -> str | None:
    """Register the generator of a run under `name`, with the alias "best"; return its version.

    None where the run has logged no generator. The same generator is registered once.
    """
    newest = find_generator(client, run)
    if newest is None:
        return None
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    versions = client.search_model_versions(f"name = '{name}'")
    version = next((each for each in versions if each.run_id == run.run_id), None)
    if version is None:
        version = client.create_model_version(
            name, newest.artifact_location, run.run_id, model_id=newest.model_id
        )
    client.set_registered_model_alias(name, BEST, version.version)
    return str(version.version)
