"""The forward pass of both networks in training, with the weights of the plain Keras models.

It computes the same as `model(inputs, training=True)`, but with a fused BatchNormalization, dropout
masks of 16 bits from a stateless seed, and logits in place of probabilities.
"""

from __future__ import annotations

import math

import keras
import tensorflow as tf
from keras import layers


def generate(generator: keras.Sequential, latents: tf.Tensor, *, batch_norm: str) -> tf.Tensor:
    """Return images (n, height, width, channels) from latents (n, latent_dim).

    `batch_norm` is "batch", which updates the moving averages, or "inference".
    """
    if batch_norm == "inference":
        return generator(latents, training=False)
    activations = latents
    for layer in generator.layers:
        if isinstance(layer, layers.BatchNormalization):
            activations = normalise_batch(layer, activations)
        else:
            activations = layer(activations)
    return activations


def discriminate(discriminator: keras.Sequential, images: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Return logits (n, 1) in float32, with the dropout masks of `seed`, shape (2,)."""
    *body, head = discriminator.layers
    activations = images
    for index, layer in enumerate(body):
        if isinstance(layer, layers.Dropout):
            mask_seed = tf.random.experimental.stateless_fold_in(seed, index)
            activations = drop(activations, layer.rate, mask_seed)
        else:
            activations = layer(activations)
    return tf.cast(activations, tf.float32) @ head.kernel.value + head.bias.value


def normalise_batch(layer: layers.BatchNormalization, inputs: tf.Tensor) -> tf.Tensor:
    """Return `inputs` (n, h, w, channels) normalised over the batch; update the moving averages.

    The kernel divides the variance by n - 1; Keras averages the variance divided by n.
    """
    outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
        inputs, layer.gamma.value, layer.beta.value, epsilon=layer.epsilon, is_training=True
    )
    count = math.prod(inputs.shape[:-1])
    _move(layer.moving_mean.value, mean, layer.momentum)
    _move(layer.moving_variance.value, variance * ((count - 1) / count), layer.momentum)
    return outputs


def _move(average: tf.Variable, value: tf.Tensor, momentum: float) -> None:
    average.assign(average * momentum + value * (1 - momentum))


def drop(inputs: tf.Tensor, rate: float, seed: tf.Tensor) -> tf.Tensor:
    """Return `inputs` with a share `rate` set to zero, and the rest scaled up.

    The rate is rounded to a multiple of 1/65536, and the scale follows from the rounded rate.
    """
    threshold = round(rate * 65536)
    if threshold == 0:
        return inputs
    size = math.prod(inputs.shape)
    pairs = tf.random.stateless_uniform([(size + 1) // 2], seed, None, None, tf.int32, alg="philox")
    bits = tf.reshape(tf.bitcast(pairs, tf.int16), [-1])
    if size % 2:
        bits = bits[:size]
    kept = tf.reshape(bits, inputs.shape) >= threshold - 32768
    return inputs * (tf.cast(kept, inputs.dtype) * (65536 / (65536 - threshold)))
