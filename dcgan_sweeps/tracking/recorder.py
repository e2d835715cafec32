"""Records a run as it happens, in its folder and in its tracker.

recorder = Recorder(folder, tracker, config.tracking)
recorder.add_samples(epoch=1, images_u8=grid)
recorder.finish("complete", reason="")
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dcgan_sweeps.config import Tracking
from dcgan_sweeps.tracking.folder import RunFolder
from dcgan_sweeps.tracking.pictures import add_caption, draw_grid, write_gif, write_png
from dcgan_sweeps.tracking.store import connect, find_experiment, find_store
from dcgan_sweeps.tracking.tracker import MlflowTracker, NoTracker, Tracker, save_mlflow_model

ImagesU8 = npt.NDArray[np.uint8]


def open_recorder(tracking: Tracking, name: str, tags: Mapping[str, str]) -> Recorder:
    """Open a run in the tracker and make its folder; raises RequestError before either exists."""
    if tracking.name == "none":
        return Recorder(RunFolder.make(Path(tracking.dir), name), NoTracker(), tracking)
    store = find_store(tracking.uri, tracking.dir)
    client = connect(store)
    experiment_id = find_experiment(client, store, tracking.experiment)
    folder = RunFolder.make(Path(tracking.dir), name)
    located = {**tags, "folder": str(folder.root)}
    tracker = MlflowTracker(client, experiment_id, name, located, tracking.system_metrics_s)
    return Recorder(folder, tracker, tracking)


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


class Recorder:
    """Writes one run down; `waited_s` is how long that kept the training thread."""

    def __init__(self, folder: RunFolder, tracker: Tracker, tracking: Tracking):
        self.folder = folder
        self.tracker = tracker
        self.tracking = tracking
        self.waited_s = 0.0
        self._pending: list[Steps] = []

    def add_request(self, flat: Mapping[str, Any], nested: Any, overrides: list[str]) -> None:
        """Record the configuration, before anything else, so that a run that dies has a name."""
        with self._timed():
            self.tracker.log_params(flat)
            self._log_root(self.folder.write_yaml("config.yaml", nested), "config")
            self._log_root(self.folder.write_yaml("overrides.yaml", overrides), "config")

    def add_provenance(
        self, provenance: Mapping[str, Any], diff: str, packages: list[str], layers: str
    ) -> None:
        """Record where the run came from, and both layer tables."""
        with self._timed():
            self._log_root(self.folder.write_json("provenance.json", provenance))
            self._log_root(self.folder.write_text("git.diff", diff))
            self._log_root(self.folder.write_text("requirements.txt", "\n".join(packages) + "\n"))
            self._log_root(self.folder.write_text("model.txt", layers))

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
            path = self.folder.samples / f"epoch_{epoch:04d}.png"
            grid = draw_grid(images_u8, self.tracking.sample_columns)
            write_png(path, add_caption(grid, f"epoch {epoch}"))
            self.tracker.log_image(path, key="samples", step=epoch)

    def add_steps(self, epoch: int, step: int, steps: Steps) -> None:
        """Record some optimizer steps, the last being `step`: a point for every `log_every`."""
        with self._timed():
            self._pending.append(steps)
            if sum(each.count for each in self._pending) >= self.tracking.log_every:
                self._log_pending(epoch, step)

    def end_epoch(self, epoch: int, step: int) -> None:
        """Record the steps at the end of an epoch that no point has yet."""
        with self._timed():
            if self._pending:
                self._log_pending(epoch, step)

    def _log_pending(self, epoch: int, step: int) -> None:
        values = average_steps(self._pending)
        self._pending = []
        self._log(values, step, {"step": step, "epoch": epoch})

    def add_scores(self, epoch: int, scores: Mapping[str, float]) -> None:
        """Record the scores after an epoch, under their metric names."""
        with self._timed():
            self._log(scores, epoch, {"epoch": epoch})

    def add_models(self, models: Mapping[str, Any], step: int) -> None:
        """Record {name: Keras model} as MLflow models, which the folder keeps as well."""
        with self._timed():
            for name, model in models.items():
                path = self.folder.root / "models" / name
                save_mlflow_model(model, path)
                self.tracker.log_model(path, name, step)

    def add_file(self, name: str, content: bytes) -> None:
        """Record a file that the run made."""
        with self._timed():
            path = self.folder.root / name
            path.write_bytes(content)
            self._log_root(path)

    def add_traceback(self, text: str) -> None:
        """Record what a run failed with."""
        with self._timed():
            self._log_root(self.folder.write_text("traceback.txt", text))

    def finish(self, outcome: str, reason: str) -> None:
        """Record the GIF, the history and the outcome, and wait until all is written.

        The run is ended in the tracker even where something before that fails, on a full disk say.
        """
        with self._timed():
            try:
                self.folder.append({"outcome": outcome, "reason": reason})
                self._log_root(self.folder.history)
                self._add_gif()
            finally:
                self.tracker.end(outcome, reason)

    def _add_gif(self) -> None:
        frames = self.folder.find_frames()
        if frames:
            gif = self.folder.samples / "progress.gif"
            write_gif(gif, frames, self.tracking.gif_frame_s, self.tracking.gif_last_s)
            self.tracker.log_file(gif, "samples")

    def _log(self, values: Mapping[str, float], step: int, place: Mapping[str, int]) -> None:
        self.folder.append({**place, **values})
        self.tracker.log_metrics(values, step)

    def _log_root(self, path: Any, folder: str = "") -> None:
        self.tracker.log_file(path, folder)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.waited_s += time.perf_counter() - begin
