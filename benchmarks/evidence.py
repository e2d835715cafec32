"""Measures which disturbances the score detects, and its bias: `python -m benchmarks.evidence`.

Writes these images to FOLDER (default: docs/images) and prints their data as Markdown tables:
- score_disturbances.png and score_disturbed_images.png: real images with eight disturbances;
- score_bias.png: distances by the number of images, for a Gaussian and for real images.
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from benchmarks.bias import draw_distances, expect_distance
from benchmarks.disturbances import DISTURBANCES, Disturbance, Real
from dcgan_sweeps.config.compose import compose
from dcgan_sweeps.config.schema import Config, Score
from dcgan_sweeps.datasets.images import Images
from dcgan_sweeps.datasets.loading import load_images
from dcgan_sweeps.device import set_up_device
from dcgan_sweeps.randomness import stream
from dcgan_sweeps.scoring.frechet import Moments, frechet_distance, measure_moments
from dcgan_sweeps.tracking.pictures import draw_grid

ImagesU8 = npt.NDArray[np.uint8]
Features = npt.NDArray[np.float32]
Read = Callable[[ImagesU8], Features]
Expect = Callable[[float], float]  # from a number of images to the expected distance

FOLDER = Path(__file__).parents[1] / "docs" / "images"
COUNTS = (1_000, 2_000, 5_000, 10_000)
REALS = 10_000  # real images in the holdout set; the package ships its moments
DRAWS = 50  # samples of a Gaussian for each count
SHOWN, ACROSS = 8, 4  # images in a cell, and in each of its rows
# Colours of Okabe and Ito, which colour-blind people can distinguish; so are the markers.
BLUE, ORANGE, BLACK = "#0072B2", "#E69F00", "#000000"
GREYS = 64  # grey levels of the image file, to keep it small


@dataclass(frozen=True)
class Mean:
    """A mean of distances with its standard error, which is NaN for a single distance."""

    value: float
    error: float


def main() -> None:
    parser = argparse.ArgumentParser("benchmarks.evidence", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER, help="for the pictures")
    options = parser.parse_args()
    mpl.use("Agg")
    options.folder.mkdir(parents=True, exist_ok=True)
    config = compose("config", [], Config)
    print(set_up_device(config.runner).describe())
    images = load_images(config.data, print)
    read, holdout = prepare_reading(config.score, images)
    features = read(images.test_u8)
    show_disturbances(Real(images.test_u8, images.test_labels), read, holdout, options.folder)
    show_bias(features, holdout, options.folder / "score_bias.png")


def prepare_reading(settings: Score, images: Images) -> tuple[Read, Moments]:
    """Return a function from images to features, and the moments of the holdout set."""
    from dcgan_sweeps.scoring.fcd import prepare_scorer

    scorer = prepare_scorer(settings, images)

    def read(images_u8: ImagesU8) -> Features:
        return scorer.classifier.read(images_u8, settings.batch_size)[0]

    return read, scorer.reference.holdout


def show_disturbances(real: Real, read: Read, holdout: Moments, folder: Path) -> None:
    """Write both images of the disturbances, and print their distances."""
    draw_images(real, folder / "score_disturbed_images.png")
    floor = frechet_distance(holdout, measure_moments(read(real.images_u8)))
    curves = {}
    for name, disturbance in DISTURBANCES.items():
        features = map(read, disturb(real, disturbance))
        curves[name] = [frechet_distance(holdout, measure_moments(each)) for each in features]
    draw_curves(floor, curves, folder / "score_disturbances.png")
    print(tabulate_curves(floor, curves))


def disturb(real: Real, disturbance: Disturbance) -> Iterable[ImagesU8]:
    """Yield the images at each of the four levels, with the same random numbers."""
    for level in disturbance.levels:
        yield disturbance.apply(real, level, stream(0, "disturbance"))


def tabulate_curves(floor: float, curves: Mapping[str, Sequence[float]]) -> str:
    """Return the distances as a Markdown table, each after its level."""
    rows = [
        f"Undisturbed: {floor:.2f}. A cell: level: `fcd`.",
        "",
        "| disturbance | level | mildest | | | severest |",
        "|---|---|---|---|---|---|",
    ]
    for name, distances in curves.items():
        disturbance = DISTURBANCES[name]
        pairs = zip(disturbance.levels, distances, strict=True)
        cells = " | ".join(f"{level:g}: {distance:.1f}" for level, distance in pairs)
        rows.append(f"| {name} | {disturbance.meaning} | {cells} |")
    return "\n".join(rows) + "\n"


def draw_curves(floor: float, curves: Mapping[str, Sequence[float]], picture: Path) -> None:
    """Write a PNG file with a panel for each disturbance; its levels are equally spaced."""
    figure, panels = plt.subplots(2, 4, figsize=(10, 5.2), layout="constrained", sharey=True)
    for panel, (name, distances) in zip(panels.flat, curves.items(), strict=True):
        disturbance = DISTURBANCES[name]
        panel.axhline(floor, color=ORANGE, linestyle="--")
        panel.plot([floor, *distances], "o-", color=BLUE)
        panel.set_xticks(range(5), ["none", *(f"{level:g}" for level in disturbance.levels)])
        panel.set(xlabel=disturbance.meaning, title=name, yscale="log")
        panel.grid(axis="y", alpha=0.3)
    for panel in panels[:, 0]:
        panel.set_ylabel("fcd (features squared)")
    text = {"color": "#8A5A00", "fontsize": 8, "ha": "right", "va": "bottom"}
    panels[0, 0].text(4.1, floor * 1.1, "floor: undisturbed", **text)
    figure.savefig(picture, dpi=100)
    plt.close(figure)


def draw_images(real: Real, picture: Path) -> None:
    """Write a PNG file with a row for each disturbance: the original and the four levels."""
    rows = stream(0, "shown").permutation(len(real.images_u8))[:SHOWN]
    figure, panels = plt.subplots(len(DISTURBANCES), 5, figsize=(10, 8), layout="constrained")
    for line, (name, disturbance) in zip(panels, DISTURBANCES.items(), strict=True):
        sets = [real.images_u8, *disturb(real, disturbance)]
        titles = ["original", *(f"{level:g}" for level in disturbance.levels)]
        for panel, images_u8, title in zip(line, sets, titles, strict=True):
            draw_cell(panel, images_u8[rows], title)
        words = f"{name}:\n{textwrap.fill(disturbance.meaning, 20)}"
        line[0].set_ylabel(words, rotation=0, ha="right", va="center", labelpad=8)
    save_grey(figure, picture)


def draw_cell(panel: Axes, images_u8: ImagesU8, title: str) -> None:
    panel.imshow(draw_grid(images_u8, ACROSS), cmap="gray", vmin=0, vmax=255)
    panel.set_title(title, fontsize=9, pad=2)
    panel.set(xticks=[], yticks=[])
    panel.spines[:].set_visible(False)


def save_grey(figure: Figure, picture: Path) -> None:
    figure.set_dpi(100)
    figure.canvas.draw()
    grey = Image.fromarray(np.asarray(figure.canvas.buffer_rgba())).convert("L")
    grey.quantize(GREYS).save(picture, optimize=True)
    plt.close(figure)


def show_bias(features: Features, holdout: Moments, picture: Path) -> None:
    """Write the picture of the bias, and print the same as a table."""
    eigenvalues = np.linalg.eigvalsh(holdout.covariance)
    random = stream(0, "bias")
    drawn = [average(draw_distances(eigenvalues, n, REALS, DRAWS, random)) for n in COUNTS]
    order = random.permutation(len(features))
    real = [average(measure_parts(features[order], count, holdout)) for count in COUNTS]

    def expect(count: float) -> float:
        return expect_distance(eigenvalues, count, REALS)

    draw_bias(expect, drawn, real, picture)
    print(tabulate_bias(expect, drawn, real))


def measure_parts(features: Features, count: int, holdout: Moments) -> npt.NDArray[np.float64]:
    """Return the distance of each of the disjoint sets of `count` consecutive features."""
    parts = features[: len(features) // count * count].reshape(-1, count, features.shape[1])
    return np.array([frechet_distance(holdout, measure_moments(each)) for each in parts])


def average(distances: npt.NDArray[np.float64]) -> Mean:
    count = len(distances)
    error = distances.std(ddof=1) / np.sqrt(count) if count > 1 else np.nan
    return Mean(float(distances.mean()), float(error))


def tabulate_bias(expect: Expect, drawn: Sequence[Mean], real: Sequence[Mean]) -> str:
    """Return the data of the image as a Markdown table."""
    rows = [
        "| images | formula | Gaussian, measured | test images |",
        "|---|---|---|---|",
    ]
    for count, *means in zip(COUNTS, drawn, real, strict=True):
        cells = " | ".join(describe(mean) for mean in means)
        rows.append(f"| {count:,} | {expect(count):.3f} | {cells} |")
    return "\n".join(rows) + "\n"


def describe(mean: Mean) -> str:
    return f"{mean.value:.3f}" + ("" if np.isnan(mean.error) else f" ± {mean.error:.3f}")


def draw_bias(expect: Expect, drawn: Sequence[Mean], real: Sequence[Mean], picture: Path) -> None:
    """Write a PNG file of the distances over the number of images, with standard errors."""
    figure, panel = plt.subplots(figsize=(8, 4.5), layout="constrained")
    counts = np.geomspace(COUNTS[0], COUNTS[-1])
    panel.plot(counts, [expect(n) for n in counts], color=BLACK, label="formula, to order 1/n")
    series = {
        "Gaussian of the holdout's covariance": (drawn, "o", BLUE),
        "real test images": (real, "s", ORANGE),
    }
    for label, (means, mark, colour) in series.items():
        values, errors = zip(*((mean.value, mean.error) for mean in means), strict=True)
        panel.errorbar(COUNTS, values, errors, fmt=mark, capsize=4, color=colour, label=label)
    panel.set(xscale="log", yscale="log", xlabel="number of images n, against 10,000 held out")
    panel.set_ylabel("mean fcd (features squared)")
    panel.set_xticks(COUNTS, [f"{count:,}" for count in COUNTS])
    panel.set_yticks((0.5, 1, 2), ("0.5", "1", "2"))
    panel.minorticks_off()
    panel.grid(alpha=0.3)
    panel.legend()
    figure.savefig(picture, dpi=100)
    plt.close(figure)


if __name__ == "__main__":
    main()
