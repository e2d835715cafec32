"""Reads what the MLflow run of a folder already has.

run = find_own_run(client, folder)
present = read_present(client, run)
("score/fcd", 10) in present.metrics
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import LoggedModel, Run
from mlflow.exceptions import MlflowException

from dcgan_sweeps.config.faults import refuse
from dcgan_sweeps.tracking.folder import MLFLOW_FILE, RUN_FILE, RunFolder
from dcgan_sweeps.tracking.images import IMAGE_FILE

GENERATOR = "generator"  # the name of the model that is scored, and of which a study registers one
DISCRIMINATOR = "discriminator"


@dataclass
class Present:
    """The content of an MLflow run; metrics, images and models are (name, step) pairs."""

    params: set[str] = field(default_factory=set)
    tags: dict[str, str] = field(default_factory=dict)
    metrics: set[tuple[str, int]] = field(default_factory=set)
    images: set[tuple[str, int]] = field(default_factory=set)
    files: dict[str, int] = field(default_factory=dict)  # {path: bytes}
    models: set[tuple[str, int]] = field(default_factory=set)
    has_data: bool = False


def find_own_run(client: MlflowClient, folder: RunFolder) -> Run | None:
    """Return the MLflow run that a folder names, None if there is none or it was deleted.

    Raises RequestError if the run belongs to a folder of another name, whose run would be
    overwritten. A folder that was moved keeps its name.
    """
    run_id = folder.read_run_id()
    if run_id is None:
        return None
    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None
    tags, known = run.data.tags, folder.read_mapping(RUN_FILE)
    named = Path(tags.get("folder", folder.root))
    record = tags.get("record", known.get("record"))
    if named.name != folder.root.name or record != known.get("record", record):
        problem = f"names run {run_id}, which belongs to {named}; allowed: a folder of that name"
        raise refuse(str(folder.root / MLFLOW_FILE), problem)
    return run if run.info.lifecycle_stage == "active" else None


def read_present(client: MlflowClient, run: Run) -> Present:
    """Return the content of a run; models whose upload was cut off are removed."""
    run_id = run.info.run_id
    names = [*run.data.metrics]
    return Present(
        set(run.data.params),
        dict(run.data.tags),
        {(name, each.step) for name in names for each in client.get_metric_history(run_id, name)},
        _find_images(client, run_id),
        _find_files(client, run_id),
        _find_models(client, run),
        bool(run.inputs and run.inputs.dataset_inputs),
    )


def _find_images(client: MlflowClient, run_id: str) -> set[tuple[str, int]]:
    """Return the (key, step) of the complete pictures, which have a small copy."""
    named = (IMAGE_FILE.fullmatch(each.path) for each in client.list_artifacts(run_id, "images"))
    return {(match["key"], int(match["step"])) for match in named if match and match["small"]}


def _find_files(client: MlflowClient, run_id: str) -> dict[str, int]:
    places = (None, "config", "samples", "score")
    listed = [each for place in places for each in client.list_artifacts(run_id, place)]
    return {each.path: each.file_size or 0 for each in listed if not each.is_dir}


def _find_models(client: MlflowClient, run: Run) -> set[tuple[str, int]]:
    """Return the (name, step) of the complete models, and remove the others."""
    whole = list_models(client, run)
    known = {model.model_id for model, _ in whole}
    for model in _search_models(client, run):
        if model.model_id not in known:
            client.delete_logged_model(model.model_id)
    return {(model.name, step) for model, step in whole}


def list_models(client: MlflowClient, run: Run) -> list[tuple[LoggedModel, int]]:
    """Return (model, optimizer step) of each complete model of a run."""
    outputs = run.outputs.model_outputs if run.outputs else []
    steps = {each.model_id: each.step for each in outputs}
    found = _search_models(client, run)
    return [
        (model, steps[model.model_id])
        for model in found
        if model.model_id in steps and model.status == "READY"
    ]


def name_source(model: LoggedModel) -> str:
    """Return the address of a logged model as the source of a model version."""
    return f"models:/{model.model_id}"


def find_generator(client: MlflowClient, run_id: str) -> LoggedModel | None:
    """Return the newest complete generator of a run, None if there is none."""
    return find_model(client, run_id, GENERATOR)


def find_model(client: MlflowClient, run_id: str, name: str) -> LoggedModel | None:
    """Return the newest complete model of that name in a run, None if there is none."""
    models = list_models(client, client.get_run(run_id))
    named = [(step, model) for model, step in models if model.name == name]
    return max(named, key=lambda pair: pair[0], default=(0, None))[1]


def _search_models(client: MlflowClient, run: Run) -> list[LoggedModel]:
    condition = f"source_run_id = '{run.info.run_id}'"
    return [*client.search_logged_models([run.info.experiment_id], filter_string=condition)]
