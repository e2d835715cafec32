"""Finds registered models in an MLflow store.

model = find_registered(client, "models:/lr@best")
"""

from __future__ import annotations

import re

from mlflow import MlflowClient
from mlflow.entities import LoggedModel
from mlflow.exceptions import MlflowException

from dcgan_sweeps.config.faults import refuse
from dcgan_sweeps.tracking.present import list_models, name_source

MODELS = "models:/"  # how the address of a registered model begins
ADDRESS = re.compile(rf"{MODELS}(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>[0-9]+))")


def find_registered(client: MlflowClient, address: str) -> LoggedModel:
    """Return the logged model at "models:/NAME@ALIAS" or "models:/NAME/VERSION".

    Raises RequestError for an address of another form, and for a model that is not registered.
    """
    match = ADDRESS.fullmatch(address)
    if match is None:
        raise refuse(
            "TARGET", f"got {address}; allowed: models:/NAME@ALIAS or models:/NAME/VERSION"
        )
    try:
        if match["alias"] is not None:
            version = client.get_model_version_by_alias(match["name"], match["alias"])
        else:
            version = client.get_model_version(match["name"], match["version"])
        # Not every store keeps the id of the logged model, but all keep the source. In versions of
        # earlier releases it is the location.
        models = list_models(client, client.get_run(str(version.run_id)))
        return next(
            model
            for model, _ in models
            if version.source in (name_source(model), model.artifact_location)
        )
    except (MlflowException, StopIteration) as error:
        kind = getattr(error, "error_code", "RESOURCE_DOES_NOT_EXIST")
        if kind not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        problem = f"got {address}; there is no such model in {client.tracking_uri}"
        raise refuse("TARGET", problem) from error
