"""model=dcgan64: the networks of the DCGAN paper, for 64x64 pixels, and for 32x32.

generator, discriminator = build(config.model, (64, 64, 3), seed=0, precision="float32")

Source: Radford, Metz and Chintala 2016, "Unsupervised Representation Learning with Deep
Convolutional Generative Adversarial Networks", https://arxiv.org/abs/1511.06434, sections 3 and 4,
figure 1. As in the authors' code, no layer has a bias, and the generator's first normalisation is
over each of the 16,384 activations before they become an image.
"""

from __future__ import annotations

import keras
from keras import layers

from dcgan_sweeps.config.schema import Dcgan64
from dcgan_sweeps.randomness import seed_int

SIDES = {32: 3, 64: 4}  # and how often 4x4 pixels are doubled
DEVIATION = 0.02  # of weights and gains


def build(
    model: Dcgan64, image_shape: tuple[int, int, int], seed: int, precision: str
) -> tuple[keras.Sequential, keras.Sequential]:
    """Return the generator and the discriminator for images of 32x32 or 64x64 pixels."""
    generator = build_generator(model, image_shape, seed, precision)
    return generator, build_discriminator(model, image_shape, seed, precision)


def build_generator(
    model: Dcgan64, image_shape: tuple[int, int, int], seed: int, precision: str
) -> keras.Sequential:
    """Return the generator, from latents (n, latent_dim) to images (n, *image_shape) in -1 to 1."""
    side, _, channels = image_shape
    doublings = SIDES[side]
    widest = model.filters << (doublings - 1)
    rows: list[keras.Layer] = [
        keras.Input((model.latent_dim,)),
        layers.Dense(
            4 * 4 * widest,
            use_bias=False,
            kernel_initializer=_normal(0.0, seed, "generator/dense"),
            dtype=precision,
        ),
        _normalise(model, seed, precision, "generator/4x4"),
        layers.ReLU(dtype=precision),
        layers.Reshape((4, 4, widest), dtype=precision),
    ]
    for index in range(1, doublings):
        name = f"generator/{4 << index}x{4 << index}"
        rows += [
            _upsample(widest >> index, None, seed, precision, name),
            _normalise(model, seed, precision, name),
            layers.ReLU(dtype=precision),
        ]
    rows.append(_upsample(channels, "tanh", seed, precision, f"generator/{side}x{side}"))
    return keras.Sequential(rows, name="generator")


def build_discriminator(
    model: Dcgan64, image_shape: tuple[int, int, int], seed: int, precision: str
) -> keras.Sequential:
    """Return the discriminator, from images (n, *image_shape) to probabilities "real" (n, 1)."""
    side = image_shape[0]
    rows: list[keras.Layer] = [keras.Input(image_shape)]
    for index in range(SIDES[side]):
        name = f"discriminator/{side >> (index + 1)}x{side >> (index + 1)}"
        rows.append(
            layers.Conv2D(
                model.filters << index,
                5,
                strides=2,
                padding="same",
                use_bias=False,
                kernel_initializer=_normal(0.0, seed, name),
                dtype=precision,
            )
        )
        if index > 0:
            rows.append(_normalise(model, seed, precision, name))
        rows.append(layers.LeakyReLU(negative_slope=model.leaky_slope, dtype=precision))
    head = layers.Dense(
        1,
        activation="sigmoid",
        use_bias=False,
        kernel_initializer=_normal(0.0, seed, "discriminator/dense"),
        dtype="float32",
    )
    return keras.Sequential([*rows, layers.Flatten(dtype=precision), head], name="discriminator")


def _upsample(
    filters: int, activation: str | None, seed: int, precision: str, name: str
) -> keras.Layer:
    return layers.Conv2DTranspose(
        filters,
        5,
        strides=2,
        padding="same",
        activation=activation,
        use_bias=False,
        kernel_initializer=_normal(0.0, seed, name),
        dtype=precision,
    )


def _normalise(model: Dcgan64, seed: int, precision: str, name: str) -> keras.Layer:
    return layers.BatchNormalization(
        momentum=model.batch_norm_momentum,
        epsilon=model.batch_norm_epsilon,
        gamma_initializer=_normal(1.0, seed, f"{name}/gain"),
        dtype=precision,
    )


def _normal(mean: float, seed: int, name: str) -> keras.Initializer:
    return keras.initializers.RandomNormal(mean, DEVIATION, seed=seed_int(seed, f"weights/{name}"))
