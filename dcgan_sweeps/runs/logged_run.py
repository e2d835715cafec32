"""Finds and reads runs in an MLflow store.

run = read_run(client, run_id, key="TARGET")
run.outcome, run.params["optimizer.lr"]
read_series(client, run_id, ["score/fcd"])["score/fcd"][10]
"""

from __future__ import annotations

import gc
import re
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import LoggedModel, Metric, Run
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from dcgan_sweeps.config.faults import refuse
from dcgan_sweeps.config.schema import ADDED
from dcgan_sweeps.files import decode
from dcgan_sweeps.logged_config import rename_logged
from dcgan_sweeps.metrics import SCORE
from dcgan_sweeps.tracking.folder import PAUSED
from dcgan_sweeps.tracking.hidden_tags import HIDDEN, read_config, read_metrics
from dcgan_sweeps.tracking.images import IMAGE_FILE

Model = LoggedModel
PAGE = 500  # runs per page of a search
SECONDS = re.compile(r"\d+(\.\d+)?")
RUN_ID = re.compile(r"[0-9a-f]{32}")
KERAS_FILE = "data/model.keras"  # where MLflow keeps the model itself


@dataclass(frozen=True)
class LoggedRun:
    """A run as it is in a store; `metrics` has the last value of each metric."""

    run_id: str
    experiment_id: str
    name: str
    status: str
    outcome: str  # "" if the run has not ended
    params: Mapping[str, str]  # the whole configuration, also where the run has fewer params
    tags: Mapping[str, str]
    metrics: Mapping[str, float]
    start_ms: int
    end_ms: int  # 0 while the run has not ended
    scored_epoch: int | None = None  # epoch of the last score, if the run is not complete

    @property
    def wall_s(self) -> float | None:
        """The duration without pauses.

        It is None if the run has not ended, or if the clock was set back meanwhile.
        """
        paused = self.tags.get(PAUSED, "")
        paused_s = float(paused) if SECONDS.fullmatch(paused) else 0.0
        wall_s = (self.end_ms - self.start_ms) / 1000 - paused_s
        return wall_s if self.end_ms and wall_s >= 0 else None


def read_run(client: MlflowClient, run_id: str, key: str) -> LoggedRun:
    """Return a run by its id; raises RequestError, as a fault of `key`, if there is none."""
    if not RUN_ID.fullmatch(run_id):
        raise refuse(key, f"got {run_id}; allowed: a run id, 32 hexadecimal digits")
    where = client.tracking_uri
    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        raise refuse(key, f"got {run_id}; there is no such run in {where}") from error
    if run.info.lifecycle_stage != "active":
        raise refuse(key, f"got {run_id}, which was deleted from {where}")
    return _as_logged(run)


def find_runs(client: MlflowClient, experiment: str, filter_string: str) -> list[LoggedRun]:
    """Return the runs of an experiment that meet an MLflow search filter, oldest first."""
    pages = read_pages(client, experiment, filter_string, "start_time ASC")
    return [run for page in pages for run in page]


def find_finished(client: MlflowClient, experiment: str, config_hash: str) -> list[LoggedRun]:
    """Return the complete runs of a configuration, those of earlier versions first."""
    return [
        run
        for tag in ("signature", "config_hash")
        for run in find_runs(
            client, experiment, f"tags.outcome = 'complete' and tags.{tag} = '{config_hash}'"
        )
    ]


def read_pages(
    client: MlflowClient, experiment: str, filter_string: str, order: str, size: int = PAGE
) -> Iterator[list[LoggedRun]]:
    """Yield the runs of an experiment that meet a filter, in an order, as lists of `size` runs."""
    found = client.get_experiment_by_name(experiment)
    token: str | None = ""
    while found is not None and token is not None:
        with _without_collector():
            page = client.search_runs(
                [found.experiment_id],
                filter_string,
                order_by=[order],
                max_results=size,
                page_token=token or None,
            )
        yield list(map(_as_logged, page))
        token = page.token or None


@contextmanager
def _without_collector() -> Iterator[None]:
    """Turn garbage collection off while runs are read.

    Each run becomes about 100 objects, and collecting takes twice as long as reading them.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def find_running(client: MlflowClient) -> list[LoggedRun]:
    """Return the runs of all experiments whose status in the store is RUNNING."""
    running = "attributes.status = 'RUNNING'"
    names = [experiment.name for experiment in client.search_experiments()]
    return [run for name in names for run in find_runs(client, name, running)]


def find_newest_scored(client: MlflowClient, experiment: str, metric: str) -> LoggedRun | None:
    """Return the newest complete run that has a metric and a score identity.

    Reproductions are skipped. Returns None if there is no such run.
    """
    has_identity = "params.`score.identity` != ''"
    filter_string = f"tags.outcome = 'complete' and metrics.`{metric}` >= 0 and {has_identity}"
    for page in read_pages(client, experiment, filter_string, "start_time DESC", 10):
        for run in page:
            if "reproduces" not in run.tags:
                return run
    return None


def _as_logged(run: Run) -> LoggedRun:
    tags = rename_logged(run.data.tags)
    outcome = tags.get("outcome", "")
    return LoggedRun(
        run.info.run_id,
        run.info.experiment_id,
        run.info.run_name or "",
        run.info.status,
        outcome,
        _read_params(run, tags),
        {key: text for key, text in tags.items() if not key.startswith(HIDDEN)},
        _read_values(run, tags),
        run.info.start_time or 0,
        run.info.end_time or 0,
        None if outcome == "complete" else _find_epoch(run),
    )


def _read_params(run: Run, tags: Mapping[str, str]) -> dict[str, str]:
    """Return the params, the rest of the configuration, and the config hash.

    In runs of earlier versions, all of these are params. A key that such a run lacks has the value
    that stands for its version's behaviour, so that it is one configuration with later runs.
    """
    hashes = {key: tags[key] for key in ("config_hash",) if key in tags}
    listed = run.data.params
    params = rename_logged({**listed, **read_config(tags), **hashes, **listed})
    added = {key: str(value) for key, value in ADDED.items() if key not in params}
    return {**params, **added} if hashes else params


def _read_values(run: Run, tags: Mapping[str, str]) -> dict[str, float]:
    """Return the last value of each metric, also of those that are only in the table."""
    tabled = {name: value for name, (_, value) in read_metrics(tags).items()}
    listed = run.data.metrics
    return {**listed, **tabled, **listed}


def _find_epoch(run: Run) -> int | None:
    """Return the epoch of a run's last score, None if it has none."""
    steps = {each.key: each.step for each in run.data.to_proto().metrics}
    return steps.get(SCORE)


def read_series(
    client: MlflowClient, run_id: str, names: Iterable[str]
) -> dict[str, dict[int, float]]:
    """Return {metric: {step: value}} of a run."""
    series = {
        name: {each.step: each.value for each in client.get_metric_history(run_id, name)}
        for name in names
    }
    if not all(series.values()):
        hidden = read_metrics(client.get_run(run_id).data.tags)
        series |= {name: dict([hidden[name]]) for name in hidden.keys() & series.keys()}
    return series


def read_pictures(client: MlflowClient, run_id: str, key: str) -> dict[int, bytes]:
    """Return {step: content of the image file} of the small copies that a run logged as `key`."""
    paths = find_pictures(client, run_id, key, small=True)
    with tempfile.TemporaryDirectory() as folder:
        return {
            step: Path(client.download_artifacts(run_id, paths[step], folder)).read_bytes()
            for step in sorted(paths)
        }


def find_pictures(client: MlflowClient, run_id: str, key: str, *, small: bool) -> dict[int, str]:
    """Return {step: artifact path} of the images that a run logged as `key`.

    With `small` the paths are those of the small copies.
    """
    listed = (IMAGE_FILE.fullmatch(each.path) for each in client.list_artifacts(run_id, "images"))
    return {
        int(named["step"]): named.string
        for named in listed
        if named is not None and named["key"] == key and bool(named["small"]) == small
    }


def read_artifact(client: MlflowClient, run_id: str, path: str, largest: int) -> str | None:
    """Return the text of a run's artifact, or None if there is no artifact of that name.

    Raises RequestError, which names the run and the artifact, for more than `largest` bytes, and
    for content that is not text.
    """
    content = read_file(client, run_id, path, largest)
    return None if content is None else decode(content, name_artifact(run_id, path), largest)


def name_artifact(run_id: str, path: str) -> str:
    """Return the name of a run's artifact in messages."""
    return f"run {run_id}, {path}"


def read_file(client: MlflowClient, run_id: str, path: str, largest: int) -> bytes | None:
    """Return the content of a run's artifact, or None if there is no artifact of that name.

    Raises RequestError, which names the run and the artifact, for more than `largest` bytes.
    """
    parent = str(Path(path).parent)
    listed = client.list_artifacts(run_id, None if parent == "." else parent)
    sizes = {each.path: each.file_size for each in listed if not each.is_dir}
    if path not in sizes:
        return None
    if (sizes[path] or 0) > largest:
        problem = f"is too large; allowed: at most {largest:,} bytes"
        raise refuse(name_artifact(run_id, path), problem)
    with tempfile.TemporaryDirectory() as folder:
        return Path(client.download_artifacts(run_id, path, folder)).read_bytes()


def download_keras_file(client: MlflowClient, model: LoggedModel, folder: str) -> Path:
    """Download the .keras file of a logged model into `folder` and return its path."""
    artifacts = get_artifact_repository(model.artifact_location, tracking_uri=client.tracking_uri)
    return Path(artifacts.download_artifacts(KERAS_FILE, folder))  # type: ignore[no-untyped-call]


def add_metrics(
    client: MlflowClient, run: LoggedRun, values: Mapping[str, float], step: int
) -> None:
    """Log {metric: value} at a step of a finished run, except for metrics that it already has."""
    now_ms = int(time.time() * 1000)
    new = [
        Metric(name, value, now_ms, step)
        for name, value in values.items()
        if name not in run.metrics
    ]
    client.log_batch(run.run_id, metrics=new)
