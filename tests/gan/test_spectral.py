from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from dcgan_sweeps.gan.forward import discriminate
from dcgan_sweeps.gan.networks import build_gan
from dcgan_sweeps.gan.step import prepare_training, step_discriminator, step_generator

SEED, STEP = tf.constant([1, 2]), tf.constant(1, tf.int64)


@pytest.fixture
def gan(tiny):
    model = dataclasses.replace(tiny.model, spectral_norm=True, dropout=0.0)
    return build_gan(model, (28, 28, 1), 0, "float32")


@pytest.fixture
def reals(fashion):
    return tf.constant(fashion.train_u8[:32])


def largest_singular_value(kernel):
    matrix = np.asarray(kernel, float)
    return np.linalg.svd(matrix.reshape(-1, matrix.shape[-1]), compute_uv=False)[0]


def test_a_kernel_is_divided_by_its_largest_singular_value(gan):
    for _ in range(50):
        gan.norms.iterate()
    layers = [layer for layer in gan.discriminator.layers if layer.weights]
    assert len(layers) == 3
    for layer in layers:
        expected = layer.kernel.numpy() / largest_singular_value(layer.kernel)
        np.testing.assert_allclose(gan.norms.normalise(layer), expected, rtol=1e-4, atol=1e-7)


def test_one_iteration_is_that_of_the_paper(gan):
    layer = gan.discriminator.layers[0]
    matrix = layer.kernel.numpy().reshape(-1, layer.kernel.shape[-1])
    before = gan.norms.right[0].numpy()
    gan.norms.iterate()
    left = matrix @ before / np.linalg.norm(matrix @ before)
    right = left @ matrix / np.linalg.norm(left @ matrix)
    sigma = left @ matrix @ right
    np.testing.assert_allclose(
        gan.norms.normalise(layer), layer.kernel.numpy() / sigma, rtol=1e-5, atol=1e-7
    )


def test_the_gradient_includes_that_of_the_norm(gan, random):
    layer = gan.discriminator.layers[0]
    weights = tf.constant(random.standard_normal(layer.kernel.shape), tf.float32)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(weights * gan.norms.normalise(layer))
    gradient = tape.gradient(total, layer.kernel.value)
    # A longer kernel is the same after the division: there is no slope along it.
    along = float(tf.reduce_sum(gradient * layer.kernel.value))
    across = float(tf.norm(gradient) * tf.norm(layer.kernel.value))
    assert abs(along) < 1e-5 * across


def test_each_step_of_the_discriminator_iterates_once_and_the_generators_does_not(gan, tiny, reals):
    training = prepare_training(gan, tiny)

    def read():
        return [each.numpy().tolist() for each in gan.norms.state]

    before = read()
    step_generator(training, reals, STEP)
    assert read() == before
    step_discriminator(training, reals, STEP)
    assert read() != before


def test_the_logged_discriminator_judges_as_the_trained_one(gan, tiny, reals):
    training = prepare_training(gan, tiny)
    for _ in range(3):
        step_discriminator(training, reals, STEP)
    images = tf.cast(reals, tf.float32) / 127.5 - 1
    trained = tf.sigmoid(discriminate(gan, images, SEED, moves_averages=False))
    np.testing.assert_allclose(gan.judge(images, training=False), trained, atol=1e-6)
    assert np.abs(gan.discriminator(images, training=False) - trained).max() > 1e-3
