"""model=dcgan28: the network that Keras's DCGAN tutorial documents, also for other sides.

generator, discriminator = build(config.model, (28, 28, 1), seed=0, precision="float32")
"""

from __future__ import annotations

import keras
from keras import layers

from dcgan_sweeps.config.schema import Dcgan28
from dcgan_sweeps.randomness import seed_int


def build(
    model: Dcgan28, image_shape: tuple[int, int, int], seed: int, precision: str
) -> tuple[keras.Sequential, keras.Sequential]:
    """Return the generator and the discriminator for images with sides that are multiples of 4."""
    generator = build_generator(model, image_shape, seed, precision)
    return generator, build_discriminator(model, image_shape, seed, precision)


def build_generator(
    model: Dcgan28, image_shape: tuple[int, int, int], seed: int, precision: str
) -> keras.Sequential:
    """Return the generator, from latents (n, latent_dim) to images (n, *image_shape) in -1 to 1.

    The streams of the weights have the names of 28x28 images.
    """
    height, width, channels = image_shape
    rows, columns = height // 4, width // 4  # two layers double them
    wide, narrow = model.generator_filters

    def normalise() -> keras.Layer:
        return layers.BatchNormalization(
            momentum=model.batch_norm_momentum, epsilon=model.batch_norm_epsilon, dtype=precision
        )

    def upsample(filters: int, activation: str, name: str) -> keras.Layer:
        return layers.Conv2DTranspose(
            filters,
            model.kernel_size,
            strides=2,
            padding="same",
            activation=activation,
            kernel_initializer=_glorot(seed, name),
            dtype=precision,
        )

    return keras.Sequential(
        [
            keras.Input((model.latent_dim,)),
            layers.Dense(
                rows * columns * wide,
                kernel_initializer=_glorot(seed, "generator/dense"),
                dtype=precision,
            ),
            layers.Reshape((rows, columns, wide), dtype=precision),
            normalise(),
            upsample(narrow, model.generator_activation, "generator/14x14"),
            normalise(),
            upsample(channels, "tanh", "generator/28x28"),
        ],
        name="generator",
    )


def build_discriminator(
    model: Dcgan28, image_shape: tuple[int, int, int], seed: int, precision: str
) -> keras.Sequential:
    """Return the discriminator, from images (n, *image_shape) to probabilities "real" (n, 1)."""

    def downsample(filters: int, name: str) -> list[keras.Layer]:
        convolution = layers.Conv2D(
            filters,
            model.kernel_size,
            strides=2,
            padding="same",
            kernel_initializer=_glorot(seed, name),
            dtype=precision,
        )
        leak = layers.LeakyReLU(negative_slope=model.leaky_slope, dtype=precision)
        return [convolution, leak, layers.Dropout(model.dropout, dtype=precision)]

    first, second = model.discriminator_filters
    return keras.Sequential(
        [
            keras.Input(image_shape),
            *downsample(first, "discriminator/14x14"),
            *downsample(second, "discriminator/7x7"),
            layers.Flatten(dtype=precision),
            layers.Dense(
                1,
                activation="sigmoid",
                kernel_initializer=_glorot(seed, "discriminator/dense"),
                dtype="float32",
            ),
        ],
        name="discriminator",
    )


def _glorot(seed: int, name: str) -> keras.Initializer:
    return keras.initializers.GlorotUniform(seed=seed_int(seed, "weights/" + name))
