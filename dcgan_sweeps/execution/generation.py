"""Writes images of a generator to files.

    write_images(generator, Path("images"), Wish(64, 0, True))   # images.png, .npz, .gif

Importing this module imports TensorFlow, so the device must be set up first.
"""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dcgan_sweeps.files import write_whole
from dcgan_sweeps.gan.networks import Generator
from dcgan_sweeps.gan.sampling import ImagesU8, Latents, interpolate, make_image_sampler
from dcgan_sweeps.randomness import LatentSpace, stream
from dcgan_sweeps.tracking.pictures import draw_grid, write_gif, write_png

MOST_IN_GRID = 1024  # images of the grid; programs fail to open much larger pictures
WALKERS = 64  # images of a frame of the GIF
STATIONS, STEPS = 4, 12  # latents that a walk passes, frames between two of them
FRAME_S = 0.1
BATCH = 500  # images drawn at a time
LATENTS = "generate/latents"  # the random stream of the latents


@dataclass(frozen=True)
class Wish:
    """A request for images: their number, the seed of their latents, and whether to add a walk."""

    count: int
    seed: int
    walk: bool


def write_images(generator: Generator, stem: Path, wish: Wish) -> list[Path]:
    """Write a grid, the images as npz and, where asked for, the walk; return the paths.

    The paths are `stem` with an ending. Raises OSError.
    """
    random = stream(wish.seed, LATENTS)
    latents = generator.latents.draw(random, wish.count)
    sample = make_image_sampler(generator.model, BATCH)
    images_u8 = sample(latents)
    columns = math.ceil(math.sqrt(min(wish.count, MOST_IN_GRID)))
    png, npz, gif = (stem.with_name(f"{stem.name}.{end}") for end in ("png", "npz", "gif"))
    write_png(png, draw_grid(images_u8[:MOST_IN_GRID], columns))
    archive = io.BytesIO()
    np.savez_compressed(archive, images_u8=drop_grey_axis(images_u8), latents=latents)
    write_whole(npz, archive.getvalue())
    if not wish.walk:
        return [png, npz]
    write_walk(gif, sample, latents[:WALKERS], generator.latents, random)
    return [png, npz, gif]


def draw_images(generator: Generator, count: int, seed: int) -> ImagesU8:
    """Return the images, 0 to 255, that `write_images` writes for a seed.

    Grey images are (count, height, width), and colour images (count, height, width, 3).
    """
    latents = generator.latents.draw(stream(seed, LATENTS), count)
    return drop_grey_axis(make_image_sampler(generator.model, BATCH)(latents))


def drop_grey_axis(images_u8: ImagesU8) -> ImagesU8:
    """Return images (n, h, w, channels) as Pillow reads them: grey ones as (n, h, w)."""
    return images_u8[..., 0] if images_u8.shape[-1] == 1 else images_u8


def write_walk(
    path: Path,
    sample: Callable[[Latents], ImagesU8],
    starts: Latents,
    space: LatentSpace,
    random: np.random.Generator,
) -> None:
    """Write a GIF in which each image walks from its latent through others and back to it."""
    others = space.draw(random, STATIONS - 1, len(starts))
    stations = [starts, *others, starts]
    columns = math.ceil(math.sqrt(len(starts)))
    frames: list[ImagesU8] = []
    for begin, end in itertools.pairwise(stations):
        walk = interpolate(begin, end, STEPS + 1, space.kind)
        walk = walk.reshape(len(starts), STEPS + 1, -1)
        frames += [draw_grid(sample(walk[:, step]), columns) for step in range(STEPS)]
    write_gif(path, frames, FRAME_S, FRAME_S)
