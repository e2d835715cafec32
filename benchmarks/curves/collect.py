"""Writes the table of the bank of curves: `python -m benchmarks.curves.collect --dir FOLDER`.

Reads the runs that benchmarks.curves.train has finished, and adds the scores of their generators
by the shipped classifier, and by others: `--classifier blur=FOLDER`. All classifiers score the same
images. Rows that the table has already are kept, so the command can be repeated as the bank grows.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
from collections.abc import Container, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from benchmarks.curves.train import STUDY
from dcgan_sweeps.config import Config, compose
from dcgan_sweeps.datasets.images import Images, ImagesU8, load_images
from dcgan_sweeps.device import set_up_device
from dcgan_sweeps.gan.networks import build_gan
from dcgan_sweeps.gan.sampling import make_image_sampler
from dcgan_sweeps.logged_config import read_logged
from dcgan_sweeps.scoring.extra_metrics import Set
from dcgan_sweeps.scoring.fcd import Fakes, Sampler, Scorer, prepare_scorer
from dcgan_sweeps.sweep.folder import StudyFolder
from dcgan_sweeps.sweep.result import read_result
from dcgan_sweeps.terminal import track
from dcgan_sweeps.tracking.checkpoints import list_checkpoints, read_checkpoint
from dcgan_sweeps.tracking.documents import read_mapping
from dcgan_sweeps.tracking.folder import RunFolder

TABLE = Path(__file__).with_name("curves.csv")
SHIPPED = "shipped"
KEYS = ("lr", "dropout", "latent_dim", "seed", "epoch", "classifier")
COLUMNS = (*KEYS, "fcd", "fcd_test")
Row = dict[str, str]


def main() -> None:
    parser = argparse.ArgumentParser("benchmarks.curves.collect", description=__doc__)
    parser.add_argument("--dir", default="mlruns", help="folder of the study (mlruns)")
    parser.add_argument("--classifier", action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--table", type=Path, default=TABLE)
    options = parser.parse_args()
    rows = {name_row(row): row for row in read_table(options.table)}
    folders = StudyFolder.at(Path(options.dir), STUDY).list_trials()
    ended = [folder for folder in folders if read_result(folder) is not None]
    for folder in ended:
        rows |= {name_row(row): row for row in read_curve(folder)}
    write_table(options.table, rows.values())
    others = dict(each.split("=", 1) for each in options.classifier)
    if not others:
        return
    config = compose("config", ["score.extra_metrics=never"], Config)
    set_up_device(config.runner)
    images = load_images(config.data, print)
    scorers = {name: make_scorer(config, images, folder) for name, folder in others.items()}
    for folder in track(ended, "runs scored"):
        for row in score_run(folder, scorers, rows.keys()):
            rows[name_row(row)] = row
        write_table(options.table, rows.values())


def read_table(path: Path) -> list[Row]:
    """Return the rows of the table; none if there is no table."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return [*csv.DictReader(line for line in file if not line.startswith("#"))]


def write_table(path: Path, rows: Iterable[Row]) -> None:
    """Write the rows in order, below the commands that made them."""
    ordered = sorted(rows, key=lambda row: (row["classifier"], *map(float, name_row(row)[:5])))
    with path.open("w", newline="") as file:
        file.write("# python -m benchmarks.curves.train && python -m benchmarks.curves.collect\n")
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(ordered)


def name_row(row: Row) -> tuple[str, ...]:
    """Return what identifies a row."""
    return tuple(row[key] for key in KEYS)


def describe(config: Config) -> Row:
    """Return the configuration and the seed of a run, as columns."""
    values = (config.optimizer.lr, config.model.dropout, config.model.latent_dim, config.seed)
    return dict(zip(KEYS, map(str, values), strict=False))


def read_config(folder: RunFolder) -> Config:
    """Return the logged configuration of a run."""
    return read_logged(read_mapping(folder.root / "config.yaml"))


def read_curve(folder: RunFolder) -> Iterator[Row]:
    """Return a row for each score that a run has logged."""
    known = describe(read_config(folder))
    for record in folder.read_records():
        if "score/fcd" in record:
            scores = record["score/fcd"], record["score/fcd_test"]
            yield make_row(known, record["epoch"], SHIPPED, *scores)


def make_row(known: Row, epoch: int, classifier: str, fcd: float, fcd_test: float) -> Row:
    """Return a row of the table; scores have five digits."""
    scores = {"fcd": f"{fcd:.5g}", "fcd_test": f"{fcd_test:.5g}"}
    return {**known, "epoch": str(epoch), "classifier": classifier, **scores}


def make_scorer(config: Config, images: Images, folder: str) -> Scorer:
    """Return the scorer with the classifier in a folder."""
    return prepare_scorer(dataclasses.replace(config.score, classifier=folder), images)


def score_run(
    folder: RunFolder, scorers: Mapping[str, Scorer], known_rows: Container[tuple[str, ...]]
) -> Iterator[Row]:
    """Return a row for each checkpoint of a run and each classifier, unless it is known."""
    config = read_config(folder)
    known = describe(config)
    gan = build_gan(config.model, config.seed, "float32")
    sample = make_image_sampler(gan.generator, config.score.batch_size)
    steps = int(config.data.limit or 60_000) // config.train.batch_size
    for path in reversed(list_checkpoints(folder.checkpoints)):
        checkpoint = read_checkpoint(path)
        epoch = checkpoint.step // steps
        wanted = {
            name: scorer
            for name, scorer in scorers.items()
            if name_row(make_row(known, epoch, name, 0, 0)) not in known_rows
        }
        if checkpoint.step % steps or not wanted:
            continue
        names = sorted(name for name in checkpoint.arrays if name.startswith("generator/"))
        gan.generator.set_weights([checkpoint.arrays[name] for name in names])
        images_u8 = draw_images(next(iter(wanted.values())), sample, config.model.latent_dim)
        for name, scorer in wanted.items():
            yield make_row(known, epoch, name, *score_images(scorer, images_u8))


def draw_images(scorer: Scorer, sample: Sampler, latent_dim: int) -> ImagesU8:
    """Return the images of a generator that are scored; they are the same for all classifiers."""
    latents, size = scorer.draw_latents(latent_dim), scorer.settings.batch_size
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
