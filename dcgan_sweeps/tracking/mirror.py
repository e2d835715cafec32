"""Mirrors a run folder to its MLflow run, writing only what MLflow does not have yet.

mirror = Mirror(folder, config.tracking)
mirror.update()         # can be repeated at any time; raises what MLflow raises
mirror.is_delivered     # the run has ended, and all of it is in MLflow

Every write can be repeated: metrics and tags are compared with those of the MLflow run, files have
fixed names, and an incomplete model is removed. So a process can be killed between any two writes.
Secrets need no masking here, since the folder masks everything that is written to it.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy
from mlflow import MlflowClient
from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LoggedModelOutput,
    Metric,
    Param,
    Run,
    RunTag,
)
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import (
    MLFLOW_DATASET_CONTEXT,
    MLFLOW_LOGGED_ARTIFACTS,
    MLFLOW_LOGGED_IMAGES,
)
from PIL import Image

from dcgan_sweeps.config.schema import Tracking
from dcgan_sweeps.metrics import SCORE, UNCHARTED, is_tabled
from dcgan_sweeps.tracking.edits import CONFIG, LOGGED, OVERRIDES
from dcgan_sweeps.tracking.folder import MLFLOW_FILE, STUDY, TRIAL, RunFolder
from dcgan_sweeps.tracking.hidden_tags import Point, pack_config, pack_metrics
from dcgan_sweeps.tracking.history import parse_lines
from dcgan_sweeps.tracking.images import name_image
from dcgan_sweeps.tracking.models import find_models, read_step
from dcgan_sweeps.tracking.outcome import Ending, Outcome
from dcgan_sweeps.tracking.present import GENERATOR, Present, find_own_run, read_present
from dcgan_sweeps.tracking.store import Store, connect, find_experiment, find_store
from dcgan_sweeps.tracking.system_metrics import SYSTEM_FILE
from dcgan_sweeps.tracking.table import TABLE_FILE

TABLE = {"path": TABLE_FILE, "type": "table"}  # with this tag, the UI shows the file as a table
PARENT = "mlflow.parentRunId"
BATCH = 500  # metrics in one call; MLflow takes 1000
LONGEST_PARAM = 6000  # characters, the limit of MLflow's server
LONGEST_DIGEST = 36  # characters of a data set's digest, the limit of MLflow
SMALL_QUALITY = 30  # as many bytes as the 256 pixels and quality 80 of MLflow's log_image
TRIES = 3
SCORES = (SCORE, "score/fcd_test")  # of a generator
# Files in the root of the artifacts, of a run or of a classifier.
FILES = ("git.diff", "requirements.txt", "model.txt", "*.npz", "data.json")
# Files that are delivered at the end, of a run or of a study.
LAST_FILES = (
    "traceback.txt",
    "history.jsonl",
    "leaderboard.csv",
    "importances.json",
    "best.txt",
    "confirmation.json",
)


class Mirror:
    """Delivers a run folder to its MLflow run; a failed update is repeated by the next one."""

    def __init__(self, folder: RunFolder, tracking: Tracking):
        self.folder = folder
        self.tracking = tracking
        self.run_id: str | None = folder.read_run_id()
        self.error: Exception | None = None  # of the last update
        self.is_left = False  # while True, nothing more is written: another process delivers
        self._reset()

    def _reset(self) -> None:
        self._client: MlflowClient | None = None
        self._offsets: dict[str, int] = {}  # delivered bytes of each file of lines
        self._digests: dict[str, str] = {}
        self._tabled: dict[str, Point] = {}
        self._score: float | None = None
        self._step = 0

    @property
    def is_delivered(self) -> bool:
        """Whether the run has ended and its whole folder is in MLflow."""
        return is_delivered(self.folder)

    def open(self) -> None:
        """Open the MLflow run, with its configuration; raises what MLflow raises."""
        self._work(self._open)

    def update(self) -> None:
        """Deliver what MLflow does not have yet; raises what MLflow raises."""
        self._work(self._update)

    def _work(self, work: Callable[[], None]) -> None:
        self.error = None
        try:
            work()
        except Exception as error:
            self.error = error
            self._reset()  # a failed call may still have taken effect
            raise

    def _open(self) -> None:
        if self._client is None:
            self._attach()
        self._send_description()

    def _update(self) -> None:
        mark, ending = compute_mark(self.folder), self.folder.read_ending()
        self._open()
        self._send_points()
        self._send_images()
        self._send_files(self._find_files())
        if ending is not None:  # read before the points were sent, so none are missing
            self._finish(ending)
            self._note(delivered=mark)

    def _send(self, write: Callable[..., Any], *arguments: Any) -> Any:
        """Make one write to MLflow; every write goes through this method."""
        if self.is_left:
            raise InterruptedError("the rest is delivered by another process")
        return write(*arguments)

    def _attach(self) -> None:
        store = find_store(self.tracking.uri, self.tracking.dir)
        client = connect(store)
        run = self._find_run(client, store)
        self._present, self._status = Present(), "RUNNING"
        if run is None:
            run = self._create_run(client, store)
        else:
            self._present, self._status = read_present(client, run), run.info.status
            self._note(run_id=run.info.run_id)  # an earlier version stored it in another file
            self._reopen(client, run)
        self.run_id, self._run, self._client = run.info.run_id, run, client
        self._name = run.info.run_name

    def _find_run(self, client: MlflowClient, store: Store) -> Run | None:
        """Return the run of the folder, None if there is none or it was deleted."""
        known = self.folder.read_mapping(MLFLOW_FILE)
        if self.folder.read_run_id() is not None:
            return find_own_run(client, self.folder)
        # A process may have requested its creation and died before the answer.
        record = self.folder.read_description().get("record")
        if not known.get("asked_for") or record is None:
            return None
        experiment_id = find_experiment(client, store, self.tracking.experiment)
        condition = f"tags.record = '{record}'"
        found = client.search_runs([experiment_id], condition, order_by=["start_time ASC"])
        for extra in found[1:]:
            self._send(client.delete_run, extra.info.run_id)
        if found:
            self._note(run_id=found[0].info.run_id)
        return found[0] if found else None

    def _create_run(self, client: MlflowClient, store: Store) -> Run:
        experiment_id = find_experiment(client, store, self.tracking.experiment)
        known = self.folder.read_description()
        self._note(run_id=None, asked_for=True)
        tags = {**self._read_tags(known), "record": known.get("record", uuid.uuid4().hex)}
        began_ms = int(1000 * known["began_s"]) if "began_s" in known else None
        name = known.get("name", "")
        run: Run = self._send(client.create_run, experiment_id, began_ms, tags, name)
        self._note(run_id=run.info.run_id)
        self._present.tags = dict(run.data.tags)
        return run

    def _reopen(self, client: MlflowClient, run: Run) -> None:
        """Set a resumed run back to RUNNING."""
        if run.info.status == "RUNNING" or self.folder.read_ending() is not None:
            return
        self._send(client.update_run, run.info.run_id, "RUNNING")
        self._status = "RUNNING"
        for tag in ("outcome", "outcome.reason"):
            if self._present.tags.pop(tag, None) is not None:
                self._send(client.delete_tag, run.info.run_id, tag)

    def _note(self, **facts: Any) -> None:
        known = self.folder.read_mapping(MLFLOW_FILE)
        self.folder.write_json(MLFLOW_FILE, {**known, **facts})

    def _send_description(self) -> None:
        known = self.folder.read_description()
        params = known.get("params", {})
        new = [
            Param(key, str(value)[:LONGEST_PARAM])
            for key, value in params.items()
            if key not in self._present.params
        ]
        if new:
            self._batch(params=new)
            self._present.params |= {each.key for each in new}
        config = known.get(LOGGED, {}).get(CONFIG, {})
        self._has_table = config.get("score.extra_metrics") == "last"
        rest = pack_config(config, params)
        self._send_tags({**self._read_tags(known), **rest})
        for name in (CONFIG, OVERRIDES):
            self._send_files([(self.folder.root / name, "config")])
        if "data" in known and not self._present.has_data:
            self._send_data(**known["data"])
            self._present.has_data = True

    def _read_tags(self, known: Mapping[str, Any]) -> dict[str, str]:
        tags: dict[str, str] = dict(known.get("tags", {}))
        parts = len(self.folder.find_provenances())
        if parts > 1:
            tags["resumed"] = str(parts - 1)
        if STUDY in tags and TRIAL in tags:
            parent = RunFolder(self.folder.root.parents[1]).read_run_id()
            tags |= {} if parent is None else {PARENT: parent}
        return tags

    def _send_tags(self, tags: Mapping[str, str]) -> None:
        new = {key: text for key, text in tags.items() if self._present.tags.get(key) != text}
        if new:
            self._batch(tags=[RunTag(key, text) for key, text in new.items()])
            self._present.tags |= new

    def _send_data(self, name: str, digest: str, source: str, rows: int) -> None:
        dataset = Dataset(
            name, digest[:LONGEST_DIGEST], "local", source, profile=f'{{"num_rows": {rows}}}'
        )
        entry = DatasetInput(dataset, [InputTag(MLFLOW_DATASET_CONTEXT, "training")])
        for attempt in range(1, TRIES + 1):
            try:
                self._send(self._api.log_inputs, self._id, [entry])
                return
            except (MlflowException, sqlalchemy.exc.IntegrityError):
                # A run that started at the same time has just created the data set.
                if attempt == TRIES:
                    raise

    def _send_points(self) -> None:
        """Deliver the new lines of the history and of the system metrics."""
        metrics: list[Metric] = []
        for record in [*self._read_new("history.jsonl"), *self._read_new(SYSTEM_FILE)]:
            metrics += self._read_metrics(record)
        for begin in range(0, len(metrics), BATCH):
            self._batch(metrics=metrics[begin : begin + BATCH])
        self._send_tags({**self._digests, **pack_metrics(self._tabled)})

    def _read_new(self, name: str) -> Iterator[dict[str, Any]]:
        path = self.folder.root / name
        if not path.is_file():
            return
        offset = self._offsets.get(name, 0)
        with path.open("rb") as file:
            file.seek(offset)
            content = file.read()
        whole = content[: content.rfind(b"\n") + 1]
        yield from parse_lines(whole.decode(), str(path))
        self._offsets[name] = offset + len(whole)

    def _read_metrics(self, record: Mapping[str, Any]) -> list[Metric]:
        step = record.get("step", record.get("epoch"))
        self._step = record.get("step", self._step)
        self._score = record.get(SCORE, self._score)
        self._digests |= {key: text for key, text in record.items() if key.startswith("digest.")}
        time_ms = int(1000 * record.get("time_s", 0))
        values = {
            name: value
            for name, value in record.items()
            if isinstance(value, float) and name != "time_s"
        }
        tabled = {name: (step, values[name]) for name in values if self._is_tabled(name)}
        self._tabled |= tabled
        return [
            Metric(name, value, time_ms, step)
            for name, value in values.items()
            if name not in tabled and (name, step) not in self._present.metrics
        ]

    def _is_tabled(self, name: str) -> bool:
        return name in UNCHARTED or (self._has_table and is_tabled(name))

    def _send_images(self) -> None:
        for epoch, path in self.folder.find_frames().items():
            if ("samples", epoch) not in self._present.images:
                self._send_image(path, "samples", epoch)
                self._present.images.add(("samples", epoch))

    def _send_image(self, path: Path, key: str, step: int) -> None:
        """Deliver a picture in the form of MLflow's log_image, but under fixed names."""
        stem = name_image(self._id, key, step, self._run.info.start_time)
        with tempfile.TemporaryDirectory() as folder, Image.open(path) as image:
            large, small = Path(folder, f"{stem}.png"), Path(folder, f"{stem}+compressed.webp")
            image.save(large)
            # The UI centres it in a square that is often wider than 256 pixels, MLflow's own size.
            image.save(small, quality=SMALL_QUALITY)
            for file in (large, small):  # the small copy last: it marks the pair as complete
                self._send(self._api.log_artifact, self._id, str(file), "images")
        self._send_tags({MLFLOW_LOGGED_IMAGES: "True"})

    def _find_files(self) -> list[tuple[Path, str]]:
        root = self.folder.root
        paths = [
            *self.folder.find_provenances(),
            *(path for name in FILES for path in root.glob(name)),
        ]
        return [(path, "") for path in paths] + [(self.folder.samples / "real.png", "samples")]

    def _send_files(self, files: Iterable[tuple[Path, str]], *, again: bool = False) -> None:
        """Deliver files to folders of the artifacts; with `again` also those of unchanged size."""
        for path, folder in files:
            name = f"{folder}/{path.name}" if folder else path.name
            if path.is_file() and (again or self._present.files.get(name) != path.stat().st_size):
                size = path.stat().st_size
                self._send(self._api.log_artifact, self._id, str(path), folder or None)
                self._present.files[name] = size

    def _finish(self, ending: Ending) -> None:
        """Deliver the files of the end, the models, the outcome, and finally the status."""
        root, status = self.folder.root, ending.outcome.mlflow_status
        is_ended = self._status == status
        files = [(self.folder.samples / "progress.gif", "samples")]
        files += [(path, "score") for path in sorted((root / "score").glob("*.*"))]
        files += [(root / name, "") for name in LAST_FILES]
        self._send_files(files, again=not is_ended)
        for name, folder in find_models(self.folder.models).items():
            self._send_model(folder, name, read_step(folder, self._step))
        if (root / TABLE_FILE).is_file():
            self._send_tags({MLFLOW_LOGGED_ARTIFACTS: json.dumps([TABLE])})
        reason = {"outcome.reason": ending.reason} if ending.reason else {}
        self._send_tags({"outcome": ending.outcome, **reason})
        title = self._make_title(ending.outcome)
        if title != self._name:
            self._send(self._api.update_run, self._id, None, title)
            self._name = title
        if not is_ended:
            time_ms = int(1000 * ending.time_s)
            self._send(self._api.set_terminated, self._id, status, time_ms)
            self._status = status

    def _make_title(self, outcome: Outcome) -> str:
        """Return the name of the run; for a trial it includes the score and the outcome.

        The UI lists the trials of a study by their names only.
        """
        known = self.folder.read_description()
        name = str(known.get("name") or self._run.info.run_name)
        if TRIAL not in known.get("tags", {}):
            return name
        # The varied parameters come last, since the UI truncates names.
        number, _, varied = name.partition(": ")
        state = "" if outcome == Outcome.COMPLETE else f"{outcome} "
        score = "" if self._score is None else f"fcd {self._score:.2f} "
        return f"{number}: {score}{state}{varied}"

    def _send_model(self, folder: Path, name: str, step: int) -> None:
        if (name, step) in self._present.models:
            return
        api, run_id, experiment_id = self._api, self._id, self._run.info.experiment_id
        logged = self._send(api.create_logged_model, experiment_id, name, run_id)
        model_id = logged.model_id
        self._send(api.log_model_artifacts, model_id, str(folder))
        self._send(api.finalize_logged_model, model_id, "READY")
        if name == GENERATOR:
            self._send_scores(model_id)
        self._send(api.log_outputs, run_id, [LoggedModelOutput(model_id, step)])
        self._present.models.add((name, step))

    def _send_scores(self, model_id: str) -> None:
        """Give a logged model the run's last scores, which the UI's table of models shows."""
        data = self.folder.read_description().get("data", {})
        name, digest = data.get("name"), data.get("digest", "")[:LONGEST_DIGEST] or None
        histories = [self._api.get_metric_history(self._id, score) for score in SCORES]
        # With its time in the store, a point is not logged to the run a second time.
        last = [max(points, key=lambda each: each.step) for points in histories if points]
        scores = [
            Metric(each.key, each.value, each.timestamp, each.step, model_id, name, digest)
            for each in last
        ]
        if scores:
            self._batch(metrics=scores)

    def _batch(self, **entries: Any) -> None:
        self._send(partial(self._api.log_batch, self._id, synchronous=True, **entries))

    @property
    def _api(self) -> MlflowClient:
        if self._client is None:
            raise RuntimeError("the MLflow run is not open")
        return self._client

    @property
    def _id(self) -> str:
        return str(self._run.info.run_id)


def is_delivered(folder: RunFolder) -> bool:
    """Return whether a run has ended and its whole folder is in MLflow."""
    mark = folder.read_mapping(MLFLOW_FILE).get("delivered")
    return mark is not None and mark == compute_mark(folder)


def compute_mark(folder: RunFolder) -> str:
    """Return a digest of a run's last record and its description, which are delivered last."""
    known = folder.read_description()
    facts = [folder.read_last(), *(known.get(key) for key in ("name", "tags", "params", "data"))]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
