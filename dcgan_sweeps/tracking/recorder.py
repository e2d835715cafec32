"""Records a run as it happens, in its folder.

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

from dcgan_sweeps.config import Tracking, flatten_nested
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

ImagesU8 = npt.NDArray[np.uint8]

OF_THE_RECORD = "epoch"  # how the names of its own arrays in a checkpoint begin


def open_recorder(
    tracking: Tracking,
    name: str,
    tags: Mapping[str, str],
    place: Path | None = None,
    params: Mapping[str, Any] | None = None,
) -> Recorder:
    """Make the folder of a new run, at `place` or under runs/, and return its recorder.

    `params` are logged beside the configuration. Raises RequestError where no folder can be made.
    """
    folder = RunFolder.make(Path(tracking.dir), name) if place is None else RunFolder.make_at(place)
    lock = folder.lock()
    folder.begin(name, tags, params or {}, tracking)
    return Recorder(folder, tracking, lock)


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
    """Writes one run down in its folder; `waited_s` is how long that kept the training thread.

    What the folder has already is not written again, so a run that is resumed can say everything
    from its start. `lock` is that of the folder, held: two processes never write one record.
    """

    def __init__(self, folder: RunFolder, tracking: Tracking, lock: IO[str]):
        self.folder = folder
        self.tracking = tracking
        self.waited_s = 0.0
        self.failures: list[OSError] = []  # what could not be written at the end
        self._lock = lock
        self._step = 0
        self._epoch_steps: list[Steps] = []  # of the epoch that is going on
        self._pending = 0  # how many of these, the last ones, have no point yet
        self._grids: dict[int, str] = {}  # the SHA-256 of each sample grid, by epoch

    def restore(self, checkpoint: Checkpoint) -> None:
        """Continue after a checkpoint, whose history the folder has."""
        self._step = checkpoint.step
        self._epoch_steps = unpack_steps(checkpoint.arrays)
        self._pending = int(checkpoint.facts["pending"])
        self._grids = read_grids(checkpoint)

    def save_checkpoint(self, state: Arrays, config_hash: str) -> None:
        """Write a checkpoint of the training's `state` and of the record up to here.

        `config_hash` is that of the run's configuration. Raises CheckpointError.
        """
        with self._timed():
            arrays = {**state, **pack_steps(self._epoch_steps)}
            facts = {"config_hash": config_hash, "pending": self._pending, "grids": self._grids}
            history = self.folder.read_history()
            write_checkpoint(
                self.folder.checkpoints, Checkpoint(self._step, arrays, history, facts)
            )

    def add_request(self, params: Mapping[str, Any], nested: Any, overrides: list[str]) -> None:
        """Record the configuration, before anything else, so that a run that dies has a name.

        `params` are logged beside its own values.
        """
        with self._timed():
            # Of the configuration its own values are kept, {dotted key: value}.
            logged = {CONFIG: flatten_nested(nested), OVERRIDES: overrides}
            for name, content in ((CONFIG, nested), (OVERRIDES, overrides)):
                if not self._place(name).exists():
                    seal(self.folder, name, logged[name])
                    self.folder.write_yaml(name, content)
            self.folder.describe(params=params, tags=self._digest(OVERRIDES))

    def add_provenance(
        self, provenance: Mapping[str, Any], diff: str, packages: list[str], layers: str
    ) -> None:
        """Record where the run came from, and both layer tables.

        For a run that is resumed, where this part of it came from: provenance_2.json and so on.
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
        """Return the digest of a file, as a tag to be logged beside the file itself."""
        logged = read_logged_file(self.folder, name)
        return {} if logged is None else {f"{LOGGED}.{name}": digest(logged)}

    def _place(self, name: str) -> Path:
        return self.folder.root / name

    def add_data(self, name: str, digest: str, source: str, rows: int) -> None:
        """Record the data set that the run reads, and how many of its rows."""
        self.folder.describe(data={"name": name, "digest": digest, "source": source, "rows": rows})

    def add_tags(self, tags: Mapping[str, str]) -> None:
        """Record tags, also after the end of the run."""
        self.folder.describe(tags=tags)

    def add_real_images(self, images_u8: ImagesU8) -> None:
        """Record a grid of training images (n, 28, 28)."""
        with self._timed():
            grid = draw_grid(images_u8, self.tracking.sample_columns)
            write_png(self.folder.samples / "real.png", add_caption(grid, "real images"))

    def add_samples(self, epoch: int, images_u8: ImagesU8) -> None:
        """Record the grid of the fixed latents (n, 28, 28) after an epoch; 0 is untrained."""
        with self._timed():
            path = self.folder.find_frame(epoch)
            grid = draw_grid(images_u8, self.tracking.sample_columns)
            write_png(path, add_caption(grid, f"epoch {epoch}"))
            self._grids[epoch] = hashlib.sha256(path.read_bytes()).hexdigest()

    def add_score_pictures(self, pictures: Mapping[str, ImagesU8]) -> None:
        """Record {name: picture} that show what a score is made of."""
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
        self.folder.append({"step": self._step, "epoch": epoch, **values})

    def add_scores(self, epoch: int, scores: Mapping[str, float]) -> None:
        """Record the scores after an epoch, under their metric names."""
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
        """Record what a run failed with, where the disk still takes it."""
        with self._timed():
            try:
                self.folder.write_text("traceback.txt", text)
            except OSError as error:
                self.failures.append(error)

    def finish(self, outcome: Outcome, reason: str, mirror_cpu_s: float = 0.0) -> None:
        """Record the GIF, what recording cost, and the outcome, and release the folder.

        `mirror_cpu_s` is the CPU time of the thread that delivers to MLflow.
        """
        try:
            with self._timed():
                self._add_gif()
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

    @contextmanager
    def _timed(self) -> Iterator[None]:
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.waited_s += time.perf_counter() - begin
