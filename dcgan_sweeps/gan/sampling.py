"""Draws images from a generator.

sample = make_image_sampler(gan.generator, batch_size=500)
sample(latents)  # (n, latent_dim) -> (n, 28, 28, 1), 0 to 255
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from dcgan_sweeps.randomness import UNIFORM

ImagesU8 = npt.NDArray[np.uint8]
Latents = npt.NDArray[np.float32]


class Diverged(Exception):
    """A loss or a pixel is not finite; the message says which, and where."""


def make_image_sampler(
    generator: keras.Sequential, batch_size: int
) -> Callable[[Latents], ImagesU8]:
    """Return the function from latents to images, (n, height, width, channels).

    BatchNormalization is in inference mode. The function always uses the current weights of the
    generator, and raises Diverged for pixels that are not finite.
    """
    infer = tf.function(
        lambda latents: tf.cast(generator(latents, training=False), tf.float32), autograph=False
    )

    def sample(latents: Latents) -> ImagesU8:
        batches = range(0, len(latents), batch_size)
        drawn = [infer(tf.constant(latents[start : start + batch_size])) for start in batches]
        images = np.concatenate(drawn)
        if not np.isfinite(images).all():
            raise Diverged("the generator's images have a pixel that is not finite")
        return to_u8(images)

    return sample


def to_u8(images: npt.NDArray[np.float32]) -> ImagesU8:
    """Return images from -1 to 1 as 0..255, rounded; the range does not depend on the images."""
    rounded: ImagesU8 = np.clip(np.floor((images + 1.0) * 127.5 + 0.5), 0, 255).astype(np.uint8)
    return rounded


def interpolate(start: Latents, end: Latents, steps: int, kind: str) -> Latents:
    """Return walks from each of (n, latent_dim) latents to another: (n * steps, latent_dim).

    A walk includes both ends. With normal latents it follows a great circle, because a straight
    line leaves the shell that they lie on: White 2016, "Sampling Generative Networks",
    https://arxiv.org/abs/1609.04468. Latents in the same direction are joined by a straight line,
    which is the limit. With uniform latents every walk is a straight line, which stays among them.
    """
    unit = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in (start, end)]
    angle = np.arccos(np.clip((unit[0] * unit[1]).sum(axis=1), -1, 1))[:, None, None]
    share = np.linspace(0, 1, steps)[None, :, None]
    with np.errstate(invalid="ignore"):
        weights = [np.sin(part * angle) / np.sin(angle) for part in (1 - share, share)]
    straight = (np.sin(angle) < 1e-6) | (kind == UNIFORM)
    first, last = (
        np.where(straight, part, weight)
        for part, weight in zip((1 - share, share), weights, strict=True)
    )
    walk = first * start[:, None] + last * end[:, None]
    return walk.reshape(-1, start.shape[1]).astype(np.float32)
