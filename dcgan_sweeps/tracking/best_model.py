"""The generator of a study's best trial, registered as a model version under the study's name.

best = BestModel(StudyFolder..., trial_folder, config.tracking)
best.update()     # once the trial is delivered
best.address      # "models:/fcd_2026-11-25_13-00-00@best (version 1)"
"""

from __future__ import annotations

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from dcgan_sweeps.config import Tracking
from dcgan_sweeps.tracking.folder import RunFolder
from dcgan_sweeps.tracking.mirror import find_own_run, is_delivered, list_models
from dcgan_sweeps.tracking.store import connect, find_store

BEST = "best"  # the alias


class BestModel:
    """The registered model of one study; `trial` is the folder of its best trial."""

    def __init__(self, name: str, trial: RunFolder, tracking: Tracking):
        self.name = name
        self.trial = trial
        self.tracking = tracking
        self.error: Exception | None = None
        self.address = ""
        self._is_done = False

    @property
    def is_delivered(self) -> bool:
        return self._is_done

    def update(self) -> None:
        """Register the generator, once the trial is delivered; raises what MLflow raises."""
        if self._is_done or not is_delivered(self.trial):
            return
        self.error = None
        try:
            client = connect(find_store(self.tracking.uri, self.tracking.dir))
            run = find_own_run(client, self.trial)
            version = None if run is None else register(client, self.name, run)
        except Exception as error:
            self.error = error
            raise
        if version is not None:
            self.address = f"models:/{self.name}@{BEST} (version {version})"
        self._is_done = True


def register(client: MlflowClient, name: str, run: Run) -> str | None:
    """Register the newest generator of a run under `name`, with the alias "best".

    Returns its version, None where the run has logged no generator. One generator is registered
    once.
    """
    generators = [
        (step, each) for each, step in list_models(client, run) if each.name == "generator"
    ]
    if not generators:
        return None
    _, newest = max(generators, key=lambda pair: pair[0])
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    run_id = run.info.run_id
    versions = client.search_model_versions(f"name = '{name}'")
    version = next((each for each in versions if each.run_id == run_id), None)
    if version is None:
        version = client.create_model_version(
            name, newest.artifact_location, run_id, model_id=newest.model_id
        )
    client.set_registered_model_alias(name, BEST, version.version)
    return str(version.version)
