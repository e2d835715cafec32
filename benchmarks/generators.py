"""Measures the reliability of the score: `python -m benchmarks.generators TARGET ...`.

Scores each generator with the shipped classifier and with others, and prints the rank correlations.
Prints how the score varies with the latents, the number of images and the training seed. Logs
nothing. docs/score.md has these tables.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import statistics
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import spearmanr

from dcgan_sweeps.config.compose import compose
from dcgan_sweeps.config.schema import Config
from dcgan_sweeps.datasets.images import load_images
from dcgan_sweeps.device import set_up_device
from dcgan_sweeps.execution.rescoring import load_generator
from dcgan_sweeps.gan.networks import Generator
from dcgan_sweeps.gan.sampling import make_image_sampler
from dcgan_sweeps.metrics import EXTRA_METRICS
from dcgan_sweeps.runs.logged_run import LoggedRun
from dcgan_sweeps.runs.selection import find_all, find_trials
from dcgan_sweeps.scoring.extra_metrics import Set
from dcgan_sweeps.scoring.fcd import Fakes, Scorer, prepare_scorer
from dcgan_sweeps.scoring.frechet import frechet_distance, measure_moments
from dcgan_sweeps.tracking.provenance import describe_machine
from dcgan_sweeps.tracking.store import Client, open_store

COUNTS = (1000, 2000, 5000, 10_000)
LATENT_SEEDS = 5
COLOURS, MARKS = ("#0072B2", "#E69F00", "#009E73"), ("o", "s", "^")  # Okabe and Ito


@dataclass(frozen=True)
class Drawn:
    """A run's generator, and the images by which it is scored."""

    run: LoggedRun
    generator: Generator
    fakes: Fakes

    @property
    def name(self) -> str:
        return self.run.name


def main() -> None:
    parser = argparse.ArgumentParser("benchmarks.generators", description=__doc__)
    parser.add_argument("selection", nargs="+", help="run ids, study:NAME")
    parser.add_argument("--dir", default="mlruns", help="folder of the store (mlruns)")
    parser.add_argument("--noise", help="name of a study that varies the seed alone")
    parser.add_argument("--classifier", action="append", default=[], help="folder of another one")
    parser.add_argument("--picture", type=Path, help="PNG to be written of the rankings")
    options = parser.parse_args()
    config = compose("config", [], Config)
    print(set_up_device(config.runner).describe())
    machine = describe_machine()
    print(f"{machine['cpu']}, {machine['cores']} cores\n")
    client = open_store(None, options.dir)
    images = load_images(config.data, print)
    folders = [None, *options.classifier]
    scorers = [
        prepare_scorer(dataclasses.replace(config.score, classifier=folder), images)
        for folder in folders
    ]
    drawn = [
        draw(client, run, scorers[0])
        for run in find_all(client, config.tracking.experiment, options.selection)
    ]
    scores = {scorer.classifier.sha256[:8]: score_all(scorer, drawn) for scorer in scorers}
    print_rankings(drawn, scores)
    if options.picture:
        draw_rankings(scores, options.picture)
    ordered = [drawn[index] for index in np.argsort(scores[scorers[0].classifier.sha256[:8]])]
    chosen = [ordered[0], ordered[len(ordered) // 2], ordered[-1]]
    print_extra_metrics(scorers[0], chosen)
    print_counts(scorers[0], chosen)
    print_latent_noise(scorers[0], chosen)
    if options.noise:
        print_training_noise(find_trials(client, config.tracking.experiment, options.noise))


def draw(client: Client, run: LoggedRun, scorer: Scorer) -> Drawn:
    """Return a run's generator with its fake images."""
    generator = load_generator(client, run)
    sample = make_image_sampler(generator.model, scorer.settings.batch_size)
    return Drawn(run, generator, scorer.draw(sample, generator.latent_dim))


def score_all(scorer: Scorer, drawn: list[Drawn]) -> list[float]:
    """Return the fcd of each generator with the classifier of `scorer`."""
    reads = (scorer.classifier.read(each.fakes.images_u8, 500) for each in drawn)
    return [scorer.score(Fakes(np.empty(0), Set(*read))).fcd for read in reads]


def print_rankings(drawn: list[Drawn], scores: dict[str, list[float]]) -> None:
    print("\n| generator | " + " | ".join(f"by {name}" for name in scores) + " |")
    print("|---|" + "---|" * len(scores))
    for index in np.argsort(next(iter(scores.values()))):
        row = " | ".join(f"{values[index]:.1f}" for values in scores.values())
        print(f"| {drawn[index].name} | {row} |")
    for one, other in itertools.combinations(scores, 2):
        rho = spearmanr(scores[one], scores[other]).statistic
        print(f"Spearman of {one} and {other} over {len(drawn)} generators: {rho:.3f}")


def draw_rankings(scores: dict[str, list[float]], picture: Path) -> None:
    """Plot the scores with each other classifier over those with the shipped one."""
    mpl.use("Agg")
    figure, axes = plt.subplots(figsize=(5.5, 4), layout="constrained")
    (shipped, first), *others = scores.items()
    for (name, values), colour, mark in zip(others, COLOURS, MARKS, strict=False):
        rho = spearmanr(first, values).statistic
        axes.plot(first, values, mark, color=colour, label=f"{name}: Spearman {rho:.2f}")
    axes.set(xlabel=f"fcd by the shipped classifier, {shipped}", ylabel="fcd by another one")
    axes.legend()
    figure.savefig(picture, dpi=110)


def print_extra_metrics(scorer: Scorer, drawn: list[Drawn]) -> None:
    """Print the extra metrics of some generators next to those of real images."""
    rows = np.arange(len(scorer.images.train_u8))
    seen = [scorer.examine(each.fakes, rows, print).metrics for each in drawn]
    print("\n| | " + " | ".join(each.name for each in drawn) + " | real images |")
    print("|---|" + "---|" * (len(drawn) + 1))
    for metric in EXTRA_METRICS:
        if metric.score in seen[0]:
            cells = [metric.show(metrics[metric.score]) for metrics in seen]
            real = seen[0].get(f"{metric.score}_real")
            cells.append("" if real is None else metric.show(real))
            print(f"| `{metric.name}` | " + " | ".join(cells) + " |")


def print_counts(scorer: Scorer, drawn: list[Drawn]) -> None:
    """Print the fcd of fewer images, and the extrapolated fcd of infinitely many."""
    print("\n| generator | " + " | ".join(f"{count:,}" for count in COUNTS) + " | extrapolated |")
    print("|---|" + "---|" * (len(COUNTS) + 1))
    for each in drawn:
        features = each.fakes.read.features
        cells = [
            f"{frechet_distance(scorer.reference.holdout, measure_moments(features[:count])):.2f}"
            for count in COUNTS
        ]
        print(
            f"| {each.name} | " + " | ".join(cells) + f" | {scorer.extrapolate(each.fakes):.2f} |"
        )


def print_latent_noise(scorer: Scorer, drawn: list[Drawn]) -> None:
    """Print how the fcd of each generator varies with the latents, and its logged error."""
    print(f"\n| generator | mean of {LATENT_SEEDS} latent seeds | sd | logged error |")
    print("|---|---|---|---|")
    for each in drawn:
        sample = make_image_sampler(each.generator.model, scorer.settings.batch_size)
        values = []
        for seed in range(LATENT_SEEDS):
            settings = dataclasses.replace(scorer.settings, seed=seed)
            other = dataclasses.replace(scorer, settings=settings)
            values.append(scorer.score(other.draw(sample, each.generator.latent_dim)).fcd)
        error = scorer.estimate_error(each.fakes)
        print(
            f"| {each.name} | {statistics.mean(values):.2f} | {statistics.stdev(values):.2f} | "
            f"{error:.2f} |"
        )


def print_training_noise(trials: list[LoggedRun]) -> None:
    """Print how the score varies with the training seed."""
    values = [run.metrics["score/fcd"] for run in trials]
    mean, deviation = statistics.mean(values), statistics.stdev(values)
    shown = ", ".join(f"{value:.1f}" for value in values)
    print(f"\n{len(values)} training seeds: {shown}")
    print(f"mean {mean:.1f}, standard deviation {deviation:.1f}, {deviation / mean:.1%} of it")


if __name__ == "__main__":
    main()
