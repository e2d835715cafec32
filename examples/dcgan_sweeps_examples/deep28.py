"""model=deep28: the documented networks, with more convolutions in the generator."""

from __future__ import annotations

import keras

from dcgan_sweeps.gan import dcgan28
from dcgan_sweeps.parts import Shape, seed_int
from dcgan_sweeps_examples.schemas import Deep28


def build(
    model: Deep28, image_shape: Shape, seed: int, precision: str
) -> tuple[keras.Sequential, keras.Sequential]:
    """Return the generator and the discriminator."""
    generator, discriminator = dcgan28.build(model, image_shape, seed, precision)
    *body, last = generator.layers
    extra = [
        keras.layers.Conv2D(
            model.generator_filters[1],
            model.kernel_size,
            padding="same",
            activation=model.generator_activation,
            kernel_initializer=keras.initializers.GlorotUniform(seed_int(seed, f"extra/{index}")),
            dtype=precision,
        )
        for index in range(model.extra_layers)
    ]
    inputs = keras.Input((model.latent_dim,))
    return keras.Sequential([inputs, *body, *extra, last], name="generator"), discriminator
