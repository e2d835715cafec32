"""Records a run in its folder while it is running.

recorder = open_recorder(config.tracking, "baseline", tags={})
recorder.add_samples(epoch=1, images_u8=grid)
recorder.finish(Outcome.COMPLETE, reason="")
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from dcgan_sweeps.config.flat import flatten_nested
from dcgan_sweeps.config.schema import Tracking
from dcgan_sweeps.secrets import mask_secrets
from dcgan_sweeps.tracking.checkpoints import Arrays, Checkpoint, read_grids, write_checkpoint
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
from dcgan_sweeps.tracking.folder import RunFolder
from dcgan_sweeps.tracking.logged_files import hash_diff
from dcgan_sweeps.tracking.models import save_model
from dcgan_sweeps.tracking.outcome import Outcome
from dcgan_sweeps.tracking.pictures import (
    add_caption,
    draw_grid,
    read_png,
    write_gif,
    write_png,
)
from dcgan_sweeps.tracking.table import TABLE_FILE, make_table

ImagesU8 = npt.NDArray[np.uint8]

OF_THE_RECORD = "epoch"  # prefix of the recorder's arrays in a checkpoint


def open_recorder(
    tracking: Tracking,
    name: str,
    tags: Mapping[str, str],
    place: Path | None = None,
) -> Recorder:
    """Create the folder of a new run, at `place` or in runs/, and return its recorder.

    Raises RequestError if the folder cannot be created.
    """
    folder = RunFolder.make(Path(tracking.dir), name) if place is None else RunFolder.make_at(place)
    lock = folder.lock()
    folder.begin(name, tags, {}, tracking)
    return Recorder(folder, tracking, lock)


@dataclass(frozen=True)
class Steps:
    """Consecutive optimizer steps: one value per step of each metric, their images and duration."""

    series: Mapping[str, npt.NDArray[np.float32]]
    images: int
    wall_s: float

    @property
    def count(self) -> int:
        return len(next(iter(self.series.values())))


def average_steps(steps: Sequence[Steps]) -> dict[str, float]:
    """Return {metric: mean over all these steps}, including train/images_per_s."""
    names = steps[0].series
    means = {
        name: float(np.concatenate([each.series[name] for each in steps]).mean(dtype=np.float64))
        for name in names
    }
    speed = sum(each.images for each in steps) / sum(each.wall_s for each in steps)
    return means | {"train/images_per_s": speed}


def pack_steps(steps: Sequence[Steps]) -> dict[str, npt.NDArray[Any]]:
    """Return steps as named arrays for a checkpoint."""
    names = steps[0].series if steps else ()
    packed: dict[str, npt.NDArray[Any]] = {
        f"epoch/{name}": np.concatenate([each.series[name] for each in steps]) for name in names
    }
    packed["epoch_steps"] = np.array([each.count for each in steps], np.int64)
    packed["epoch_images"] = np.array([each.images for each in steps], np.int64)
    packed["epoch_wall_s"] = np.array([each.wall_s for each in steps], np.float64)
    return packed


def unpack_steps(arrays: Arrays) -> list[Steps]:
    """Return the steps that `pack_steps` packed, from all arrays of a checkpoint."""
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
    """Records one run in its folder; `waited_s` is the time that this took from training.

    The files that describe the start of a run are written only once, so a resumed run can record
    them again. `lock` is the held lock of the folder, so only one process writes to it.
    """

    def __init__(self, folder: RunFolder, tracking: Tracking, lock: IO[str]):
        self.folder = folder
        self.tracking = tracking
        self.waited_s = 0.0
        self.failures: list[OSError] = []  # what could not be written at the end
        self._lock = lock
        self._step = 0
        self._epoch_steps: list[Steps] = []  # of the current epoch
        self._pending = 0  # how many of the last ones have not been logged as a point
        self._grids: dict[int, str] = {}  # the SHA-256 of each sample grid, by epoch

    def restore(self, checkpoint: Checkpoint) -> None:
        """Continue from a checkpoint; the folder must already have its history."""
        self._step = checkpoint.step
        self._epoch_steps = unpack_steps(checkpoint.arrays)
        self._pending = int(checkpoint.facts["pending"])
        self._grids = read_grids(checkpoint)

    def save_checkpoint(self, state: Arrays, config_hash: str) -> None:
        """Write a checkpoint of the training `state` and of the record so far.

        `config_hash` identifies the run's configuration. Raises CheckpointError.
        """
        with self._timed():
            arrays = {**state, **pack_steps(self._epoch_steps)}
            facts = {"config_hash": config_hash, "pending": self._pending, "grids": self._grids}
            history = self.folder.read_history()
            checkpoint = Checkpoint(self._step, arrays, history, facts)
            write_checkpoint(self.folder.checkpoints, checkpoint, self.tracking.keep_checkpoints)

    def add_request(self, params: Mapping[str, Any], nested: Any, overrides: list[str]) -> None:
        """Record the configuration before anything else, so that even a run that dies has it.

        `params` are those of its values that are params of the MLflow run, and further ones.
        """
        with self._timed():
            # The configuration is logged as {dotted key: value}.
            logged = {CONFIG: flatten_nested(nested), OVERRIDES: overrides}
            for name, content in ((CONFIG, nested), (OVERRIDES, overrides)):
                if not self._place(name).exists():
                    seal(self.folder, name, logged[name])
                    self.folder.write_yaml(name, content)
            self.folder.describe(params=params, tags=self._digest(OVERRIDES))

    def add_provenance(
        self, provenance: Mapping[str, Any], diff: str, packages: list[str], layers: str
    ) -> None:
        """Record the provenance of the run, and its layer tables.

        A resumed run records the provenance of each further part, in provenance_2.json and so on.
        """
        with self._timed():
            before = len(self.folder.find_provenances())
            name = f"provenance_{before + 1}.json" if before else PROVENANCE
            if name == PROVENANCE:
                seal(self.folder, name, provenance)
            self.folder.write_json(name, provenance)
            self.folder.describe(tags=self._digest(PROVENANCE))
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

    def _digest(self, name: str) -> dict[str, str]:
        """Return the digest of a file's logged content, as a tag."""
        logged = read_logged_file(self.folder, name)
        return {} if logged is None else {f"{LOGGED}.{name}": digest(logged)}

    def _place(self, name: str) -> Path:
        return self.folder.root / name

    def add_data(self, name: str, digest: str, source: str, rows: int) -> None:
        """Record the data set of the run, and how many of its rows are used."""
        self.folder.describe(data={"name": name, "digest": digest, "source": source, "rows": rows})

    def add_tags(self, tags: Mapping[str, str]) -> None:
        """Record tags, also after the end of the run."""
        self.folder.describe(tags=tags)

    def add_real_images(self, images_u8: ImagesU8) -> None:
        """Record a grid of training images (n, h, w, channels)."""
        with self._timed():
            grid = draw_grid(images_u8, self.tracking.sample_columns)
            write_png(self.folder.samples / "real.png", add_caption(grid, "real images"))

    def add_samples(self, epoch: int, images_u8: ImagesU8) -> None:
        """Record a grid of samples (n, h, w, channels) of fixed latents; epoch 0 is untrained."""
        with self._timed():
            path = self.folder.find_frame(epoch)
            grid = draw_grid(images_u8, self.tracking.sample_columns)
            write_png(path, add_caption(grid, f"epoch {epoch}"))
            self._grids[epoch] = hashlib.sha256(path.read_bytes()).hexdigest()

    def add_score_pictures(self, pictures: Mapping[str, ImagesU8]) -> None:
        """Record {name: picture} that explain a score."""
        with self._timed():
            folder = self._place("score")
            folder.mkdir(exist_ok=True)
            for name, picture in pictures.items():
                write_png(folder / f"{name}.png", picture)

    def add_steps(self, epoch: int, step: int, steps: Steps) -> None:
        """Record optimizer steps up to `step`, and log a point for every `log_every` of them."""
        with self._timed():
            self._step = step
            self._epoch_steps.append(steps)
            self._pending += 1
            if sum(each.count for each in self._epoch_steps[-self._pending :]) >= (
                self.tracking.log_every
            ):
                self._log_pending(epoch)

    def end_epoch(self, epoch: int) -> dict[str, float]:
        """Log the remaining steps of an epoch as a point; return the means of the epoch."""
        with self._timed():
            if self._pending:
                self._log_pending(epoch)
            means = average_steps(self._epoch_steps)
            self._epoch_steps = []
            return means

    def _log_pending(self, epoch: int) -> None:
        values = average_steps(self._epoch_steps[-self._pending :])
        self._pending = 0
        self.folder.append({"step": self._step, "epoch": epoch, **values})

    def add_scores(self, epoch: int, scores: Mapping[str, float]) -> None:
        """Record the scores after an epoch as {metric: value}."""
        with self._timed():
            self.folder.append({"epoch": epoch, **scores})

    def add_digests(self, epoch: int, digests: Mapping[str, str]) -> None:
        """Record the digests of weights and samples after an epoch."""
        with self._timed():
            self.folder.append({"epoch": epoch, **digests})

    def add_models(self, models: Mapping[str, Any]) -> None:
        """Record {name: Keras model} as MLflow models."""
        with self._timed():
            for name, model in models.items():
                save_model(model, self.folder.models / name, self._step)

    def add_file(self, name: str, content: bytes) -> None:
        """Record a file that the run made."""
        with self._timed():
            self._place(name).write_bytes(content)

    def add_traceback(self, text: str) -> None:
        """Record the traceback of a failed run; a failure to write it is kept in `failures`."""
        with self._timed():
            try:
                self.folder.write_text("traceback.txt", text)
            except OSError as error:
                self.failures.append(error)

    def finish(self, outcome: Outcome, reason: str, mirror_cpu_s: float = 0.0) -> None:
        """Record the outcome, and before it the last files; then release the folder.

        `mirror_cpu_s` is the CPU time of the thread that delivers to MLflow.
        """
        try:
            with self._timed():
                self._add_gif()
                if outcome == Outcome.COMPLETE:
                    self._add_table()
            costs = {"tracking/waited_s": self.waited_s, "tracking/writer_cpu_s": mirror_cpu_s}
            self.folder.append({"step": self._step, **costs})
            self.folder.end(outcome, reason)
        except OSError as error:
            self.failures.append(error)
        finally:
            self._lock.close()

    def _add_gif(self) -> None:
        frames = self.folder.find_frames()
        if frames:
            gif = self.folder.samples / "progress.gif"
            pictures = [read_png(frame) for frame in frames.values()]
            write_gif(gif, pictures, self.tracking.gif_frame_s, self.tracking.gif_last_s)

    def _add_table(self) -> None:
        table = make_table(self.folder.read_records())
        if table is not None:
            self._place("score").mkdir(exist_ok=True)
            self.folder.write_json(TABLE_FILE, table)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.waited_s += time.perf_counter() - begin
