"""Scores logged generators again, and logs the new scores in addition to those of their runs.

    loaded = load_all(client, runs, config, console)
    score_all(client, loaded, console)   # a row of each under COLUMNS

Importing this module imports TensorFlow, so the device must be set up first.
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from dcgan_sweeps.composition.command_line import compose_request
from dcgan_sweeps.composition.grammar import quote
from dcgan_sweeps.config.faults import Fault, RequestError, refuse, require_none
from dcgan_sweeps.config.schema import Config
from dcgan_sweeps.datasets.images import Images, Indices, choose_subset
from dcgan_sweeps.datasets.loading import load_images, name_images
from dcgan_sweeps.execution.pictures import draw_pictures, draw_walks
from dcgan_sweeps.execution.scoring import name_metrics, name_scores
from dcgan_sweeps.gan.networks import Generator, read_generator
from dcgan_sweeps.gan.sampling import Latents, make_image_sampler
from dcgan_sweeps.metrics import OWN, SCORE
from dcgan_sweeps.runs.logged_run import LoggedRun, Model, add_metrics, download_keras_file
from dcgan_sweeps.runs.scores import TAG, name_prefix
from dcgan_sweeps.scoring.fcd import Scorer, prepare_scorer
from dcgan_sweeps.scoring.trained_on import require_fitting
from dcgan_sweeps.terminal import format_duration, make_say, track
from dcgan_sweeps.tracking.present import find_generator
from dcgan_sweeps.tracking.store import Client

# The params that say which images a run was trained on.
IMAGES = ("data.name", "data.count", "data.size", "data.channels", "data.limit", "seed")
COLUMNS = ("run", "name", "identity", "fcd", "fcd_test", "share", "own fcd")


@dataclass(frozen=True)
class Loaded:
    """A run, its generator, and the scorer for it."""

    run: LoggedRun
    generator: Generator
    scorer: Scorer
    train_rows: Indices  # of the images that it was trained on


def load_all(
    client: Client, runs: Sequence[LoggedRun], config: Config, console: Console
) -> list[Loaded]:
    """Return each run with its generator and its scorer, all loaded before any is scored.

    Raises RequestError with a fault for each run that cannot be loaded.
    """
    scorers: dict[str, Scorer] = {}
    loaded: list[Loaded] = []
    faults: list[Fault] = []
    for run in runs:
        try:
            generator = load_generator(client, run)
            asked = _compose_images(run)
            data = name_images(dataclasses.replace(asked.data, dir=config.data.dir))
            key = repr(data)
            if key not in scorers:
                images = load_images(data, make_say(console))
                require_fitting(config.score, data, images)
                scorers[key] = prepare_scorer(config.score, images)
            require_same_shape(generator, scorers[key].images, run)
            count = len(scorers[key].images.train_u8)
            rows = choose_subset(count, asked.data.limit, asked.seed)
            loaded.append(Loaded(run, generator, scorers[key], rows))
        except RequestError as error:
            faults += error.faults
    require_none(faults)
    return loaded


def _compose_images(run: LoggedRun) -> Config:
    """Return a configuration that has the images of a run, as its params state them."""
    params = {key: run.params.get(key, "None") for key in IMAGES}
    logged = {key: quote(value) for key, value in params.items() if value != "None"}
    config: Config = compose_request(
        "config", [f"{key.removesuffix('.name')}={text}" for key, text in logged.items()]
    )
    return config


def require_same_shape(generator: Generator, images: Images, run: LoggedRun) -> None:
    """Raise RequestError where a generator draws images of another shape than those of its data."""
    drawn = tuple(generator.model.output_shape[1:])
    if drawn != images.shape:
        problem = f"got {run.run_id}, which draws images of {drawn}; its data has {images.shape}"
        raise refuse("TARGET", problem)


def load_generator(client: Client, run: LoggedRun) -> Generator:
    """Return the newest generator that a run has logged.

    Raises RequestError where there is none, or where it cannot draw images.
    """
    logged = find_generator(client, run.run_id)
    if logged is None:
        raise refuse("TARGET", f"got {run.run_id}, which logged no generator")
    return load_model(client, logged, run.run_id)


def load_model(client: Client, logged: Model, target: str) -> Generator:
    """Return a logged generator; raises RequestError that names `target` where loading fails."""
    with tempfile.TemporaryDirectory() as folder:
        return load_file(download_keras_file(client, logged, folder), target)


def load_file(path: Path, target: str) -> Generator:
    """Return the generator in a .keras file; raises RequestError that names `target`."""
    try:
        return read_generator(path)
    except ValueError as error:
        problem = f"got {target}, whose generator cannot be loaded: {error}"
        raise refuse("TARGET", problem) from error


def score_all(client: Client, loaded: Sequence[Loaded], console: Console) -> list[tuple[str, ...]]:
    """Score each run and return its row under COLUMNS."""
    say = make_say(console)
    begin = time.perf_counter()
    rows: list[tuple[str, ...]] = []
    for number, each in enumerate(loaded, 1):
        run = each.run
        say(f"{number} of {len(loaded)}: {run.run_id[:8]}, {run.name}")
        named = rescore(client, each, console)
        if number < len(loaded):
            left_s = (time.perf_counter() - begin) / number * (len(loaded) - number)
            say(f"  {format_duration(left_s)} left")
        own = f"{run.metrics[SCORE]:.2f}" if SCORE in run.metrics else "none"
        scores = (f"{named['fcd']:.2f}", f"{named['fcd_test']:.2f}", f"{named['fcd_share']:.1%}")
        rows.append((run.run_id[:8], run.name, each.scorer.identity.digest, *scores, own))
    return rows


def show_batches(batches: Sequence[Latents]) -> Iterator[Latents]:
    """Yield the batches, and show how many are scored."""
    return track(batches, f"of {len(batches)} batches are scored")


def rescore(client: Client, loaded: Loaded, console: Console) -> dict[str, float]:
    """Score a run, log what it lacks, and return {name: value} of the scores and extra metrics.

    They are logged as score/NAME for the run's own identity, and as score_IDENTITY/NAME for
    another.
    """
    run, generator, scorer = loaded.run, loaded.generator, loaded.scorer
    begin = time.perf_counter()
    sample = make_image_sampler(generator.model, scorer.settings.batch_size)
    fakes = scorer.draw(sample, generator.latents, show_batches)
    scores = name_scores(scorer, scorer.score(fakes))
    bounds = {"score/fcd_floor": scorer.floor, "score/fcd_ceiling": scorer.reference.ceiling}
    metrics: Mapping[str, float] = {}
    digest = scorer.identity.digest
    prefix = name_prefix(run, digest)
    if scorer.settings.extra_metrics != "never":
        examination = scorer.examine(fakes, loaded.train_rows, make_say(console))
        metrics = name_metrics(scorer, fakes, examination)
        if f"{prefix}kid" not in run.metrics:
            walks_u8 = sample(draw_walks(scorer.settings.seed, generator.latents))
            pictures = draw_pictures(
                scorer.images, loaded.train_rows, fakes.images_u8, examination, walks_u8
            )
            for name, picture in pictures.items():
                client.log_image(run.run_id, picture, f"{prefix}{name}.png")
    named = {
        name.removeprefix(OWN): value for name, value in {**bounds, **scores, **metrics}.items()
    }
    values = {f"{prefix}{name}": value for name, value in named.items()}
    add_metrics(client, run, values, int(run.params["train.epochs"]))
    client.set_tag(run.run_id, f"{TAG}{digest}", scorer.identity.describe())
    make_say(console)(f"  scored in {time.perf_counter() - begin:.1f} s")
    return named
