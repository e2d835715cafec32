"""Trains a scoring classifier on the training images outside the holdout."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import keras
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from dcgan_sweeps.config.faults import refuse
from dcgan_sweeps.config.schema import ClassifierConfig
from dcgan_sweeps.datasets.images import (
    Images,
    Labels,
    Shape,
    describe_shape,
    split_holdout,
)
from dcgan_sweeps.randomness import seed_int, stream
from dcgan_sweeps.scoring.classifier.network import Classifier, build_classifier

STEPS_PER_CALL = 50
SHIFT = 2  # pixels
BLURS = (0.0, 0.0, 0.5, 1.0)  # widths of the Gaussian, in pixels, each as likely
NOISE = 0.2  # of a range of 2


@dataclass(frozen=True)
class Labelled:
    """The labels of the training and of the test images, and the number of classes."""

    train: Labels
    test: Labels
    classes: int


@dataclass(frozen=True)
class ClassifierEpoch:
    """The result of one epoch; accuracies are from 0 to 1."""

    number: int
    loss: float
    train_accuracy: float
    test_accuracy: float


def require_labels(images: Images) -> Labelled:
    """Return the labels of a data set; raises RequestError where it has none, or only one class."""
    train, test, classes = images.train_labels, images.test_labels, len(images.class_names)
    if train is None or test is None or classes < 2:
        found = f"{classes} class{'es' * (classes != 1)}" if classes else "no labels"
        problem = f"got {images.name} with {found}; allowed: labels of 2 classes or more"
        raise refuse("data", problem)
    return Labelled(train, test, classes)


def require_size(images: Images, config: ClassifierConfig) -> None:
    """Raise RequestError for images that are too small to be pooled between all convolutions."""
    side, count = min(images.shape[:2]), len(config.filters)
    if side < 2 ** (count - 1):
        problem = (
            f"got {config.filters}; allowed: at most {side.bit_length()} items, since images of "
            f"{describe_shape(images.shape)}, are halved between two convolutions"
        )
        raise refuse("filters", problem)


def build_for(config: ClassifierConfig, shape: Shape, classes: int) -> keras.Model:
    """Return the untrained network of a configuration."""
    seed = seed_int(config.seed, "classifier/weights")
    return build_classifier(shape, classes, config.filters, config.hidden, config.dropout, seed)


def train_classifier(
    model: keras.Model, images: Images, labelled: Labelled, config: ClassifierConfig
) -> Iterator[ClassifierEpoch]:
    """Train `model` in place, and yield the result of each epoch.

    Training uses AdamW, cosine decay and, if configured, random horizontal flips and distortions
    of half of the images.
    """
    chosen, _ = split_holdout(len(images.train_u8))
    train, labels = scale(images.train_u8[chosen]), labelled.train[chosen]
    test, test_labels = scale(images.test_u8), labelled.test
    steps = -(-len(train) // config.batch_size)
    schedule = keras.optimizers.schedules.CosineDecay(config.learning_rate, config.epochs * steps)
    probabilities = keras.Model(model.inputs, model.outputs[1])
    probabilities.compile(
        keras.optimizers.AdamW(schedule, weight_decay=config.weight_decay),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        steps_per_execution=STEPS_PER_CALL,
        jit_compile=False,
    )
    for number in range(1, config.epochs + 1):
        random = stream(config.seed, "classifier/batches", number)
        order = random.permutation(len(train))
        shown = flip_some(train[order], random) if config.flip else train[order]
        if config.distort:
            half = random.random(len(shown)) < 0.5
            shown[half] = distort(shown[half], random)
        history = probabilities.fit(
            shown,
            labels[order],
            batch_size=config.batch_size,
            shuffle=False,
            verbose=0,
        ).history
        _, test_accuracy = probabilities.evaluate(test, test_labels, batch_size=500, verbose=0)
        yield ClassifierEpoch(
            number, history["loss"][0], history["accuracy"][0], float(test_accuracy)
        )


def scale(images_u8: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return images in 0..255 as float32 from -1 to 1."""
    return images_u8.astype(np.float32) / 127.5 - 1.0


def flip_some(
    images: npt.NDArray[np.float32], random: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Return `images` (n, h, w, channels), each mirrored with probability 1/2."""
    chosen = random.random(len(images)) < 0.5
    return np.where(chosen[:, None, None, None], images[:, :, ::-1], images)


def distort(
    images: npt.NDArray[np.float32], random: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Return `images` (n, h, w, channels) from -1 to 1, shifted, blurred and with noise.

    Each is shifted by up to SHIFT pixels, a half is blurred, and each has noise of a standard
    deviation of up to NOISE.
    """
    distorted = np.empty_like(images)
    kinds = random.integers(0, [2 * SHIFT + 1, 2 * SHIFT + 1, len(BLURS)], (len(images), 3))
    for down, right, blur in np.unique(kinds, axis=0):
        chosen = (kinds == (down, right, blur)).all(axis=1)
        shift = (0, down - SHIFT, right - SHIFT, 0)
        moved = ndimage.shift(images[chosen], shift, order=0, mode="nearest")
        width = BLURS[blur]
        distorted[chosen] = ndimage.gaussian_filter(moved, (0, width, width, 0)) if width else moved
    deviations = random.uniform(0, NOISE, (len(images), 1, 1, 1)).astype(np.float32)
    distorted += deviations * random.standard_normal(images.shape, np.float32)
    return np.clip(distorted, -1, 1, out=distorted)


def measure_accuracy(
    classifier: Classifier, images: Images, labels: Labels, batch_size: int
) -> float:
    """Return the accuracy of a stored classifier on the test images, from 0 to 1."""
    _, logits = classifier.read(images.test_u8, batch_size)
    return float((logits.argmax(axis=1) == labels).mean())
