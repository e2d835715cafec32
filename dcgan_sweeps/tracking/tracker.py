"""One run in an MLflow store, or nowhere.

run_id = client.create_run(experiment_id).info.run_id
tracker = MlflowTracker(client, experiment_id, run_id, Logged(), system_metrics_s=0)
tracker.log_metrics({"score/fcd": 31.4}, step=10, time_s=time.time())
tracker.end("complete", reason="", step=10, waited_s=0)
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import sqlalchemy
from mlflow import MlflowClient
from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LoggedModelOutput,
    Metric,
    Param,
    RunTag,
)
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor
from mlflow.types import Schema, TensorSpec
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT
from PIL import Image

from dcgan_sweeps.tracking.secrets import mask_secrets
from dcgan_sweeps.tracking.writer import Writer

MLFLOW_STATUS_OF_OUTCOME = {
    "complete": "FINISHED",
    "pruned": "KILLED",
    "interrupted": "KILLED",
    "diverged": "FAILED",
    "failed": "FAILED",
}
PENDING_WRITES = 64
TRIES = 3
LONGEST_PARAM = 6000  # of MLflow's server


class Tracker(Protocol):
    """Where a run is logged. Nothing here waits for the store longer than a queue is full."""

    @property
    def run_id(self) -> str | None: ...
    @property
    def failures(self) -> list[Exception]: ...
    @property
    def cpu_s(self) -> float: ...

    def log_params(self, params: Mapping[str, Any]) -> None: ...
    def log_tags(self, tags: Mapping[str, str]) -> None: ...
    def log_metrics(self, values: Mapping[str, float], step: int, time_s: float) -> None: ...
    def log_image(self, path: Path, key: str, step: int) -> None: ...
    def log_file(self, path: Path, folder: str) -> None: ...
    def log_data(self, name: str, digest: str, source: str, rows: int) -> None: ...
    def log_model(self, folder: Path, name: str, step: int) -> None: ...
    def end(self, outcome: str, reason: str, step: int, waited_s: float) -> None: ...
    def tag_ended(self, tags: Mapping[str, str]) -> None: ...


class NoTracker:
    """Logs nothing: the run folder is all that is left."""

    run_id: str | None = None
    cpu_s = 0.0

    def __init__(self) -> None:
        self.failures: list[Exception] = []

    def log_params(self, params: Mapping[str, Any]) -> None:
        pass

    def log_tags(self, tags: Mapping[str, str]) -> None:
        pass

    def log_metrics(self, values: Mapping[str, float], step: int, time_s: float) -> None:
        pass

    def log_image(self, path: Path, key: str, step: int) -> None:
        pass

    def log_file(self, path: Path, folder: str) -> None:
        pass

    def log_data(self, name: str, digest: str, source: str, rows: int) -> None:
        pass

    def log_model(self, folder: Path, name: str, step: int) -> None:
        pass

    def end(self, outcome: str, reason: str, step: int, waited_s: float) -> None:
        pass

    def tag_ended(self, tags: Mapping[str, str]) -> None:
        pass


@dataclass(frozen=True)
class Logged:
    """What a run has in its store already, most as (name, step): written once, it stays."""

    params: frozenset[str] = frozenset()
    metrics: frozenset[tuple[str, int]] = frozenset()
    images: frozenset[tuple[str, int]] = frozenset()
    models: frozenset[tuple[str, int]] = frozenset()


class MlflowTracker:
    """One run in an MLflow store; what is in `logged` is not written a second time."""

    def __init__(
        self,
        client: MlflowClient,
        experiment_id: str,
        run_id: str,
        logged: Logged,
        system_metrics_s: float,
    ):
        self.client = client
        self.experiment_id = experiment_id
        self.run_id: str = run_id
        self.logged = logged
        self.writer = Writer(PENDING_WRITES)
        self.monitor = _start_monitor(self.run_id, client.tracking_uri, system_metrics_s)

    @property
    def failures(self) -> list[Exception]:
        return self.writer.failures

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Log {key: value}, each value as text."""
        texts = [
            Param(key, mask_secrets(str(value))[:LONGEST_PARAM])
            for key, value in params.items()
            if key not in self.logged.params
        ]
        self.writer.submit(lambda: self.client.log_batch(self.run_id, params=texts))

    def log_tags(self, tags: Mapping[str, str]) -> None:
        """Log {key: text}."""
        texts = [RunTag(key, value) for key, value in mask_tags(tags).items()]
        self.writer.submit(lambda: self.client.log_batch(self.run_id, tags=texts))

    def log_metrics(self, values: Mapping[str, float], step: int, time_s: float) -> None:
        """Log {name: value} at a step: optimizer steps for losses, epochs for scores."""
        metrics = [
            Metric(name, float(value), int(time_s * 1000), step)
            for name, value in values.items()
            if (name, step) not in self.logged.metrics
        ]
        if metrics:
            self.writer.submit(lambda: self.client.log_batch(self.run_id, metrics=metrics))

    def log_image(self, path: Path, key: str, step: int) -> None:
        """Log a picture of a series: the UI has a slider over the steps of a key."""
        if (key, step) in self.logged.images:
            return

        def write() -> None:
            with Image.open(path) as image:
                self.client.log_image(self.run_id, image, key=key, step=step, synchronous=True)

        self.writer.submit(write)

    def log_file(self, path: Path, folder: str) -> None:
        """Log a file as an artifact in `folder` ("" for the root)."""
        self.writer.submit(lambda: self.client.log_artifact(self.run_id, str(path), folder or None))

    def log_data(self, name: str, digest: str, source: str, rows: int) -> None:
        """Log the data set as the run's input."""
        # MLflow keeps 36 characters of a digest.
        dataset = Dataset(
            name, digest[:36], "local", mask_secrets(source), profile=f'{{"num_rows": {rows}}}'
        )
        entry = DatasetInput(dataset, [InputTag(MLFLOW_DATASET_CONTEXT, "training")])

        def write() -> None:
            for attempt in range(1, TRIES + 1):
                try:
                    self.client.log_inputs(self.run_id, [entry])
                    return
                except (MlflowException, sqlalchemy.exc.IntegrityError):
                    # Another run that began at the same time has entered the data set just now.
                    if attempt == TRIES:
                        raise

        self.writer.submit(write)

    def log_model(self, folder: Path, name: str, step: int) -> None:
        """Log the MLflow model in `folder` as a model of this run."""
        if (name, step) in self.logged.models:
            return

        def write() -> None:
            logged = self.client.create_logged_model(
                self.experiment_id, name=name, source_run_id=self.run_id
            )
            self.client.log_model_artifacts(logged.model_id, str(folder))
            self.client.finalize_logged_model(logged.model_id, "READY")
            self.client.log_outputs(self.run_id, [LoggedModelOutput(logged.model_id, step)])

        self.writer.submit(write)

    @property
    def cpu_s(self) -> float:
        return self.writer.cpu_s

    def end(self, outcome: str, reason: str, step: int, waited_s: float) -> None:
        """Write what is pending and what logging cost, then end the run with its status."""
        self.log_tags(tag_ending(outcome, reason))
        self.writer.submit(lambda: self._log_cost(step, waited_s))
        if self.monitor is not None:
            self.monitor.finish()
        self.writer.submit(
            lambda: self.client.set_terminated(self.run_id, MLFLOW_STATUS_OF_OUTCOME[outcome])
        )
        self.writer.close()

    def tag_ended(self, tags: Mapping[str, str]) -> None:
        """Tag the run after its end, at once."""
        try:
            for key, value in mask_tags(tags).items():
                self.client.set_tag(self.run_id, key, value)
        except Exception as error:  # whatever the tracker raises is the run's to report
            self.failures.append(error)

    def _log_cost(self, step: int, waited_s: float) -> None:
        now_ms = int(time.time() * 1000)
        costs = {"tracking/waited_s": waited_s, "tracking/writer_cpu_s": self.writer.cpu_s}
        metrics = [
            Metric(name, value, now_ms, step)
            for name, value in costs.items()
            if (name, step) not in self.logged.metrics
        ]
        self.client.log_batch(self.run_id, metrics=metrics)


def save_mlflow_model(model: Any, folder: Path) -> None:
    """Save a Keras model with its signature and the packages that load it."""
    # Imported here: it brings TensorFlow, which whoever has a Keras model already has.
    import keras
    import mlflow.keras
    import tensorflow as tf

    signature = ModelSignature(
        Schema([TensorSpec(np.dtype(np.float32), (-1, *model.input_shape[1:]))]),
        Schema([TensorSpec(np.dtype(np.float32), (-1, *model.output_shape[1:]))]),
    )
    mlflow.keras.save_model(
        model,
        str(folder),
        signature=signature,
        pip_requirements=[
            f"keras=={keras.__version__}",
            f"tensorflow=={tf.__version__}",
            f"numpy=={np.__version__}",
        ],
    )


def tag_ending(outcome: str, reason: str) -> dict[str, str]:
    """Return the tags that say how a run ended; without a reason there is none about it."""
    return {"outcome": outcome} | ({"outcome.reason": reason} if reason else {})


def mask_tags(tags: Mapping[str, str]) -> dict[str, str]:
    return {key: mask_secrets(value) for key, value in tags.items()}


def _start_monitor(run_id: str, uri: str, every_s: float) -> SystemMetricsMonitor | None:
    if every_s == 0:
        return None
    monitor = SystemMetricsMonitor(
        run_id, sampling_interval=every_s, resume_logging=True, tracking_uri=uri
    )
    monitor.start()
    return monitor
