"""Draws pictures of the results of the extra metrics.

draw_pictures(images, train_rows, fakes_u8, examination, walks_u8)["nearest"]
"""

from __future__ import annotations

import numpy as np

from dcgan_sweeps.datasets.images import Images, Indices
from dcgan_sweeps.gan.sampling import ImagesU8, Latents, interpolate
from dcgan_sweeps.randomness import LatentSpace, stream
from dcgan_sweeps.scoring.extra_metrics import Examination
from dcgan_sweeps.tracking.pictures import add_caption, draw_grid, draw_shares

WALKS, STEPS = 5, 10
COLUMNS = 5


def draw_walks(seed: int, space: LatentSpace) -> Latents:
    """Return the latents of WALKS walks of STEPS each, one after the other."""
    random = stream(seed, "score/interpolation")
    starts, ends = space.draw(random, 2, WALKS)
    return interpolate(starts, ends, STEPS, space.kind)


def draw_averaged(averaged_u8: ImagesU8, raw_u8: ImagesU8) -> ImagesU8:
    """Return a picture of images of the averaged generator, each beside that of the raw one."""
    pairs = np.stack([averaged_u8, raw_u8], axis=1).reshape(-1, *raw_u8.shape[1:])
    return add_caption(draw_grid(pairs, 2 * COLUMNS), "in each pair: averaged, then raw generator")


def draw_pictures(
    images: Images, train_rows: Indices, fakes_u8: ImagesU8, seen: Examination, walks_u8: ImagesU8
) -> dict[str, ImagesU8]:
    """Return {name: picture}, each with its caption; images are (n, h, w, channels) in 0..255.

    `train_rows` are the rows of the images that were trained on, `seen` the examined fakes.
    """
    nearest = images.train_u8[train_rows[seen.nearest]]
    rows = np.concatenate([fakes_u8[: len(nearest), None], nearest], axis=1)
    grids = {
        "surest": (fakes_u8[seen.most_confident], COLUMNS, "most confident fakes"),
        "least_sure": (fakes_u8[seen.least_sure], COLUMNS, "least confident fakes"),
        "nearest": (
            rows.reshape(-1, *rows.shape[2:]),
            rows.shape[1],
            "left: generated; right: nearest training images",
        ),
        "interpolation": (walks_u8, STEPS, "each row: a walk from one latent to another"),
    }
    pictures = {
        name: add_caption(draw_grid(images_u8, columns), caption)
        for name, (images_u8, columns, caption) in grids.items()
    }
    shares = {"generated": seen.shares, "real": seen.shares_real}
    return {"classes": draw_shares(images.class_names, shares), **pictures}
