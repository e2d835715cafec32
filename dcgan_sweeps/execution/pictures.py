"""What the companions of a score have seen, as pictures.

draw_pictures(Found(fakes_u8, train_u8, images.class_names, examination), walks_u8)["nearest"]
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dcgan_sweeps.gan.sampling import ImagesU8, Latents, interpolate
from dcgan_sweeps.randomness import stream
from dcgan_sweeps.score.companions import Examination
from dcgan_sweeps.tracking.pictures import add_caption, draw_grid, draw_shares

WALKS, STEPS = 5, 10
COLUMNS = 5


@dataclass(frozen=True)
class Found:
    """Fakes and the images that were trained on, each (n, 28, 28), and what was found in them."""

    fakes_u8: ImagesU8
    train_u8: ImagesU8
    class_names: tuple[str, ...]
    examination: Examination


def draw_walks(seed: int, latent_dim: int) -> Latents:
    """Return the latents of WALKS walks of STEPS each, one after the other."""
    random = stream(seed, "score/interpolation")
    starts, ends = random.standard_normal((2, WALKS, latent_dim), np.float32)
    return interpolate(starts, ends, STEPS)


def draw_pictures(found: Found, walks_u8: ImagesU8) -> dict[str, ImagesU8]:
    """Return {name: picture}, each with its caption."""
    seen, fakes_u8 = found.examination, found.fakes_u8
    nearest = found.train_u8[seen.nearest]
    rows = np.concatenate([fakes_u8[: len(nearest), None], nearest], axis=1)
    grids = {
        "surest": (fakes_u8[seen.surest], COLUMNS, "surest of the classifier"),
        "least_sure": (fakes_u8[seen.least_sure], COLUMNS, "least sure of the classifier"),
        "nearest": (
            rows.reshape(-1, *rows.shape[2:]),
            rows.shape[1],
            "left: generated; then its nearest training images",
        ),
        "interpolation": (walks_u8, STEPS, "each row: from one latent to another"),
    }
    pictures = {
        name: add_caption(draw_grid(images_u8, columns), caption)
        for name, (images_u8, columns, caption) in grids.items()
    }
    names = found.class_names
    shares = {"generated": seen.shares, "real": seen.shares_real}
    return {"classes": draw_shares(names, shares), **pictures}
