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
from dcgan_sweeps.config import refuse
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
from dcgan_sweeps.runs.registry import ADDRESS, find_registered
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
    """Where the parts of a run are read from."""

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

    `model` is its Keras model: latents of shape (n, latent_dim), standard normal, to images of
    shape (n, 28, 28, 1), from -1 to 1.
    """

    network: Network = field(repr=False)

    @property
    def model(self) -> Any:
        return self.network.model

    @property
    def latent_dim(self) -> int:
        return self.network.latent_dim

    def sample(self, count: int, seed: int = 0) -> npt.NDArray[np.uint8]:
        """Return `count` images of shape (count, 28, 28), from 0 to 255.

        One seed always gives the same images: those of `python -m dcgan_sweeps.generate`.
        """
        from dcgan_sweeps.execution.generation import draw_images

        return draw_images(self.network, count, seed)


@dataclass(frozen=True)
class Run:
    """One run: what was asked for, and what came out.

    `outcome` is complete, pruned, interrupted, diverged or failed, and "" for a run that has not
    ended. `reason` says why, where it did not complete. `metrics` has the last value of each
    metric, `config` the whole configuration that ran. `run_id` is that of the MLflow run, "" for a
    run without one.
    """

    run_id: str
    name: str
    outcome: str
    reason: str
    metrics: Mapping[str, float]
    config: Mapping[str, Any]
    record: Record = field(repr=False)

    def history(self, *names: str) -> pd.DataFrame:
        """Return a table with a column for each metric named, without names for all of them.

        Its index is the step: optimizer steps for losses, epochs for scores.
        """
        import pandas as pd

        series = self.record.read_series(names or sorted(self.metrics))
        table = pd.DataFrame({name: pd.Series(values) for name, values in series.items()})
        return table.rename_axis("step").sort_index()

    def samples(self, epoch: int | None = None) -> Image.Image:
        """Return the grid of samples after an epoch, of the last one where none is named.

        Raises RequestError for an epoch that has no grid.
        """
        from PIL import Image

        paths = self.record.find_samples()
        if not paths or epoch not in (None, *paths):
            there = ", ".join(map(str, sorted(paths))) or "none, this run has no grids"
            raise refuse("epoch", f"got {epoch}; allowed: {there}")
        path = paths[max(paths) if epoch is None else epoch]
        return Image.open(io.BytesIO(self.record.read_samples(path)))

    def load_generator(self) -> Generator:
        """Return the newest generator of this run; raises RequestError where it has none."""
        set_up_tensorflow()
        return Generator(self.record.read_network())


@dataclass(frozen=True)
class Study:
    """The trials of one study, and the best of them.

    `trials` has a row for each trial, best first, with the columns of `report --csv`: rank, run_id,
    outcome, wall_s, scores and parameters.
    """

    name: str
    trials: pd.DataFrame
    best: Run


def train(overrides: Sequence[str] = ()) -> Run:
    """Train one DCGAN, as `python -m dcgan_sweeps.run OVERRIDES` does, and return its run.

    It prints what the command prints. Ctrl-C, or the interrupt of a notebook, ends it at the next
    safe point, and the run that is returned can be resumed. A run that diverged or failed is
    returned as well: its `outcome` says so. Raises RequestError before anything is started.
    """
    return _read_folder(do_run(compose_run(overrides)).recorder.folder)


def load_run(
    target: str = "best",
    *,
    folder: str = DIR,
    uri: str | None = None,
    experiment: str | None = None,
) -> Run:
    """Return a logged run: "best", "study:NAME" for its best trial, or a run id.

    `folder` is that of the local store, `uri` another MLflow store; `uri` and `experiment` are
    MLFLOW_TRACKING_URI and MLFLOW_EXPERIMENT_NAME where they are None, as for every command. Raises
    RequestError for a run that cannot be found.
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
    """Return a logged generator: of a run as in `load_run`, or a registered model, such as
    "models:/NAME@best" or "models:/NAME/1".

    Raises RequestError for one that cannot be found or loaded.
    """
    set_up_tensorflow()
    from dcgan_sweeps.execution.rescoring import load_generator, load_model

    with answering():
        client = _open(folder, uri)
        if ADDRESS.fullmatch(target):
            return Generator(load_model(client, find_registered(client, target), target))
        return Generator(load_generator(client, find_run(client, _name(experiment), target)[0]))


def load_study(
    name: str, *, folder: str = DIR, uri: str | None = None, experiment: str | None = None
) -> Study:
    """Return a study by its name; `folder`, `uri` and `experiment` as in `load_run`.

    Raises RequestError for a study that cannot be found, or in which no trial has a score.
    """
    with answering():
        client = _open(folder, uri)
        board = rank_runs(find_trials(client, _name(experiment), name, complete=False), Choice())
        return Study(name, make_frame(board), _read_logged(client, board.rows[0].run))


def set_up_tensorflow() -> None:
    """Import TensorFlow, its device set up as for a run, unless this process has done so."""
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
