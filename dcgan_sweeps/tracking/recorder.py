"""Records a run as it happens, in its folder and in its tracker.

recorder = Recorder(folder, tracker, config.tracking)
recorder.add_samples(epoch=1, images_u8=grid)
recorder.finish("complete", reason="")
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from dcgan_sweeps.config import Tracking
from dcgan_sweeps.logged_config import flatten_nested
from dcgan_sweeps.runs.logged_run import LoggedRun, reopen
from dcgan_sweeps.tracking.checkpoints import Arrays, Checkpoint, read_grids, write_checkpoint
from dcgan_sweeps.tracking.children import end_run
from dcgan_sweeps.tracking.edits import (
    CONFIG,
    DIFF,
    LOGGED,
    OVERRIDES,
    PROVENANCE,
    digest,
    read_logged_file,
    seal,
)
from dcgan_sweeps.tracking.folder import RUN_FILE, RunFolder
from dcgan_sweeps.tracking.history import parse_lines
from dcgan_sweeps.tracking.logged_files import hash_diff
from dcgan_sweeps.tracking.pictures import (
    add_caption,
    draw_grid,
    read_png,
    write_gif,
    write_png,
)
from dcgan_sweeps.tracking.secrets import mask_secrets
from dcgan_sweeps.tracking.store import connect, find_experiment, find_store, require_places
from dcgan_sweeps.tracking.tracker import (
    Logged,
    MlflowTracker,
    NoTracker,
    Tracker,
    mask_tags,
    save_mlflow_model,
)

ImagesU8 = npt.NDArray[np.uint8]

OF_THE_RECORD = "epoch"  # how the names of its own arrays in a checkpoint begin


def open_recorder(
    tracking: Tracking, name: str, tags: Mapping[str, str], place: Path | None
) -> Recorder:
    """Open a new run in the tracker and make its folder, at `place` or under runs/.

    Raises RequestError before either.
    """
    require_places(tracking)
    name = mask_secrets(name)
    if tracking.name == "none":
        folder = _make_folder(tracking, name, place)
        folder.write_json(RUN_FILE, {**folder.read_mapping(RUN_FILE), "run_id": None})
        return Recorder(folder, NoTracker(), tracking, folder.lock())
    store = find_store(tracking.uri, tracking.dir)
    client = connect(store)
    experiment_id = find_experiment(client, store, tracking.experiment)
    folder = _make_folder(tracking, name, place)
    known = folder.read_mapping(RUN_FILE)  # of an earlier start of a trial
    located = mask_tags({**tags, "folder": str(folder.root)})
    run_id = client.create_run(experiment_id, run_name=name, tags=located).info.run_id
    try:
        folder.write_json(RUN_FILE, {**known, "run_id": run_id})
    except OSError as error:  # a full disk: no folder knows the run, and nobody would end it
        end_run(client, run_id, "failed", str(error))
        raise
    tracker = MlflowTracker(client, experiment_id, run_id, Logged(), tracking.system_metrics_s)
    return Recorder(folder, tracker, tracking, folder.lock())


def _make_folder(tracking: Tracking, name: str, place: Path | None) -> RunFolder:
    if place is None:
        return RunFolder.make(Path(tracking.dir), name)
    return RunFolder.make_at(place)


def reopen_recorder(
    tracking: Tracking, folder: RunFolder, run: LoggedRun | None, lock: IO[str]
) -> Recorder:
    """Open a run again that ended or died: in its folder, and in the tracker where it has one.

    `lock` is the folder's, held: two processes shall not go on with one run.
    """
    folder.samples.mkdir(exist_ok=True)  # somebody may have removed its pictures
    if run is None:
        return Recorder(folder, NoTracker(), tracking, lock)
    client = connect(find_store(tracking.uri, tracking.dir))
    logged = reopen(client, run)
    tracker = MlflowTracker(
        client, run.experiment_id, run.run_id, logged, tracking.system_metrics_s
    )
    return Recorder(folder, tracker, tracking, lock)


@dataclass(frozen=True)
class Steps:
    """Some optimizer steps: for each metric one value a step, and what they took."""

    series: Mapping[str, npt.NDArray[np.float32]]
    images: int
    wall_s: float

    @property
    def count(self) -> int:
        return len(next(iter(self.series.values())))


def average_steps(steps: Sequence[Steps]) -> dict[str, float]:
    """Return {metric: mean over all these steps}, with train/images_per_s."""
    names = steps[0].series
    means = {
        name: float(np.concatenate([each.series[name] for each in steps]).mean(dtype=np.float64))
        for name in names
    }
    speed = sum(each.images for each in steps) / sum(each.wall_s for each in steps)
    return means | {"train/images_per_s": speed}


def pack_steps(steps: Sequence[Steps]) -> dict[str, npt.NDArray[Any]]:
    """Return steps as arrays by name, for a checkpoint."""
    names = steps[0].series if steps else ()
    packed: dict[str, npt.NDArray[Any]] = {
        f"epoch/{name}": np.concatenate([each.series[name] for each in steps]) for name in names
    }
    packed["epoch_steps"] = np.array([each.count for each in steps], np.int64)
    packed["epoch_images"] = np.array([each.images for each in steps], np.int64)
    packed["epoch_wall_s"] = np.array([each.wall_s for each in steps], np.float64)
    return packed


def unpack_steps(arrays: Arrays) -> list[Steps]:
    """Return the steps that were packed into `arrays`, among others."""
    ends = np.cumsum(arrays["epoch_steps"])
    series = {
        name.removeprefix("epoch/"): np.split(array, ends[:-1])
        for name, array in arrays.items()
        if name.startswith("epoch/")
    }
    return [
        Steps({name: parts[index] for name, parts in series.items()}, int(images), float(wall_s))
        for index, (images, wall_s) in enumerate(
            zip(arrays["epoch_images"], arrays["epoch_wall_s"], strict=True)
        )
    ]


class Recorder:
    """Writes one run down; `waited_s` is how long that kept the training thread.

    What a run folder has already is not written again, and neither is what the tracker has: so a
    run that goes on can say everything from its start.
    """

    def __init__(self, folder: RunFolder, tracker: Tracker, tracking: Tracking, lock: IO[str]):
        self.folder = folder
        self.tracker = tracker
        self.tracking = tracking
        self.waited_s = 0.0
        self._failures: list[Exception] = []
        self._lock = lock
        self._step = 0
        self._epoch_steps: list[Steps] = []  # of the epoch that is going on
        self._pending = 0  # how many of these, the last ones, have no point yet
        self._grids: dict[int, str] = {}  # the SHA-256 of each sample grid, by epoch

    @property
    def failures(self) -> list[Exception]:
        """What could not be written at the end, or to the tracker."""
        return [*self._failures, *self.tracker.failures]

    def restore(self, checkpoint: Checkpoint, epoch: int) -> None:
        """Put the record back to a checkpoint, `epoch` epochs being done, and into the tracker
        what it lost when the run died."""
        with self._timed():
            self.folder.rewind(checkpoint.history, epoch)
            self._step = checkpoint.step
            self._epoch_steps = unpack_steps(checkpoint.arrays)
            self._pending = int(checkpoint.facts["pending"])
            self._grids = read_grids(checkpoint)
            tags: dict[str, str] = {}
            for record in parse_lines(checkpoint.history, str(self.folder.history)):
                self._log_record(record)
                tags |= {name: text for name, text in record.items() if name.startswith("digest.")}
            self.tracker.log_tags(tags)
            for number, frame in self.folder.find_frames().items():
                self.tracker.log_image(frame, key="samples", step=number)

    def save_checkpoint(self, state: Arrays, config_hash: str) -> None:
        """Write a checkpoint of the training's `state` and of the record up to here.

        `config_hash` is that of the run's configuration. Raises CheckpointError.
        """
        with self._timed():
            arrays = {**state, **pack_steps(self._epoch_steps)}
            facts = {
                "run_id": self.tracker.run_id,
                "config_hash": config_hash,
                "pending": self._pending,
                "grids": self._grids,
            }
            history = self.folder.read_history()
            write_checkpoint(
                self.folder.checkpoints, Checkpoint(self._step, arrays, history, facts)
            )

    def add_request(self, flat: Mapping[str, Any], nested: Any, overrides: list[str]) -> None:
        """Record the configuration, before anything else, so that a run that dies has a name."""
        with self._timed():
            self.tracker.log_params(flat)
            # Of the configuration its own values are kept, {dotted key: value}.
            logged = {CONFIG: flatten_nested(nested), OVERRIDES: overrides}
            for name, content in ((CONFIG, nested), (OVERRIDES, overrides)):
                path = self._place(name)
                if not path.exists():
                    seal(self.folder, name, logged[name])
                    self.folder.write_yaml(name, content)
                self._log_root(path, "config")
            self._log_digest(OVERRIDES)

    def add_provenance(
        self, provenance: Mapping[str, Any], diff: str, packages: list[str], layers: str
    ) -> None:
        """Record where the run came from, and both layer tables.

        For a run that goes on, where this part of it came from: provenance_2.json and so on.
        """
        with self._timed():
            before = len(list(self.folder.root.glob("provenance*.json")))
            name = f"provenance_{before + 1}.json" if before else PROVENANCE
            if name == PROVENANCE:
                seal(self.folder, name, provenance)
            self.folder.write_json(name, provenance)
            self._log_digest(PROVENANCE)
            texts = {
                DIFF: diff,
                "requirements.txt": "\n".join(packages) + "\n",
                "model.txt": layers,
            }
            for name, text in texts.items():
                if not self._place(name).exists():
                    if name == DIFF:
                        seal(self.folder, DIFF, {"sha256": hash_diff(mask_secrets(text))})
                    self.folder.write_text(name, text)
            for path in (*self.folder.root.glob("provenance*.json"), *map(self._place, texts)):
                self._log_root(path)

    def _log_digest(self, name: str) -> None:
        """Log the digest of a file beside the file itself."""
        logged = read_logged_file(self.folder, name)
        if logged is not None:
            self.tracker.log_tags({f"{LOGGED}.{name}": digest(logged)})

    def _place(self, name: str) -> Path:
        return self.folder.root / name

    def add_real_images(self, images_u8: ImagesU8) -> None:
        """Record a grid of training images (n, 28, 28)."""
        with self._timed():
            path = self.folder.samples / "real.png"
            grid = draw_grid(images_u8, self.tracking.sample_columns)
            write_png(path, add_caption(grid, "real images"))
            self.tracker.log_file(path, "samples")

    def add_samples(self, epoch: int, images_u8: ImagesU8) -> None:
        """Record the grid of the fixed latents (n, 28, 28) after an epoch; 0 is untrained."""
        with self._timed():
            path = self.folder.find_frame(epoch)
            grid = draw_grid(images_u8, self.tracking.sample_columns)
            write_png(path, add_caption(grid, f"epoch {epoch}"))
            self._grids[epoch] = hashlib.sha256(path.read_bytes()).hexdigest()
            self.tracker.log_image(path, key="samples", step=epoch)

    def add_score_pictures(self, pictures: Mapping[str, ImagesU8]) -> None:
        """Write {name: picture} that show what a score is made of; they are logged at the end."""
        with self._timed():
            folder = self._place("score")
            folder.mkdir(exist_ok=True)
            for name, picture in pictures.items():
                write_png(folder / f"{name}.png", picture)

    def add_steps(self, epoch: int, step: int, steps: Steps) -> None:
        """Record some optimizer steps, the last being `step`: a point for every `log_every`."""
        with self._timed():
            self._step = step
            self._epoch_steps.append(steps)
            self._pending += 1
            if sum(each.count for each in self._epoch_steps[-self._pending :]) >= (
                self.tracking.log_every
            ):
                self._log_pending(epoch)

    def end_epoch(self, epoch: int) -> dict[str, float]:
        """Record the steps at the end of an epoch that no point has yet; return its means."""
        with self._timed():
            if self._pending:
                self._log_pending(epoch)
            means = average_steps(self._epoch_steps)
            self._epoch_steps = []
            return means

    def _log_pending(self, epoch: int) -> None:
        values = average_steps(self._epoch_steps[-self._pending :])
        self._pending = 0
        self._log({"step": self._step, "epoch": epoch, **values})

    def add_scores(self, epoch: int, scores: Mapping[str, float]) -> None:
        """Record the scores after an epoch, under their metric names."""
        with self._timed():
            self._log({"epoch": epoch, **scores})

    def add_digests(self, epoch: int, digests: Mapping[str, str]) -> None:
        """Record the digests of weights and samples after an epoch."""
        with self._timed():
            self._log({"epoch": epoch, **digests})
            self.tracker.log_tags(digests)

    def add_models(self, models: Mapping[str, Any]) -> None:
        """Record {name: Keras model} as MLflow models, which the folder keeps as well."""
        with self._timed():
            for name, model in models.items():
                path = self.folder.root / "models" / name
                shutil.rmtree(path, ignore_errors=True)  # of an earlier, interrupted part
                save_mlflow_model(model, path)
                self.tracker.log_model(path, name, self._step)

    def add_file(self, name: str, content: bytes) -> None:
        """Record a file that the run made."""
        with self._timed():
            path = self.folder.root / name
            path.write_bytes(content)
            self._log_root(path)

    def add_traceback(self, text: str) -> None:
        """Record what a run failed with, where the disk still takes it."""
        with self._timed():
            try:
                self._log_root(self.folder.write_text("traceback.txt", text))
            except OSError as error:
                self._failures.append(error)

    def finish(self, outcome: str, reason: str) -> None:
        """Record the GIF, the history and the outcome, and wait until all is written.

        The run is ended in the tracker even where something before that fails, on a full disk say.
        """
        with self._timed():
            try:
                self._add_gif()
                for picture in sorted(self._place("score").glob("*.png")):
                    self.tracker.log_file(picture, "score")
                self._log({"outcome": outcome, "reason": mask_secrets(reason)})
                self._log_root(self.folder.history)
            except OSError as error:
                self._failures.append(error)
            finally:
                self.tracker.end(outcome, reason, self._step, self.waited_s)
                self._lock.close()

    def tag(self, tags: Mapping[str, str]) -> None:
        """Tag the run after it was finished."""
        self.tracker.tag_ended(tags)

    def _add_gif(self) -> None:
        frames = self.folder.find_frames()
        if frames:
            gif = self.folder.samples / "progress.gif"
            pictures = [read_png(frame) for frame in frames.values()]
            write_gif(gif, pictures, self.tracking.gif_frame_s, self.tracking.gif_last_s)
            self.tracker.log_file(gif, "samples")

    def _log(self, record: Mapping[str, Any]) -> None:
        timed = {**record, "time_s": round(time.time(), 3)}
        self.folder.append(timed)
        self._log_record(timed)

    def _log_record(self, record: Mapping[str, Any]) -> None:
        metrics = {name: value for name, value in record.items() if isinstance(value, float)}
        time_s = metrics.pop("time_s")
        if metrics:
            self.tracker.log_metrics(metrics, record.get("step", record.get("epoch")), time_s)

    def _log_root(self, path: Any, folder: str = "") -> None:
        self.tracker.log_file(path, folder)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.waited_s += time.perf_counter() - begin
