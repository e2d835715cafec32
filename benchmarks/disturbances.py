"""Disturbs real images in ways that a score has to detect, from hardly visible to severe.

    for level in DISTURBANCES["blur"].levels:
        disturbed_u8 = DISTURBANCES["blur"].apply(Real(images_u8, labels), level, random)

Heusel et al., 2017, figure 3, test FID with such disturbances. The last two imitate a collapsed
generator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, map_coordinates, zoom
from sklearn.datasets import load_digits

ImagesU8 = npt.NDArray[np.uint8]
SIDE = 28
SWIRL_RADIUS = 10.0  # pixels; at this distance from the centre the turn is 1/e of the strength


@dataclass(frozen=True)
class Real:
    """Images (n, 28, 28, 1) in 0..255, and their labels (n,) in 0..9."""

    images_u8: ImagesU8
    labels: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Disturbance:
    """A disturbance: a function from images to as many images in 0..255, and four rising levels."""

    meaning: str  # of a level, with its unit
    levels: tuple[float, float, float, float]
    apply: Callable[[Real, float, np.random.Generator], ImagesU8]


def add_noise(real: Real, sd: float, random: np.random.Generator) -> ImagesU8:
    """Return the images with independent Gaussian noise in each pixel."""
    return round_u8(real.images_u8 + random.normal(0.0, sd, real.images_u8.shape))


def blur(real: Real, sd: float, random: np.random.Generator) -> ImagesU8:
    """Return the images after a Gaussian filter with a standard deviation of `sd` pixels."""
    return round_u8(gaussian_filter(real.images_u8.astype(np.float32), (0.0, sd, sd, 0.0)))


def cover(real: Real, share: float, random: np.random.Generator) -> ImagesU8:
    """Return the images, each with a black rectangle at a random place.

    The rectangle has `share` of the area. Its height is 0.7 to 1.4 times its width, if it fits.
    """
    count = len(real.images_u8)
    area = share * SIDE**2
    heights = np.clip(np.rint(np.sqrt(area * random.uniform(0.5, 2.0, count))), 1, SIDE)
    widths = np.clip(np.rint(area / heights), 1, SIDE)
    rows = span(heights, random)[:, :, None, None]
    columns = span(widths, random)[:, None, :, None]
    return np.where(rows & columns, 0, real.images_u8).astype(np.uint8)


def span(lengths: npt.NDArray[np.floating], random: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Return (n, 28), true on `lengths` (n,) consecutive places that start at random."""
    starts = random.integers(0, SIDE - lengths.astype(int), endpoint=True)[:, None]
    places = np.arange(SIDE)
    return (places >= starts) & (places < starts + lengths[:, None])


def swirl(real: Real, strength: float, random: np.random.Generator) -> ImagesU8:
    """Return the images, turned by `strength` radians at the centre and by less further out."""
    down, right = np.indices((SIDE, SIDE)) - (SIDE - 1) / 2
    angles = strength * np.exp(-np.hypot(down, right) / SWIRL_RADIUS)
    sources = [
        np.cos(angles) * down - np.sin(angles) * right + (SIDE - 1) / 2,
        np.sin(angles) * down + np.cos(angles) * right + (SIDE - 1) / 2,
    ]
    images = real.images_u8[..., 0].astype(np.float32)
    turned = np.stack([map_coordinates(each, sources, order=1) for each in images])
    return round_u8(turned)[..., None]


def add_salt_and_pepper(real: Real, share: float, random: np.random.Generator) -> ImagesU8:
    """Return the images with `share` of the pixels set to black or white with equal probability."""
    shape = real.images_u8.shape
    grains = 255 * random.integers(0, 2, shape)
    return np.where(random.random(shape) < share, grains, real.images_u8).astype(np.uint8)


def mix_in_digits(real: Real, share: float, random: np.random.Generator) -> ImagesU8:
    """Return the images with `share` of them replaced by handwritten digits."""
    count = len(real.images_u8)
    rows = random.permutation(count)[: round(share * count)]
    mixed = real.images_u8.copy()
    digits = read_digits()
    mixed[rows] = digits[random.integers(len(digits), size=len(rows))]
    return mixed


def read_digits() -> ImagesU8:
    """Return scikit-learn's 1,797 digits, enlarged from 8x8 in 0..16 to 28x28 in 0..255."""
    factors = (1.0, SIDE / 8, SIDE / 8)
    large = zoom(load_digits().images, factors, order=1, mode="nearest", grid_mode=True)
    return round_u8(large * 255.0 / 16.0)[..., None]


def replay(real: Real, distinct: float, random: np.random.Generator) -> ImagesU8:
    """Return as many images, which repeat `distinct` of them."""
    count = len(real.images_u8)
    return real.images_u8[np.resize(random.permutation(count)[: int(distinct)], count)]


def drop_classes(real: Real, kept: float, random: np.random.Generator) -> ImagesU8:
    """Return as many images, from only `kept` of the ten classes in about equal shares."""
    rows = np.flatnonzero(np.isin(real.labels, random.permutation(10)[: int(kept)]))
    return real.images_u8[np.resize(random.permutation(rows), len(real.labels))]


def round_u8(images: npt.NDArray[np.floating]) -> ImagesU8:
    return np.clip(np.rint(images), 0, 255).astype(np.uint8)


DISTURBANCES = {
    "Gaussian noise": Disturbance("standard deviation (grey levels)", (8, 16, 32, 64), add_noise),
    "blur": Disturbance("standard deviation (pixels)", (0.5, 1.0, 2.0, 4.0), blur),
    "black rectangles": Disturbance("share of the area", (0.02, 0.05, 0.15, 0.4), cover),
    "swirl": Disturbance("turn at the centre (radians)", (0.25, 0.5, 1.0, 2.0), swirl),
    "salt and pepper": Disturbance(
        "share of the pixels", (0.01, 0.03, 0.1, 0.3), add_salt_and_pepper
    ),
    "handwritten digits": Disturbance("share of the images", (0.05, 0.1, 0.25, 0.5), mix_in_digits),
    "few images replayed": Disturbance("distinct images", (1000, 100, 30, 10), replay),
    "dropped classes": Disturbance("classes kept", (8, 5, 3, 1), drop_classes),
}
