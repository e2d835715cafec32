"""Small drawn shapes in ten classes, in the form of Fashion-MNIST."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

SIDE = 28
# Distance from the centre to the outline, by class: p-norms and turns give ten shapes.
NORMS = (0.7, 1.0, 1.5, 2.0, 8.0, 0.7, 1.0, 1.5, 2.0, 8.0)
RING_FROM = 5  # from this class on, only the rim is drawn


def draw_shapes(
    count: int, random: np.random.Generator
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Return `count` images (n, 28, 28) and their labels (n,), the classes in turn."""
    labels = (np.arange(count) % 10).astype(np.uint8)
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float64)
    images = np.empty((count, SIDE, SIDE), np.uint8)
    for image, label in zip(images, labels, strict=True):
        centre = random.uniform(11, 16, size=2)
        radius, brightness = random.uniform(6, 11), random.uniform(150, 255)
        y, x = np.abs(rows - centre[0]), np.abs(columns - centre[1])
        norm = NORMS[label]
        distance = (y**norm + x**norm) ** (1 / norm)
        coverage = np.clip(radius - distance + 0.5, 0, 1)
        if label >= RING_FROM:
            coverage -= np.clip(radius - 3 - distance + 0.5, 0, 1)
        image[:] = np.round(brightness * coverage)
    return images, labels
