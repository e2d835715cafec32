"""Writes the table of a bank of curves: `python -m benchmarks.curves.collect --dir FOLDER`.

Scores the generators that benchmarks.curves.train has kept, by the shipped classifier, and by
others: `--classifier blur=FOLDER`, which may score fewer epochs: `--epochs 3,6`. Where the runs
have averaged their generators, those are scored, and the raw ones by the shipped classifier. All
classifiers score the same images. Rows that the table has already are kept, so the command can be
repeated as the bank grows.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from benchmarks.curves.spaces import SPACES, Space
from dcgan_sweeps.config.compose import compose
from dcgan_sweeps.config.flat import flatten
from dcgan_sweeps.config.schema import Config
from dcgan_sweeps.datasets.batches import count_images
from dcgan_sweeps.datasets.images import Images, ImagesU8
from dcgan_sweeps.datasets.loading import load_images
from dcgan_sweeps.device import set_up_device
from dcgan_sweeps.gan.networks import build_gan
from dcgan_sweeps.gan.sampling import make_image_sampler
from dcgan_sweeps.logged_config import read_logged
from dcgan_sweeps.randomness import LatentSpace
from dcgan_sweeps.scoring.extra_metrics import Set
from dcgan_sweeps.scoring.fcd import Fakes, Sampler, Scorer, prepare_scorer
from dcgan_sweeps.scoring.trained_on import SHIPPED_SHAPE
from dcgan_sweeps.sweep.folder import StudyFolder
from dcgan_sweeps.sweep.result import read_result
from dcgan_sweeps.terminal import track
from dcgan_sweeps.tracking.checkpoints import read_checkpoint
from dcgan_sweeps.tracking.documents import read_mapping
from dcgan_sweeps.tracking.folder import RunFolder

SHIPPED, RAW = "shipped", "raw"
OF_A_SCORE = ("seed", "epoch", "classifier", "fcd", "fcd_test")
Row = dict[str, str]


@dataclass(frozen=True)
class Judge:
    """A scorer, the name of the weights in a checkpoint that it scores, and after which epochs."""

    scorer: Scorer
    weights: str
    epochs: Container[int]


def main() -> None:
    parser = argparse.ArgumentParser("benchmarks.curves.collect", description=__doc__)
    parser.add_argument("--dir", default="mlruns", help="folder of the study (mlruns)")
    parser.add_argument("--space", choices=SPACES, default="fcd")
    parser.add_argument("--classifier", action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--epochs", help="which the other classifiers score, as 3,6 (all)")
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    space = SPACES[options.space]
    table = options.table or space.table
    rows = {name_row(row): row for row in read_table(table)}
    trials = StudyFolder.at(Path(options.dir), space.study).list_trials()
    ended = [folder for folder in trials if read_result(folder) is not None]
    config = compose("config", ["score.extra_metrics=never", *space.settings], Config)
    set_up_device(config.runner)
    images = load_images(config.data, print)
    folders = {SHIPPED: None, **dict(each.split("=", 1) for each in options.classifier)}
    scorers = {name: make_scorer(config, images, each) for name, each in folders.items()}
    result = "average" if config.train.ema else "generator"
    every = range(1, config.train.epochs + 1)
    some = [int(each) for each in options.epochs.split(",")] if options.epochs else every
    judges = {name: Judge(scorer, result, some) for name, scorer in scorers.items()}
    judges[SHIPPED] = Judge(scorers[SHIPPED], result, every)
    if config.train.ema:
        judges[RAW] = Judge(scorers[SHIPPED], "generator", every)
    for folder in track(ended, "runs scored"):
        for row in score_run(space, folder, judges, rows.keys()):
            rows[name_row(row)] = row
        write_table(table, space, rows.values())


def read_table(path: Path) -> list[Row]:
    """Return the rows of a table; none if there is no table."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return [*csv.DictReader(line for line in file if not line.startswith("#"))]


def write_table(path: Path, space: Space, rows: Iterable[Row]) -> None:
    """Write the rows in order, below the commands that made them."""
    words = f"--space {space.name}"
    with path.open("w", newline="") as file:
        commands = [f"python -m benchmarks.curves.{each} {words}" for each in ("train", "collect")]
        file.write(f"# {' && '.join(commands)}\n")
        writer = csv.DictWriter(file, (*space.columns, *OF_A_SCORE), lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(rows, key=order_row))


def order_row(row: Row) -> tuple[str, list[tuple[float, str]]]:
    """Return the key by which the rows of a table are sorted: numbers by their size."""
    texts = [row[key] for key in row if key not in OF_A_SCORE[2:]]
    numbers = [(float(text), "") if text[:1].isdigit() else (0.0, text) for text in texts]
    return row["classifier"], numbers


def name_row(row: Row) -> tuple[str, ...]:
    """Return what identifies a row."""
    return tuple(row[key] for key in row if key not in OF_A_SCORE[3:])


def describe(space: Space, config: Config) -> Row:
    """Return the configuration and the seed of a run, as columns."""
    flat = flatten(config)
    keys = zip((*space.columns, "seed"), (*space.keys, "seed"), strict=True)
    return {column: str(flat[key]) for column, key in keys}


def read_config(folder: RunFolder) -> Config:
    """Return the logged configuration of a run."""
    return read_logged(read_mapping(folder.root / "config.yaml"))


def make_row(known: Row, epoch: int, classifier: str, fcd: float, fcd_test: float) -> Row:
    """Return a row of the table; scores have five digits."""
    scores = {"fcd": f"{fcd:.5g}", "fcd_test": f"{fcd_test:.5g}"}
    return {**known, "epoch": str(epoch), "classifier": classifier, **scores}


def make_scorer(config: Config, images: Images, folder: str | None) -> Scorer:
    """Return the scorer with the classifier in a folder; None: the shipped one."""
    return prepare_scorer(dataclasses.replace(config.score, classifier=folder), images)


def score_run(
    space: Space,
    folder: RunFolder,
    judges: Mapping[str, Judge],
    known_rows: Container[tuple[str, ...]],
) -> Iterator[Row]:
    """Return a row for each scored epoch of a run and each judge, unless it is known."""
    config = read_config(folder)
    known = describe(space, config)
    for epoch in range(1, config.train.epochs + 1):
        wanted = {
            name: judge
            for name, judge in judges.items()
            if epoch in judge.epochs
            and name_row(make_row(known, epoch, name, 0, 0)) not in known_rows
        }
        for weights in sorted({judge.weights for judge in wanted.values()}):
            generator = set_weights(folder, config, epoch, weights)
            sample = make_image_sampler(generator, config.score.batch_size)
            scorers = {n: each.scorer for n, each in wanted.items() if each.weights == weights}
            images_u8 = draw_images(
                next(iter(scorers.values())),
                sample,
                LatentSpace(config.model.latent_dim, config.train.latents),
            )
            for name, scorer in scorers.items():
                yield make_row(known, epoch, name, *score_images(scorer, images_u8))


def find_run(
    space: Space, folders: Iterable[RunFolder], run: tuple[str, ...]
) -> tuple[RunFolder, Config]:
    """Return the folder and the configuration of the run with these values and seed."""
    for folder in folders:
        config = read_config(folder)
        if tuple(describe(space, config).values()) == run:
            return folder, config
    raise LookupError(f"{space.study} has no run {run}")


def set_weights(folder: RunFolder, config: Config, epoch: int, weights: str) -> keras.Sequential:
    """Return a generator with the weights of a run after an epoch: "generator" or "average"."""
    generator = build_gan(config.model, SHIPPED_SHAPE, config.seed, "float32").generator
    step = epoch * (int(config.data.limit or 60_000) // count_images(config.train))
    (path,) = folder.checkpoints.glob(f"step_{step:09d}_*.npz")
    arrays = read_checkpoint(path).arrays
    names = sorted(each for each in arrays if each.startswith(f"{weights}/"))
    generator.set_weights([arrays[name] for name in names])
    return generator


def draw_images(scorer: Scorer, sample: Sampler, space: LatentSpace) -> ImagesU8:
    """Return the images of a generator that are scored; they are the same for all classifiers."""
    latents, size = scorer.draw_latents(space), scorer.settings.batch_size
    return np.concatenate(
        [sample(latents[start : start + size]) for start in range(0, len(latents), size)]
    )


def score_images(scorer: Scorer, images_u8: ImagesU8) -> tuple[float, float]:
    """Return fcd and fcd_test of images by a classifier."""
    features, logits = scorer.classifier.read(images_u8, scorer.settings.batch_size)
    scores = scorer.score(Fakes(images_u8, Set(features, logits)))
    return scores.fcd, scores.fcd_test


if __name__ == "__main__":
    main()
