"""Augments the images that a discriminator sees, real ones and fakes alike.

augment(images, ["translation", "cutout"], seed)   # (n, height, width, channels), as `images`

Gradients pass through, and the same seed makes the same changes. Source: Zhao et al. 2020,
"Differentiable Augmentation for Data-Efficient GAN Training", https://arxiv.org/abs/2006.10738.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

SHIFT, CUT = (1, 8), (1, 2)  # shares of the side, as in the paper's code


def augment(images: tf.Tensor, names: Sequence[str] | None, seed: tf.Tensor) -> tf.Tensor:
    """Return `images` after each augmentation, in the given order; `seed` has shape (2,)."""
    for index, name in enumerate(names or ()):
        images = AUGMENTATIONS[name](images, tf.random.experimental.stateless_fold_in(seed, index))
    return images


def translate(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Return each image moved by up to an eighth of its sides; grey (0) moves in."""
    count, height, width, _ = images.shape
    rows, columns = (
        tf.one_hot(tf.range(side) - shift, side, dtype=images.dtype)
        for side, shift in zip(
            (height, width), _draw_shifts(count, (height, width), seed), strict=True
        )
    )
    # Matrix products, since the gradient of a gather is not deterministic on every device.
    return tf.einsum("nij,njwc,nvw->nivc", rows, images, columns)


def _draw_shifts(count: int, sides: tuple[int, int], seed: tf.Tensor) -> list[tf.Tensor]:
    limits = [side * SHIFT[0] // SHIFT[1] for side in sides]
    return [_draw_whole((count, 1), -limit, limit, seed, axis) for axis, limit in enumerate(limits)]


def cut_out(images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Return each image with a rectangle of half its sides set to grey (0), also over its edge."""
    count, height, width, _ = images.shape
    inside = []
    for axis, side in enumerate((height, width)):
        length = side * CUT[0] // CUT[1]
        centre = _draw_whole((count, 1), 0, side - length % 2, seed, axis)
        place = tf.range(side) - centre + length // 2
        inside.append((place >= 0) & (place < length))
    kept = ~(inside[0][:, :, None, None] & inside[1][:, None, :, None])
    return images * tf.cast(kept, images.dtype)


def _draw_whole(
    shape: tuple[int, int], least: int, most: int, seed: tf.Tensor, axis: int
) -> tf.Tensor:
    folded = tf.random.experimental.stateless_fold_in(seed, axis)
    return tf.random.stateless_uniform(shape, folded, least, most + 1, dtype=tf.int32, alg="philox")


AUGMENTATIONS: dict[str, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]] = {
    "translation": translate,
    "cutout": cut_out,
}
