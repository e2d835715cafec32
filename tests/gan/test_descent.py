from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from dcgan_sweeps.config.compose import compose
from dcgan_sweeps.config.schema import Config
from dcgan_sweeps.gan.descent import Descent

SETTINGS = compose("config", [], Config).optimizer


@pytest.fixture
def pair(random):
    """Two Keras variables with the same values."""
    values = random.standard_normal((3, 4)).astype(np.float32)
    return keras.Variable(values), keras.Variable(values)


def test_ten_steps_are_those_of_keras(pair, random):
    ours, theirs = pair
    descent = Descent([ours], SETTINGS, 1e-2, scaled=False)
    reference = keras.optimizers.Adam(1e-2, epsilon=SETTINGS.epsilon)
    for _ in range(10):
        target = tf.constant(random.standard_normal((3, 4)), tf.float32)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum((ours.value - target) ** 2)
        descent.minimise(loss, tape)
        reference.apply([2 * (theirs.value - target)], [theirs])
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-5)


def test_a_scaled_loss_makes_the_same_step(pair):
    plain, scaled = pair
    for variable, is_scaled in ((plain, False), (scaled, True)):
        descent = Descent([variable], SETTINGS, 1e-2, scaled=is_scaled)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(variable.value**2)
        descent.minimise(loss, tape)
    np.testing.assert_allclose(scaled.numpy(), plain.numpy(), rtol=1e-6)


def test_a_scaled_step_that_overflows_is_left_out_and_the_scale_halved(pair):
    variable, untouched = pair
    descent = Descent([variable], SETTINGS, 1e-2, scaled=True)
    before = float(descent.loss_scale)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(variable.value) * 1e38
    descent.minimise(loss, tape)
    assert np.array_equal(variable.numpy(), untouched.numpy())
    assert float(descent.loss_scale) == before / 2
