"""Registers the generator of a study's best trial as a model version, under the study's name.

best = BestModel(study_folder, trial_folder, config.tracking)
best.update()     # does nothing until the trial is delivered
best.address      # "models:/fcd_2026-11-25_13-00-00@best (version 1)"
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager

from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.tracking._tracking_service.utils import _use_tracking_uri
from mlflow.utils.mlflow_tags import MLFLOW_MODEL_VERSIONS

from dcgan_sweeps.config.schema import Tracking
from dcgan_sweeps.tracking.address import is_database
from dcgan_sweeps.tracking.folder import MLFLOW_FILE, RunFolder
from dcgan_sweeps.tracking.mirror import is_delivered
from dcgan_sweeps.tracking.present import find_generator, find_own_run, name_source
from dcgan_sweeps.tracking.store import connect, find_store

VARIABLE = "MLFLOW_TRACKING_URI"
BEST = "best"  # the alias
REGISTERED = "registered"  # in mlflow.json of a study's folder: the trial that is registered


class BestModel:
    """Delivers the registered model of a study, from its best trial.

    `run_id` is the MLflow run of a trial without a folder, whose result was taken from an earlier
    run; it is None for a trial that was run in the study.
    """

    def __init__(
        self,
        study: RunFolder,
        trial: RunFolder,
        tracking: Tracking,
        run_id: str | None = None,
        alias: str = BEST,
    ):
        self.study = study
        self.trial = trial
        self.tracking = tracking
        self.run_id = run_id
        self.alias = alias
        self.mark = REGISTERED if alias == BEST else f"{REGISTERED}_{alias}"
        self.error: Exception | None = None
        self.is_left = False
        self.address = ""

    @property
    def is_delivered(self) -> bool:
        """Whether the generator is registered, or the trial logged none."""
        return bool(self.study.read_mapping(MLFLOW_FILE).get(self.mark) == self.trial.root.name)

    def update(self) -> None:
        """Register the generator if the trial is delivered; raises what MLflow raises."""
        self.error = None
        if self.run_id is None and not is_delivered(self.trial):
            return
        name = self.study.root.name
        try:
            client = connect(find_store(self.tracking.uri, self.tracking.dir))
            if self.run_id is None:
                run = find_own_run(client, self.trial)
            else:
                run = client.get_run(self.run_id)
            version = None if run is None else register(client, name, run, self.alias)
        except Exception as error:
            self.error = error
            raise
        if version is not None:
            self.address = f"models:/{name}@{self.alias} (version {version})"
        known = self.study.read_mapping(MLFLOW_FILE)
        self.study.write_json(MLFLOW_FILE, {**known, self.mark: self.trial.root.name})


@contextmanager
def _known_to_registry(uri: str) -> Iterator[None]:
    """Make the store at `uri` the global one of MLflow, and restore the previous one at the end.

    MLflow's registry in a database looks up a logged model in the global store, not in that of the
    client. A server looks it up in its own.
    """
    if not is_database(uri):
        yield
        return
    variable = os.environ.get(VARIABLE)
    try:
        with _use_tracking_uri(uri):
            yield
    finally:  # MLflow changes the variable, too
        os.environ.pop(VARIABLE, None)
        os.environ.update({} if variable is None else {VARIABLE: variable})


def register(client: MlflowClient, name: str, run: Run, alias: str = BEST) -> str | None:
    """Register the newest generator of a run under `name`, with an alias.

    Returns its version, or None if the run has logged no generator. A run that already has a
    version is not registered again.
    """
    run_id = run.info.run_id
    newest = find_generator(client, run_id)
    if newest is None:
        return None
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    versions = client.search_model_versions(f"name = '{name}'")
    version = next((each for each in versions if each.run_id == run_id), None)
    if version is None:
        with _known_to_registry(client.tracking_uri):
            version = client.create_model_version(
                name, name_source(newest), run_id, model_id=newest.model_id
            )
        # The UI's table of models shows this tag, which MLflow's register_model writes as well.
        versions_of = json.dumps([{"name": name, "version": version.version}])
        client.set_logged_model_tags(newest.model_id, {MLFLOW_MODEL_VERSIONS: versions_of})
    client.set_registered_model_alias(name, alias, version.version)
    return str(version.version)
