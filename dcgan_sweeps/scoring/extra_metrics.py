"""The extra metrics, which help to interpret the distance and show what it does not measure.

    examination = examine(reals, fakes, random)
    examination.metrics["precision"], examination.metrics["precision_real"]

A metric whose name ends in "_real" is computed for the test images in place of the fakes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dcgan_sweeps.scoring.cache import FEW, load_metrics, name_arrays
from dcgan_sweeps.scoring.classes import (
    count_dropped,
    count_shares,
    measure_confidence,
    measure_js_bits,
)
from dcgan_sweeps.scoring.identity import VERSION
from dcgan_sweeps.scoring.kernel import measure_kid
from dcgan_sweeps.scoring.neighbours import (
    find_nearest_neighbours,
    measure_diversity,
    measure_overlap,
)

Features = npt.NDArray[np.float32]
Logits = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

EXAMPLES = 25  # most confident fakes, and least confident ones
NEIGHBOURS_OF = 10  # fakes that are shown with their nearest neighbours
NEIGHBOURS = 6


@dataclass(frozen=True)
class Set:
    """Features (n, d) and logits (n, classes) of some images."""

    features: Features
    logits: Logits


@dataclass(frozen=True)
class Reals:
    """The real images that fakes are compared with.

    `holdout` and `test` have as many images as there are fakes, or as many as there are;
    `train_features` are those of all training images.
    """

    holdout: Set
    test: Set
    train_features: Features


@dataclass(frozen=True)
class Examination:
    """The extra metrics, and the indices of the images that the pictures show."""

    metrics: Mapping[str, float]
    shares: Float64  # of the classes, among the fakes
    shares_real: Float64  # among the reals
    most_confident: Indices  # (EXAMPLES,), of the fakes
    least_sure: Indices
    nearest: Indices  # (NEIGHBOURS_OF, NEIGHBOURS), of the training images, for the first fakes


def examine(reals: Reals, fakes: Set, random: np.random.Generator) -> Examination:
    """Return the extra metrics of some fakes; every random choice comes from `random`."""
    shares_real = count_shares(reals.holdout.logits)
    distances, indices = find_nearest_neighbours(fakes.features, reals.train_features, NEIGHBOURS)
    kid = measure_kid(reals.holdout.features, fakes.features, random)
    order = np.argsort(measure_confidence(fakes.logits), kind="stable")
    metrics = {
        "kid": kid.value,
        "kid_error": kid.error,
        **measure(reals, fakes, shares_real),
        "nearest_train": float(np.median(distances[:, 0])),
        **{f"{name}_real": value for name, value in load_real_metrics(reals, shares_real).items()},
    }
    return Examination(
        metrics,
        count_shares(fakes.logits),
        shares_real,
        order[-EXAMPLES:][::-1],
        order[:EXAMPLES],
        indices[:NEIGHBOURS_OF],
    )


def measure(reals: Reals, fakes: Set, shares_real: Float64) -> dict[str, float]:
    """Return the metrics that are defined for any set of images, real or fake."""
    overlap = measure_overlap(reals.holdout.features, fakes.features)
    shares = count_shares(fakes.logits)
    return {
        **dataclasses.asdict(overlap),
        "class_js_bits": measure_js_bits(shares, shares_real),
        "dropped_classes": float(count_dropped(shares)),
        "diversity": measure_diversity(fakes.features),
    }


def load_real_metrics(reals: Reals, shares_real: Float64) -> Mapping[str, float]:
    """Return the metrics of the test images, from the cache where there are many images."""
    if len(reals.holdout.features) <= FEW:
        return measure_reals(reals, shares_real)
    sets = (reals.holdout, reals.test)
    arrays = [array for each in sets for array in (each.features, each.logits)]
    name = f"{VERSION}_{name_arrays(*arrays, reals.train_features)}"
    return load_metrics(name, lambda: measure_reals(reals, shares_real))


def measure_reals(reals: Reals, shares_real: Float64) -> dict[str, float]:
    """Return the metrics of the test images in place of the fakes."""
    distances, _ = find_nearest_neighbours(reals.test.features, reals.train_features, 1)
    return {**measure(reals, reals.test, shares_real), "nearest_train": float(np.median(distances))}
