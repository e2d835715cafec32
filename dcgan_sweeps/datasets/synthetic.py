"""Draws small grey shapes in ten classes, for machines without the real data."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dcgan_sweeps.config.schema import BuiltInData
from dcgan_sweeps.datasets.images import Images, ImagesU8, Labels
from dcgan_sweeps.randomness import stream

SIDE = 28
# The exponent of the p-norm of each class; filled shapes and rings make ten classes.
NORMS = (0.7, 1.0, 1.5, 2.0, 8.0, 0.7, 1.0, 1.5, 2.0, 8.0)
RING_FROM = 5  # from this class on, shapes are rings


def load(data: BuiltInData, say: Callable[[str], None]) -> Images:
    """Return `data.count` training images, as `draw_synthetic` does."""
    return draw_synthetic(data.count or 0)


def draw_synthetic(count: int) -> Images:
    """Return `count` training images of small shapes, and a sixth as many test images."""
    train = draw_shapes(count, stream(0, "synthetic/train"))
    test = draw_shapes(count // 6, stream(0, "synthetic/test"))
    return Images("synthetic", "drawn", *train, *test, tuple("0123456789"))


def draw_shapes(count: int, random: np.random.Generator) -> tuple[ImagesU8, Labels]:
    """Return `count` images (n, 28, 28, 1) of small shapes, and their labels (n,) in turn."""
    labels = (np.arange(count) % 10).astype(np.uint8)
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float64)
    images = np.empty((count, SIDE, SIDE, 1), np.uint8)
    for image, label in zip(images, labels, strict=True):
        centre = random.uniform(11, 16, size=2)
        radius, brightness = random.uniform(6, 11), random.uniform(150, 255)
        y, x = np.abs(rows - centre[0]), np.abs(columns - centre[1])
        norm = NORMS[label]
        distance = (y**norm + x**norm) ** (1 / norm)
        coverage = np.clip(radius - distance + 0.5, 0, 1)
        if label >= RING_FROM:
            coverage -= np.clip(radius - 3 - distance + 0.5, 0, 1)
        image[..., 0] = np.round(brightness * coverage)
    return images, labels
