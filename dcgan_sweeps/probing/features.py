"""Computes the features of images that a linear classifier gets.

    extractor = make_extractor(discriminator)
    extractor.read(images_u8)   # (n, extractor.width), float32

The features of a discriminator are those of the paper (Radford et al. 2015, section 5.1): the
activations of every convolution, max-pooled to 4x4, flattened and joined.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from keras import layers

GRID = 4  # rows and columns that each convolution is pooled to
# Layers that may stand between a convolution and its activation.
NORMALISING = (layers.BatchNormalization, layers.GroupNormalization, layers.LayerNormalization)
ACTIVATING = (layers.Activation, layers.ReLU, layers.LeakyReLU, layers.PReLU, layers.ELU)

Features = npt.NDArray[np.float32]
ImagesU8 = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Extractor:
    """Maps images (n, height, width, channels) in -1 to 1 to features (n, width)."""

    width: int
    compute: Callable[[tf.Tensor], tf.Tensor]

    def read(self, images_u8: ImagesU8) -> Features:
        """Return the features of images (n, height, width, channels) in 0 to 255."""
        inputs = tf.cast(images_u8, tf.float32) / 127.5 - 1.0
        features: Features = self.compute(inputs).numpy()
        return features


def make_pixel_extractor(shape: tuple[int, ...]) -> Extractor:
    """Return the extractor whose features are the pixels of images of a shape (h, w, channels)."""
    width = int(np.prod(shape))
    return Extractor(width, lambda inputs: tf.reshape(inputs, (-1, width)))


def make_extractor(discriminator: keras.Sequential) -> Extractor:
    """Return the extractor of a discriminator's features, with its present weights.

    Dropout is off, and BatchNormalization uses its moving averages. Raises ValueError for a
    network without convolutions.
    """
    taps = find_taps(discriminator)
    if not taps:
        raise ValueError("it has no convolution")
    body = keras.Model(discriminator.inputs, [tap.output for tap in taps])
    width = sum(GRID * GRID * int(tap.output.shape[-1]) for tap in taps)
    shape = (None, *discriminator.input_shape[1:])

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32)], autograph=False)  # type: ignore[untyped-decorator]
    def compute(inputs: tf.Tensor) -> tf.Tensor:
        outputs = tf.nest.flatten(body(inputs, training=False))
        return tf.concat([_flatten(pool_to_grid(tf.cast(x, tf.float32))) for x in outputs], axis=1)

    return Extractor(width, compute)


def find_taps(network: keras.Sequential) -> list[Any]:
    """Return the layer whose output is the activation of each convolution, in order.

    It is the first activation after the convolution; only normalisation may stand between them. A
    convolution that has an activation of its own, or none at all, is tapped itself.
    """
    return [
        _find_activation(network.layers[number:])
        for number, layer in enumerate(network.layers)
        if isinstance(layer, layers.Conv2D)
    ]


def _find_activation(following: list[Any]) -> Any:
    convolution, *rest = following
    for layer in rest:
        if isinstance(layer, ACTIVATING):
            return layer
        if not isinstance(layer, NORMALISING):
            break
    return convolution


def pool_to_grid(activations: tf.Tensor) -> tf.Tensor:
    """Return the maxima (n, 4, 4, channels) of activations (n, height, width, channels).

    Row i of the grid covers the rows from floor(i h / 4) to ceil((i + 1) h / 4), and columns
    likewise, as in adaptive_max_pool2d of PyTorch.
    """
    return _pool_axis(_pool_axis(activations, 1), 2)


def _pool_axis(activations: tf.Tensor, axis: int) -> tf.Tensor:
    size = activations.shape[axis]
    bins = [range(i * size // GRID, -(-(i + 1) * size // GRID)) for i in range(GRID)]
    parts = [tf.gather(activations, list(each), axis=axis) for each in bins]
    return tf.stack([tf.reduce_max(part, axis=axis) for part in parts], axis=axis)


def _flatten(grid: tf.Tensor) -> tf.Tensor:
    return tf.reshape(grid, (-1, GRID * GRID * grid.shape[-1]))
