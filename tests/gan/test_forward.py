"""Our forward pass in training against Keras's own."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from dcgan_sweeps.gan.forward import discriminate, drop, generate
from dcgan_sweeps.gan.networks import build_gan

SEED = tf.constant([1, 2])


@pytest.fixture
def gan(tiny):
    return build_gan(tiny.model, (28, 28, 1), 0, "float32")


@pytest.fixture
def latents(random, tiny):
    return tf.constant(random.standard_normal((32, tiny.model.latent_dim)), tf.float32)


def test_generating_over_the_batch_is_keras_in_training(gan, latents, tiny):
    ours = generate(gan.generator, latents, batch_norm="batch")
    theirs = build_gan(tiny.model, (28, 28, 1), 0, "float32").generator
    # float32 sums in another order: a few units in the last place, through five layers.
    np.testing.assert_allclose(ours, theirs(latents, training=True), atol=2e-6)
    for a, b in zip(gan.generator.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_generating_in_inference_moves_nothing(gan, latents):
    before = gan.generator.get_weights()
    generate(gan.generator, latents, batch_norm="inference")
    for a, b in zip(before, gan.generator.get_weights(), strict=True):
        assert np.array_equal(a, b)


def test_logits_are_keras_probabilities_where_nothing_is_dropped(gan, latents, monkeypatch):
    for layer in gan.discriminator.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    images = gan.generator(latents, training=False)
    ours = tf.sigmoid(discriminate(gan, images, SEED, moves_averages=True))
    np.testing.assert_allclose(ours, gan.discriminator(images, training=False), atol=1e-6)


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5])
def test_dropout_drops_its_share_and_keeps_the_mean(rate):
    kept = drop(tf.ones((64, 50, 50, 4)), rate, SEED).numpy()
    # 640,000 draws: four standard deviations of a share are under 0.0025.
    assert (kept == 0).mean() == pytest.approx(rate, abs=0.0025)
    assert kept.max() == pytest.approx(1 / (1 - rate), rel=1e-4)


def test_dropout_follows_its_seed():
    ones = tf.ones((8, 8))
    assert np.array_equal(drop(ones, 0.5, SEED), drop(ones, 0.5, SEED))
    assert not np.array_equal(drop(ones, 0.5, SEED), drop(ones, 0.5, SEED + 1))


def test_an_odd_number_of_values_is_dropped_as_an_even_one():
    ones = tf.ones((3, 3, 111))
    assert 0.25 < float(tf.reduce_mean(tf.cast(drop(ones, 0.3, SEED) == 0, tf.float32))) < 0.35
