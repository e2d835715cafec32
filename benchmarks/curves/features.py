"""Compares features by their agreement with the eye: `python -m benchmarks.curves.features`.

Scores the generators that were ranked by eye (RANKINGS of benchmarks.curves.blind) by the Fréchet
distance of several features: pixels, and each layer of the classifiers that are named
(`--classifier NAME=FOLDER`), as they are, whitened by the real images, and scaled to equal size.
Prints the rank correlation of each with the ranking of each set. docs/score.md has this table.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from scipy.stats import spearmanr

from benchmarks.curves.blind import LETTERS, RANKINGS, choose
from benchmarks.curves.collect import find_run, set_weights
from benchmarks.curves.spaces import SPACES
from dcgan_sweeps.config.compose import compose
from dcgan_sweeps.config.schema import Config
from dcgan_sweeps.datasets.images import ImagesU8, split_holdout
from dcgan_sweeps.datasets.loading import load_images
from dcgan_sweeps.device import set_up_device
from dcgan_sweeps.gan.sampling import make_image_sampler
from dcgan_sweeps.randomness import stream
from dcgan_sweeps.scoring.classifier.network import build_classifier, scale
from dcgan_sweeps.scoring.frechet import frechet_distance, measure_moments
from dcgan_sweeps.scoring.identity import read_arrays
from dcgan_sweeps.scoring.trained_on import SHIPPED_SHAPE
from dcgan_sweeps.sweep.folder import StudyFolder

COUNT, BATCH = 4000, 500  # images of each generator; images read at a time
Floats = npt.NDArray[np.float64]
Read = Callable[[ImagesU8], Mapping[str, Floats]]
SMALLEST = 1e-2  # share of the largest variance below which whitening does not enlarge


def main() -> None:
    parser = argparse.ArgumentParser("benchmarks.curves.features", description=__doc__)
    parser.add_argument("--dir", default="mlruns", help="folder of the study (mlruns)")
    parser.add_argument("--classifier", action="append", default=[], metavar="NAME=FOLDER")
    options = parser.parse_args()
    config = compose("config", [], Config)
    set_up_device(config.runner)
    images = load_images(config.data, print)
    real_u8 = images.train_u8[split_holdout(len(images.train_u8))[1]][:COUNT]
    drawn = [[*draw_set(Path(options.dir), number)] for number in range(len(RANKINGS))]
    print("| features | scaling | " + " | ".join(f"set {n}" for n in range(len(drawn))) + " |")
    print("|---" * (2 + len(drawn)) + "|")
    print_agreement("pixels", read_pixels, real_u8, drawn)
    folders = {"shipped": None, **dict(each.split("=", 1) for each in options.classifier)}
    for name, folder in folders.items():
        print_agreement(name, make_reader(folder), real_u8, drawn)


def draw_set(folder: Path, number: int) -> Iterator[ImagesU8]:
    """Return the images of each generator of a set that was ranked by eye, in their order."""
    space = SPACES["fcd"]
    trials = StudyFolder.at(folder, space.study).list_trials()
    for run, epoch in choose(space, number):
        trial, config = find_run(space, trials, run)
        generator = set_weights(trial, config, epoch, "generator")
        shape = (COUNT, config.model.latent_dim)
        latents = stream(0, "score/latents").standard_normal(shape, np.float32)
        yield make_image_sampler(generator, BATCH)(latents)


def read_pixels(images_u8: ImagesU8) -> dict[str, Floats]:
    """Return the pixels of images, each the mean of 2x2."""
    quarters = images_u8.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4))
    return {"of 14x14": quarters.reshape(len(images_u8), -1) / 255.0}


def make_reader(folder: str | None) -> Read:
    """Return the function from images to the features of each layer of a classifier."""
    weights = read_arrays(folder)
    filters = [each.shape[3] for each in weights if each.ndim == 4]
    hidden, classes = (each.shape[1] for each in weights if each.ndim == 2)
    model = build_classifier(SHIPPED_SHAPE, classes, filters, hidden, dropout=0.0, seed=0)
    model.set_weights(weights)
    means = [
        keras.layers.GlobalAveragePooling2D()(layer.output)
        for layer in model.layers
        if isinstance(layer, keras.layers.Conv2D)
    ]
    dense = [layer.output for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    names = [f"convolution {place}, means" for place in range(1, len(means) + 1)]
    names += ["hidden layer", "logits"]
    layers = keras.Model(model.inputs, [*means, *dense])
    infer = tf.function(lambda batch: layers(scale(batch), training=False), autograph=False)

    def read(images_u8: ImagesU8) -> dict[str, Floats]:
        parts = [
            infer(tf.constant(images_u8[start : start + BATCH]))
            for start in range(0, len(images_u8), BATCH)
        ]
        whole = [np.concatenate(each).astype(np.float64) for each in zip(*parts, strict=True)]
        return dict(zip(names, whole, strict=True))

    return read


def print_agreement(name: str, read: Read, real_u8: ImagesU8, drawn: list[list[ImagesU8]]) -> None:
    """Print a row for each layer and scaling."""
    real = read(real_u8)
    fakes = [[read(images_u8) for images_u8 in each] for each in drawn]
    for layer, reals in real.items():
        for scaling, prepare in SCALINGS.items():
            change = prepare(reals)
            moments = measure_moments(change(reals))
            cells = []
            for ranking, generators in zip(RANKINGS, fakes, strict=True):
                scores = [
                    frechet_distance(moments, measure_moments(change(each[layer])))
                    for each in generators
                ]
                places = [ranking.index(letter) for letter in LETTERS]
                cells.append(f"{spearmanr(places, scores).statistic:.2f}")
            print(f"| {name}, {layer} | {scaling} | {' | '.join(cells)} |", flush=True)


def keep(_: Floats) -> Callable[[Floats], Floats]:
    """Return the function that changes nothing."""
    return lambda features: features


def whiten(real: Floats) -> Callable[[Floats], Floats]:
    """Return the linear map that gives real features a covariance near the identity."""
    values, vectors = np.linalg.eigh(np.cov(real.T))
    scales = vectors / np.sqrt(np.maximum(values, SMALLEST * values.max()))
    return lambda features: np.asarray(features @ scales)


def equalise(_: Floats) -> Callable[[Floats], Floats]:
    """Return the function that divides the features of each image by their root mean square."""
    return lambda features: np.asarray(
        features / np.sqrt((features**2).mean(axis=1, keepdims=True) + 1e-12)
    )


SCALINGS = {"none": keep, "whitened": whiten, "equal size": equalise}


if __name__ == "__main__":
    main()
