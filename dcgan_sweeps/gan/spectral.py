"""Spectral normalisation: each kernel of the discriminator is divided by its spectral norm.

norms = SpectralNorms(discriminator, seed=0)
norms.iterate()                  # once in each training step of the discriminator
norms.normalise(layer)           # its kernel / sigma

The plain model keeps the kernels that are trained; `fold` returns the one whose kernels are
divided. Source: Miyato et al. 2018, https://arxiv.org/abs/1802.05957.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from dcgan_sweeps.randomness import stream

FIRST_ITERATIONS = 15  # as in PyTorch; one a step is enough later, since kernels change slowly


class SpectralNorms:
    """Estimates of the largest singular value of each kernel, by power iteration.

    `state` lists every variable that a checkpoint needs.
    """

    def __init__(self, discriminator: keras.Sequential, seed: int):
        self.discriminator = discriminator
        self.layers = [layer for layer in discriminator.layers if hasattr(layer, "kernel")]
        random = stream(seed, "spectral_norm")
        self.right = [
            tf.Variable(random.standard_normal(layer.kernel.shape[-1]).astype(np.float32))
            for layer in self.layers
        ]
        self.left = [tf.Variable(tf.zeros(_flatten(layer).shape[0])) for layer in self.layers]
        for _ in range(FIRST_ITERATIONS):
            self.iterate()

    @property
    def state(self) -> list[tf.Variable]:
        return [*self.left, *self.right]

    def iterate(self) -> None:
        """Do one power iteration for each kernel."""
        for layer, left, right in zip(self.layers, self.left, self.right, strict=True):
            matrix = _flatten(layer)
            left.assign(tf.math.l2_normalize(tf.linalg.matvec(matrix, right)))
            right.assign(tf.math.l2_normalize(tf.linalg.matvec(matrix, left, transpose_a=True)))

    def normalise(self, layer: keras.Layer) -> tf.Tensor:
        """Return the kernel of a layer, divided by its spectral norm; gradients pass through."""
        index = self.layers.index(layer)
        # The singular vectors are constants: no gradient flows to them.
        left, right = (
            tf.stop_gradient(each[index].read_value()) for each in (self.left, self.right)
        )
        sigma = tf.tensordot(left, tf.linalg.matvec(_flatten(layer), right), 1)
        return layer.kernel.value / sigma

    def fold(self) -> keras.Sequential:
        """Return a copy of the discriminator in which every kernel is divided by its norm."""
        folded = keras.models.clone_model(self.discriminator)
        folded.set_weights(self.discriminator.get_weights())
        for layer in self.layers:
            folded.get_layer(layer.name).kernel.assign(self.normalise(layer))
        return folded


def _flatten(layer: keras.Layer) -> tf.Tensor:
    """Return the kernel of a layer as a matrix (inputs, outputs)."""
    kernel = layer.kernel.value
    return tf.reshape(kernel, (-1, kernel.shape[-1]))
