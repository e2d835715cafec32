"""Builds the generator and the discriminator as plain Keras models.

gan = build_gan(config.model, (28, 28, 1), seed=0, precision="float32")
gan.generator(latents)  # (n, latent_dim) -> (n, 28, 28, 1), from -1 to 1
"""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import keras

from dcgan_sweeps.config.parts import find_builder
from dcgan_sweeps.config.schema import Model
from dcgan_sweeps.datasets.images import Shape
from dcgan_sweeps.gan.spectral import SpectralNorms
from dcgan_sweeps.randomness import LATENTS, NORMAL, LatentSpace

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

    `average` is the averaged copy of the generator, None without train.ema. `norms` are the
    spectral norms of the discriminator, None without model.spectral_norm.
    """

    generator: keras.Sequential
    discriminator: keras.Sequential
    average: keras.Sequential | None = None
    norms: SpectralNorms | None = None

    @property
    def result(self) -> keras.Sequential:
        """The generator that is scored, pictured and logged."""
        return self.generator if self.average is None else self.average

    @property
    def judge(self) -> keras.Sequential:
        """The discriminator that is logged; spectral normalisation is folded into its kernels."""
        return self.discriminator if self.norms is None else self.norms.fold()


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
    latents: LatentSpace

    @property
    def latent_dim(self) -> int:
        return self.latents.dim


def read_generator(path: Path) -> Generator:
    """Return the generator in a .keras file, loaded as `read_network` does.

    Raises ValueError for a file that Keras cannot load, and for a model with other shapes.
    """
    model = read_network(path)
    shapes = (tuple(model.input_shape), tuple(model.output_shape))
    if len(shapes[0]) != 2 or len(shapes[1]) != 4 or shapes[1][3] not in (1, 3):
        raise ValueError(f"it maps {shapes[0]} to {shapes[1]}; allowed: latents to images")
    return Generator(model, LatentSpace(int(shapes[0][1]), read_latents(model)))


def name_latents(latents: str) -> str | None:
    """Return the name of a generator's input, from which a file's reader learns its latents."""
    return None if latents == NORMAL else f"{latents}_latents"


def read_latents(model: keras.Sequential) -> str:
    """Return the distribution of latents that a generator was trained on."""
    named = [kind for kind in LATENTS if model.inputs[0].name == name_latents(kind)]
    return named[0] if named else NORMAL


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


def build_gan(
    model: Model,
    shape: Shape,
    seed: int,
    precision: str,
    *,
    averaged: bool = False,
    latents: str = NORMAL,
) -> Gan:
    """Return both networks for images of `shape`, with weights drawn from `seed`.

    `precision` is a Keras dtype policy. With `averaged` they have a copy of the generator for its
    average. `latents` names the distribution that the generator's latents come from. Raises
    RequestError for a shape that the model is not for.
    """
    generator, discriminator = find_builder("model", model)(model, shape, seed, precision)
    if latents != NORMAL:
        named = keras.Input((model.latent_dim,), name=name_latents(latents))
        generator = keras.Sequential([named, *generator.layers], name=generator.name)
    average = None
    if averaged:
        average = keras.models.clone_model(generator)
        average.set_weights(generator.get_weights())
    norms = SpectralNorms(discriminator, seed) if model.spectral_norm else None
    return Gan(generator, discriminator, average, norms)


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
