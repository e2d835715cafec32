"""model=deep28: a DCGAN with more convolutions at 14x14 pixels."""

from __future__ import annotations

import keras
from keras import layers

from dcgan_sweeps.parts import seed_int
from dcgan_sweeps_examples.schemas import Deep28


def build(
    model: Deep28, image_shape: tuple[int, int, int], seed: int, precision: str
) -> tuple[keras.Sequential, keras.Sequential]:
    """Return the generator and the discriminator."""
    height, width, channels = image_shape

    def weights(name: str) -> dict[str, object]:
        initializer = keras.initializers.GlorotUniform(seed=seed_int(seed, f"weights/{name}"))
        return {"kernel_initializer": initializer, "dtype": precision}

    def refine(index: int) -> list[keras.Layer]:
        convolution = layers.Conv2D(
            model.filters, 3, padding="same", activation="relu", **weights(f"refine/{index}")
        )
        return [convolution, layers.BatchNormalization(dtype=precision)]

    extra = [layer for index in range(model.extra_layers) for layer in refine(index)]
    rows, columns = height // 4, width // 4
    generator = keras.Sequential(
        [
            keras.Input((model.latent_dim,)),
            layers.Dense(rows * columns * model.filters, **weights("dense")),
            layers.Reshape((rows, columns, model.filters), dtype=precision),
            layers.BatchNormalization(dtype=precision),
            layers.Conv2DTranspose(
                model.filters, 5, 2, padding="same", activation="relu", **weights("half")
            ),
            *extra,
            layers.Conv2DTranspose(
                channels, 5, 2, padding="same", activation="tanh", **weights("whole")
            ),
        ],
        name="generator",
    )
    discriminator = keras.Sequential(
        [
            keras.Input(image_shape),
            layers.Conv2D(model.filters, 5, 2, padding="same", **weights("down/half")),
            layers.LeakyReLU(0.2, dtype=precision),
            layers.Dropout(model.dropout, dtype=precision),
            layers.Conv2D(model.filters, 5, 2, padding="same", **weights("down/quarter")),
            layers.LeakyReLU(0.2, dtype=precision),
            layers.Dropout(model.dropout, dtype=precision),
            layers.Flatten(dtype=precision),
            layers.Dense(1, activation="sigmoid", **weights("head") | {"dtype": "float32"}),
        ],
        name="discriminator",
    )
    return generator, discriminator
