"""Scores the generator of a run that has ended, and logs that beside what the run has already.

    loaded = Loaded(run, load_generator(client, run), Judged(scorer, train_rows))
    rescore(client, loaded, console)["fcd"]

TensorFlow is imported with this module: the device must have been set up before.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from dcgan_sweeps.config import refuse
from dcgan_sweeps.datasets.images import Indices
from dcgan_sweeps.execution.pictures import draw_pictures, draw_walks
from dcgan_sweeps.execution.scoring import name_metrics, name_scores
from dcgan_sweeps.gan.networks import Generator, read_generator
from dcgan_sweeps.gan.sampling import make_image_sampler
from dcgan_sweeps.metrics import OWN
from dcgan_sweeps.runs.logged_run import LoggedRun, add_metrics, download_keras_file, find_generator
from dcgan_sweeps.runs.scores import TAG, name_prefix
from dcgan_sweeps.scoring.fcd import Scorer
from dcgan_sweeps.terminal import make_say
from dcgan_sweeps.tracking.pictures import write_png
from dcgan_sweeps.tracking.store import Client


@dataclass(frozen=True)
class Judged:
    """What a generator is scored with: the scorer, and which images it was trained on."""

    scorer: Scorer
    train_rows: Indices


@dataclass(frozen=True)
class Loaded:
    """A run, its generator, and what that is scored with."""

    run: LoggedRun
    generator: Generator
    judged: Judged


def load_generator(client: Client, run: LoggedRun) -> Generator:
    """Return the newest generator that a run has logged.

    Raises RequestError where there is none, or what there is draws no images.
    """
    logged = find_generator(client, run)
    if logged is None:
        raise refuse("TARGET", f"got {run.run_id}, which logged no generator")
    with tempfile.TemporaryDirectory() as folder:
        try:
            return read_generator(download_keras_file(client, logged, folder))
        except ValueError as error:
            problem = f"got {run.run_id}, whose generator cannot be loaded: {error}"
            raise refuse("TARGET", problem) from error


def rescore(client: Client, loaded: Loaded, console: Console) -> dict[str, float]:
    """Return {name: value} of the scores and extra metrics, logged where the run lacks them.

    They are named score/NAME for the run's own identity, and score_IDENTITY/NAME for another.
    Raises RequestError for a run that does not say how long it was trained.
    """
    run, generator, judged = loaded.run, loaded.generator, loaded.judged
    last_epoch = read_last_epoch(run)
    scorer, begin = judged.scorer, time.perf_counter()
    sample = make_image_sampler(generator.model, scorer.settings.batch_size)
    fakes = scorer.draw(sample, generator.latent_dim)
    scores = name_scores(scorer, scorer.score(fakes))
    bounds = {"score/fcd_floor": scorer.floor, "score/fcd_ceiling": scorer.reference.ceiling}
    metrics: Mapping[str, float] = {}
    digest = scorer.identity.digest
    prefix = name_prefix(run, digest)
    if scorer.settings.extra_metrics != "never":
        examination = scorer.examine(fakes, judged.train_rows, make_say(console))
        metrics = name_metrics(scorer, fakes, examination)
        if f"{prefix}kid" not in run.metrics:
            walks_u8 = sample(draw_walks(scorer.settings.seed, generator.latent_dim))
            pictures = draw_pictures(
                scorer.images, judged.train_rows, fakes.images_u8, examination, walks_u8
            )
            add_pictures(client, run, pictures, prefix.rstrip("/"))
    named = {
        name.removeprefix(OWN): value for name, value in {**bounds, **scores, **metrics}.items()
    }
    values = {f"{prefix}{name}": value for name, value in named.items()}
    add_metrics(client, run, values, last_epoch)
    client.set_tag(run.run_id, f"{TAG}{digest}", scorer.identity.describe())
    make_say(console)(f"  scored in {time.perf_counter() - begin:.1f} s")
    return named


def read_last_epoch(run: LoggedRun) -> int:
    """Return how many epochs a run has trained; raises RequestError where its params do not say."""
    text = run.params["train.epochs"]
    if not re.fullmatch(r"[0-9]{1,9}", text):
        problem = f"got {run.run_id}, which logged train.epochs as {text}; allowed: a whole number"
        raise refuse("TARGET", problem)
    return int(text)


def add_pictures(
    client: Client, run: LoggedRun, pictures: Mapping[str, np.ndarray], folder: str
) -> None:
    """Log {name: picture} as artifacts in `folder` of a run."""
    with tempfile.TemporaryDirectory() as place:
        for name, picture in pictures.items():
            path = Path(place) / f"{name}.png"
            write_png(path, picture)
            client.log_artifact(run.run_id, str(path), folder)
