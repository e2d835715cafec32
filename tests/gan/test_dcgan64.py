"""The paper's networks."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from dcgan_sweeps.config.compose import compose
from dcgan_sweeps.config.schema import Config
from dcgan_sweeps.gan.dcgan64 import build
from dcgan_sweeps.gan.forward import discriminate, generate
from dcgan_sweeps.gan.networks import Gan

# Layers with weights, their output shapes and their trainable parameters, from section 4 and
# figure 1 of the paper: no biases, a gain and a shift for each normalised channel.
GENERATOR = [
    ("Dense", (16384,), 100 * 16384),
    ("BatchNormalization", (16384,), 2 * 16384),
    ("Conv2DTranspose", (8, 8, 512), 25 * 1024 * 512),
    ("BatchNormalization", (8, 8, 512), 2 * 512),
    ("Conv2DTranspose", (16, 16, 256), 25 * 512 * 256),
    ("BatchNormalization", (16, 16, 256), 2 * 256),
    ("Conv2DTranspose", (32, 32, 128), 25 * 256 * 128),
    ("BatchNormalization", (32, 32, 128), 2 * 128),
    ("Conv2DTranspose", (64, 64, 3), 25 * 128 * 3),
]
DISCRIMINATOR = [
    ("Conv2D", (32, 32, 128), 25 * 3 * 128),
    ("Conv2D", (16, 16, 256), 25 * 128 * 256),
    ("BatchNormalization", (16, 16, 256), 2 * 256),
    ("Conv2D", (8, 8, 512), 25 * 256 * 512),
    ("BatchNormalization", (8, 8, 512), 2 * 512),
    ("Conv2D", (4, 4, 1024), 25 * 512 * 1024),
    ("BatchNormalization", (4, 4, 1024), 2 * 1024),
    ("Dense", (1,), 16384),
]


@pytest.fixture(scope="module")
def model():
    return compose("config", ["model=dcgan64"], Config).model


def tabulate(network):
    """Return the layers that are trained; moving averages are not counted."""
    rows = [
        (
            type(layer).__name__,
            tuple(layer.output.shape[1:]),
            sum(int(np.prod(weight.shape)) for weight in layer.trainable_weights),
        )
        for layer in network.layers
    ]
    return [row for row in rows if row[2]]


def test_the_networks_are_those_of_the_paper(model):
    generator, discriminator = build(model, (64, 64, 3), 0, "float32")
    assert tabulate(generator) == GENERATOR
    assert tabulate(discriminator) == DISCRIMINATOR
    assert sum(row[2] for row in GENERATOR) == 18_885_760
    assert sum(row[2] for row in DISCRIMINATOR) == 17_232_768


def test_the_weights_have_the_paper_s_distribution(model):
    for network in build(model, (64, 64, 3), 0, "float32"):
        for layer in network.layers:
            for weight in layer.trainable_weights:
                values, name = weight.numpy(), weight.name
                mean, deviation = {"gamma": (1, 0.02), "beta": (0, 0)}.get(name, (0, 0.02))
                # Five standard errors.
                error = 5 * 0.02 / values.size**0.5
                assert abs(values.mean() - mean) < error
                assert abs(values.std() - deviation) < error


@pytest.mark.parametrize("shape", [(32, 32, 3), (32, 32, 1), (64, 64, 1)])
def test_other_images_have_networks_of_their_shape(model, shape):
    generator, discriminator = build(model, shape, 0, "float32")
    assert generator.output_shape == (None, *shape)
    assert generator.layers[0].output.shape[1] == 4 * 4 * (1024 if shape[0] == 64 else 512)
    assert discriminator.input_shape == (None, *shape)
    assert discriminator.layers[-1].input.shape[1] == 4 * 4 * (1024 if shape[0] == 64 else 512)


def test_both_networks_train_as_keras_would(model, random):
    generator, discriminator = build(
        dataclasses.replace(model, filters=4), (32, 32, 3), 0, "float32"
    )
    latents = tf.constant(random.standard_normal((8, 100)), tf.float32)
    images = generate(generator, latents, batch_norm="batch")
    np.testing.assert_allclose(images, generator(latents, training=True), atol=1e-5)
    logits = discriminate(
        Gan(generator, discriminator), images, tf.constant([0, 0]), moves_averages=True
    )
    # Rounding decides in which digit the two kernels differ.
    np.testing.assert_allclose(tf.sigmoid(logits), discriminator(images, training=True), atol=1e-4)
