"""Builds the generator and the discriminator as plain Keras models.

gan = build_gan(config.model, seed=0, precision="float32")
gan.generator(latents)  # (n, latent_dim) -> (n, 28, 28, 1), from -1 to 1
"""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import keras
from keras import layers

from dcgan_sweeps.config.schema import Model
from dcgan_sweeps.randomness import seed_int

IMAGE_SHAPE = (28, 28, 1)
LARGEST = 2_000_000_000  # bytes of an unpacked .keras file
# The errors that Keras, and the libraries it reads with, raise for a damaged file.
DAMAGE = (
    TypeError,
    LookupError,
    OSError,
    AttributeError,
    EOFError,
    NotImplementedError,
    RecursionError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True)
class Gan:
    """A generator and a discriminator; training changes their weights in place.

    `average` is the averaged copy of the generator, None without train.ema.
    """

    generator: keras.Sequential
    discriminator: keras.Sequential
    average: keras.Sequential | None = None

    @property
    def result(self) -> keras.Sequential:
        """The generator that is scored, pictured and logged."""
        return self.generator if self.average is None else self.average


@dataclass(frozen=True)
class LayerRow:
    """One row of a layer table."""

    layer: str
    output_shape: tuple[int, ...]
    parameters: int


@dataclass(frozen=True)
class Generator:
    """A trained generator, from which images can be drawn."""

    model: keras.Sequential
    latent_dim: int


def read_generator(path: Path) -> Generator:
    """Return the generator in a .keras file, loaded as `read_network` does.

    Raises ValueError for a file that Keras cannot load, and for a model with other shapes.
    """
    model = read_network(path)
    shapes = (tuple(model.input_shape), tuple(model.output_shape))
    if len(shapes[0]) != 2 or shapes[1] != (None, *IMAGE_SHAPE):
        raise ValueError(f"it maps {shapes[0]} to {shapes[1]}; allowed: latents to images of 28x28")
    return Generator(model, int(shapes[0][1]))


def read_network(path: Path) -> keras.Sequential:
    """Return the network in a .keras file, loaded in safe mode, which runs no code of the file.

    Raises ValueError for a file that Keras cannot load.
    """
    _require_small_zip(path)
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except DAMAGE as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


def _require_small_zip(path: Path) -> None:
    """Raise ValueError for a file that is not a zip, as .keras files are, or is too large."""
    if not zipfile.is_zipfile(path):  # Keras would say that the file is not there
        raise ValueError("it is not a .keras file")
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(each.file_size for each in archive.infolist())
    except DAMAGE as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error
    if size > LARGEST:
        raise ValueError(f"unpacked it has {size:,} bytes; allowed: at most {LARGEST:,}")


def build_gan(model: Model, seed: int, precision: str, *, averaged: bool = False) -> Gan:
    """Return both networks with weights drawn from `seed`; `precision` is a Keras dtype policy.

    With `averaged` they have a copy of the generator for its average.
    """
    return Gan(
        build_generator(model, seed, precision),
        build_discriminator(model, seed, precision),
        build_generator(model, seed, precision) if averaged else None,
    )


def build_generator(model: Model, seed: int, precision: str) -> keras.Sequential:
    """Return the generator, from latents (n, latent_dim) to images (n, 28, 28, 1) in -1 to 1."""
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
                7 * 7 * wide, kernel_initializer=_glorot(seed, "generator/dense"), dtype=precision
            ),
            layers.Reshape((7, 7, wide), dtype=precision),
            normalise(),
            upsample(narrow, model.generator_activation, "generator/14x14"),
            normalise(),
            upsample(1, "tanh", "generator/28x28"),
        ],
        name="generator",
    )


def build_discriminator(model: Model, seed: int, precision: str) -> keras.Sequential:
    """Return the discriminator, from images (n, 28, 28, 1) to probabilities "real" (n, 1)."""

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
            keras.Input(IMAGE_SHAPE),
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


def tabulate_layers(model: keras.Sequential) -> list[LayerRow]:
    """Return one row for each layer, with output shapes without the batch axis."""
    return [
        LayerRow(type(layer).__name__, tuple(layer.output.shape[1:]), layer.count_params())
        for layer in model.layers
    ]


def count_parameters(model: keras.Sequential) -> tuple[int, int]:
    """Return the number of trainable parameters, and that of the others."""
    trainable = sum(weight.shape.num_elements() for weight in model.trainable_weights)
    return trainable, model.count_params() - trainable
