"""The forward pass of both networks in training, with the weights of the plain Keras models.

It computes the same as `model(inputs, training=True)`, but with a fused BatchNormalization, dropout
masks of 16 bits from a stateless seed, and logits in place of probabilities.
"""

from __future__ import annotations

import math

import keras
import tensorflow as tf
from keras import layers

from dcgan_sweeps.gan.networks import Gan


def generate(generator: keras.Sequential, latents: tf.Tensor, *, batch_norm: str) -> tf.Tensor:
    """Return images (n, height, width, channels) from latents (n, latent_dim).

    `batch_norm` is "batch", which updates the moving averages, or "inference".
    """
    if batch_norm == "inference":
        return generator(latents, training=False)
    activations = latents
    for layer in generator.layers:
        if isinstance(layer, layers.BatchNormalization):
            activations = normalise_batch(layer, activations, moves_averages=True)
        else:
            activations = layer(activations)
    return activations


def discriminate(
    gan: Gan, images: tf.Tensor, seed: tf.Tensor, *, moves_averages: bool
) -> tf.Tensor:
    """Return logits (n, 1) in float32, with the dropout masks of `seed`, shape (2,).

    BatchNormalization normalises over `images`; with `moves_averages` its averages follow.
    """
    *body, head = gan.discriminator.layers
    activations = images
    for index, layer in enumerate(body):
        if isinstance(layer, layers.Dropout):
            mask_seed = tf.random.experimental.stateless_fold_in(seed, index)
            activations = drop(activations, layer.rate, mask_seed)
        elif isinstance(layer, layers.BatchNormalization):
            activations = normalise_batch(layer, activations, moves_averages=moves_averages)
        elif gan.norms is not None and hasattr(layer, "kernel"):
            activations = apply_kernel(layer, activations, gan.norms.normalise(layer))
        else:
            activations = layer(activations)
    kernel = head.kernel.value if gan.norms is None else gan.norms.normalise(head)
    logits = tf.cast(activations, tf.float32) @ kernel
    return logits + head.bias.value if head.use_bias else logits


def apply_kernel(layer: keras.Layer, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Return the output of a convolution or a dense layer for `inputs` with another kernel."""
    kernel = tf.cast(kernel, inputs.dtype)
    is_dense = isinstance(layer, layers.Dense)
    outputs = inputs @ kernel if is_dense else layer.convolution_op(inputs, kernel)
    if layer.use_bias:
        outputs += tf.cast(layer.bias.value, inputs.dtype)
    return layer.activation(outputs)


def normalise_batch(
    layer: layers.BatchNormalization, inputs: tf.Tensor, *, moves_averages: bool
) -> tf.Tensor:
    """Return `inputs` (n, h, w, channels) or (n, channels) normalised over the batch.

    With `moves_averages` the moving averages are updated. The kernel divides the variance by n - 1;
    Keras averages the variance divided by n.
    """
    is_flat = len(inputs.shape) == 2  # the kernel needs images
    outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
        inputs[:, None, None] if is_flat else inputs,
        layer.gamma.value,
        layer.beta.value,
        epsilon=layer.epsilon,
        is_training=True,
    )
    if moves_averages:
        count = math.prod(inputs.shape[:-1])
        _move(layer.moving_mean.value, mean, layer.momentum)
        _move(layer.moving_variance.value, variance * ((count - 1) / count), layer.momentum)
    return outputs[:, 0, 0] if is_flat else outputs


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
