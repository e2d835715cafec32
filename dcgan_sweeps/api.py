"""Runs, generators and studies in Python, for notebooks and scripts.

run = train(["experiment=quick"])
run.history("score/fcd")
images_u8 = load_generator("best").sample(64, seed=0)
load_study("lr").trials
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from dcgan_sweeps.command import compose_run
from dcgan_sweeps.config.faults import refuse
from dcgan_sweeps.place import DIR, EXPERIMENT, read_variable
from dcgan_sweeps.reporting.export import make_frame
from dcgan_sweeps.reporting.leaderboard import Choice, rank_runs
from dcgan_sweeps.run import do_run
from dcgan_sweeps.runs.logged_run import (
    KERAS_FILE,
    LoggedRun,
    find_pictures,
    read_artifact,
    read_file,
    read_series,
)
from dcgan_sweeps.runs.registry import MODELS, find_registered
from dcgan_sweeps.runs.selection import find_run, find_trials
from dcgan_sweeps.tracking.documents import LARGEST_TEXT, parse_mapping
from dcgan_sweeps.tracking.folder import RunFolder
from dcgan_sweeps.tracking.history import collect_series
from dcgan_sweeps.tracking.store import Client, answering, open_store

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd
    from PIL import Image

    from dcgan_sweeps.gan.networks import Generator as Network

CONFIG = "config/config.yaml"
LARGEST_IMAGE = 100_000_000  # bytes


class Record(Protocol):
    """A source of the parts of a run: its folder, or an MLflow store."""

    def read_series(self, names: Sequence[str]) -> Mapping[str, Mapping[int, float]]:
        """Return {metric: {step: value}} of the metrics named."""

    def find_samples(self) -> Mapping[int, str]:
        """Return {epoch: path} of the sample grids."""

    def read_samples(self, path: str) -> bytes:
        """Return the image file of a sample grid."""

    def read_network(self) -> Network:
        """Return the newest generator; raises RequestError where there is none."""


@dataclass(frozen=True)
class Generator:
    """A trained generator.

    `model` is the Keras model. It maps latents of shape (n, latent_dim) to images of shape
    (n, height, width, channels) in [-1, 1]. The latents are standard normal, or uniform in [-1, 1]
    with train.latents=uniform, and then the model's input has the name uniform_latents.
    """

    network: Network = field(repr=False)

    @property
    def model(self) -> Any:
        return self.network.model

    @property
    def latent_dim(self) -> int:
        return self.network.latent_dim

    def sample(self, count: int, seed: int = 0) -> npt.NDArray[np.uint8]:
        """Return `count` images, uint8 of shape (count, height, width), for Fashion-MNIST 28x28.

        Colour images have the shape (count, height, width, 3); both are what Pillow reads. The
        same seed gives the same images, which are those of `python -m dcgan_sweeps.generate`.
        """
        from dcgan_sweeps.execution.generation import draw_images

        return draw_images(self.network, count, seed)


@dataclass(frozen=True)
class Run:
    """A run, read from MLflow or from its folder.

    `run_id` is the id of the MLflow run, or "" for a run that is not tracked. `outcome` is
    complete, pruned, interrupted, diverged or failed, or "" for a run that has not ended; `reason`
    explains any outcome but complete. `metrics` has the last value of each metric, and `config` the
    resolved configuration.
    """

    run_id: str
    name: str
    outcome: str
    reason: str
    metrics: Mapping[str, float] = field(repr=False)
    config: Mapping[str, Any] = field(repr=False)
    record: Record = field(repr=False)

    def history(self, *names: str) -> pd.DataFrame:
        """Return a DataFrame with one column for each metric in `names`, or for every metric.

        Its index is the step of the metric: the optimizer step of a loss, the epoch of a score.
        """
        import pandas as pd

        series = self.record.read_series(names or sorted(self.metrics))
        table = pd.DataFrame({name: pd.Series(values) for name, values in series.items()})
        return table.rename_axis("step").sort_index()

    def samples(self, epoch: int | None = None) -> Image.Image:
        """Return the grid of samples that was drawn after an epoch, by default the last one.

        The latents are the same in every epoch. Raises RequestError for an epoch without a grid.
        """
        from PIL import Image

        paths = self.record.find_samples()
        if not paths or epoch not in (None, *paths):
            there = ", ".join(map(str, sorted(paths))) or "none, this run has no grids"
            raise refuse("epoch", f"got {epoch}; allowed: {there}")
        path = paths[max(paths) if epoch is None else epoch]
        return Image.open(io.BytesIO(self.record.read_samples(path)))

    def load_generator(self) -> Generator:
        """Return the newest generator of this run; raises RequestError if it has none."""
        set_up_tensorflow()
        return Generator(self.record.read_network())


@dataclass(frozen=True)
class Study:
    """A study and its trials.

    `trials` has one row for each trial, best first, with the columns of `report --by run --csv`:
    rank, run_id, outcome, wall_s, the scores and the parameters. `best` is the run of the best
    trial: the lowest score of the configuration with the lowest mean.
    """

    name: str
    trials: pd.DataFrame = field(repr=False)
    best: Run


def train(overrides: Sequence[str] = ()) -> Run:
    """Train a model, as `python -m dcgan_sweeps.run OVERRIDES` does, and return the run.

    It prints the same lines as the command. Ctrl-C, or interrupting the notebook's kernel, stops
    training after the current block of steps; the returned run can then be resumed. A run that
    diverged or failed is returned too, and its `outcome` says so. Raises RequestError for a wrong
    request, before anything is started.
    """
    return _read_folder(do_run(compose_run(overrides)).recorder.folder)


def load_run(
    target: str = "best",
    *,
    folder: str = DIR,
    uri: str | None = None,
    experiment: str | None = None,
) -> Run:
    """Return a logged run.

    `target` is "best" for the run with the lowest score in the experiment, "study:NAME" for the
    best trial of a study, or a run id. `folder` is the folder of the local store, and `uri` the
    address of another MLflow store. By default, `uri` and `experiment` are read from
    MLFLOW_TRACKING_URI and MLFLOW_EXPERIMENT_NAME. Raises RequestError if there is no such run.
    """
    with answering():
        client = _open(folder, uri)
        return _read_logged(client, find_run(client, _name(experiment), target)[0])


def load_generator(
    target: str = "best",
    *,
    folder: str = DIR,
    uri: str | None = None,
    experiment: str | None = None,
) -> Generator:
    """Return a logged generator.

    `target` names a run, as in `load_run`, or a registered model, such as "models:/NAME@best" or
    "models:/NAME/1". The other arguments are those of `load_run`. Raises RequestError if the
    generator cannot be found or loaded.
    """
    set_up_tensorflow()
    from dcgan_sweeps.execution.rescoring import load_generator, load_model

    with answering():
        client = _open(folder, uri)
        if target.startswith(MODELS):
            return Generator(load_model(client, find_registered(client, target), target))
        return Generator(load_generator(client, find_run(client, _name(experiment), target)[0]))


def load_study(
    name: str, *, folder: str = DIR, uri: str | None = None, experiment: str | None = None
) -> Study:
    """Return a study by its name.

    The other arguments are those of `load_run`. Raises RequestError if there is no such study, or
    if none of its trials has a score.
    """
    with answering():
        client = _open(folder, uri)
        trials = find_trials(client, _name(experiment), name, complete=False)
        best = rank_runs(trials, Choice()).rows[0].run
        board = rank_runs(trials, Choice(by_run=True))
        return Study(name, make_frame(board), _read_logged(client, best))


def set_up_tensorflow() -> None:
    """Set up TensorFlow's device as for a run, unless TensorFlow is in use already."""
    from dcgan_sweeps.device import set_up_device

    runner = compose_run(()).config.runner
    with suppress(RuntimeError):  # TensorFlow is at work already, with the threads that it has
        set_up_device(runner)


def _open(folder: str, uri: str | None) -> Client:
    usual = read_variable("uri") if folder == DIR else None
    return open_store(uri if uri is not None else usual, folder)


def _name(experiment: str | None) -> str:
    return experiment or read_variable("experiment") or EXPERIMENT


@dataclass(frozen=True)
class _Folder:
    """A run folder as a record."""

    folder: RunFolder

    def read_series(self, names: Sequence[str]) -> Mapping[str, Mapping[int, float]]:
        series = collect_series(self.folder.read_records())
        return {name: series.get(name, {}) for name in names}

    def find_samples(self) -> Mapping[int, str]:
        return {epoch: str(path) for epoch, path in self.folder.find_frames().items()}

    def read_samples(self, path: str) -> bytes:
        return Path(path).read_bytes()

    def read_network(self) -> Network:
        from dcgan_sweeps.execution.rescoring import load_file

        return load_file(self.folder.models / "generator" / KERAS_FILE, str(self.folder.root))


@dataclass(frozen=True)
class _Logged:
    """A run in an MLflow store as a record."""

    client: Client
    run: LoggedRun

    def read_series(self, names: Sequence[str]) -> Mapping[str, Mapping[int, float]]:
        with answering():
            return read_series(self.client, self.run.run_id, names)

    def find_samples(self) -> Mapping[int, str]:
        with answering():
            return find_pictures(self.client, self.run.run_id, "samples", small=False)

    def read_samples(self, path: str) -> bytes:
        with answering():
            return read_file(self.client, self.run.run_id, path, LARGEST_IMAGE) or b""

    def read_network(self) -> Network:
        from dcgan_sweeps.execution.rescoring import load_generator

        with answering():
            return load_generator(self.client, self.run)


def _read_folder(folder: RunFolder) -> Run:
    series = collect_series(folder.read_records())
    ending = folder.read_ending()
    return Run(
        folder.read_run_id() or "",
        folder.read_name(),
        str(ending.outcome) if ending is not None else "",
        ending.reason if ending is not None else "",
        {name: values[max(values)] for name, values in series.items()},
        folder.read_mapping("config.yaml"),
        _Folder(folder),
    )


def _read_logged(client: Client, run: LoggedRun) -> Run:
    config = read_artifact(client, run.run_id, CONFIG, LARGEST_TEXT)
    return Run(
        run.run_id,
        run.name,
        run.outcome,
        run.tags.get("outcome.reason", ""),
        run.metrics,
        parse_mapping(config, CONFIG) if config is not None else {},
        _Logged(client, run),
    )
