"""Measures the reliability of the score: `python -m benchmarks.generators TARGET ...`.

Prints, for each generator, the extra metrics, and how the score varies with the latents and with
the number of images. Logs nothing. docs/score.md has these tables; docs/search.md has the variation
with the training seed, which is larger.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
from dataclasses import dataclass

import numpy as np

from dcgan_sweeps.config.compose import compose
from dcgan_sweeps.config.schema import Config
from dcgan_sweeps.datasets.loading import load_images
from dcgan_sweeps.device import set_up_device
from dcgan_sweeps.execution.rescoring import load_generator
from dcgan_sweeps.gan.networks import Generator
from dcgan_sweeps.gan.sampling import make_image_sampler
from dcgan_sweeps.metrics import EXTRA_METRICS
from dcgan_sweeps.runs.logged_run import LoggedRun
from dcgan_sweeps.runs.selection import find_all
from dcgan_sweeps.scoring.fcd import Fakes, Scorer, prepare_scorer
from dcgan_sweeps.scoring.frechet import frechet_distance, measure_moments
from dcgan_sweeps.tracking.provenance import describe_machine
from dcgan_sweeps.tracking.store import Client, open_store

COUNTS = (1000, 2000, 5000, 10_000)
LATENT_SEEDS = 5


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
    options = parser.parse_args()
    config = compose("config", [], Config)
    print(set_up_device(config.runner).describe())
    machine = describe_machine()
    print(f"{machine['cpu']}, {machine['cores']} cores\n")
    client = open_store(None, options.dir)
    images = load_images(config.data, print)
    scorer = prepare_scorer(config.score, images)
    drawn = [
        draw(client, run, scorer)
        for run in find_all(client, config.tracking.experiment, options.selection)
    ]
    print_extra_metrics(scorer, drawn)
    print_counts(scorer, drawn)
    print_latent_noise(scorer, drawn)


def draw(client: Client, run: LoggedRun, scorer: Scorer) -> Drawn:
    """Return a run's generator with its fake images."""
    generator = load_generator(client, run)
    sample = make_image_sampler(generator.model, scorer.settings.batch_size)
    return Drawn(run, generator, scorer.draw(sample, generator.latents, iter))


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
            values.append(scorer.score(other.draw(sample, each.generator.latents, iter)).fcd)
        error = scorer.estimate_error(each.fakes)
        print(
            f"| {each.name} | {statistics.mean(values):.2f} | {statistics.stdev(values):.2f} | "
            f"{error:.2f} |"
        )


if __name__ == "__main__":
    main()
