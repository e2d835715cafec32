"""The optimizers of Keras against their formulas, and what all optimizers share."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from dcgan_sweeps.config.compose import compose
from dcgan_sweeps.config.schema import Config
from dcgan_sweeps.gan.descent import Descent

LR, STEPS = 1e-2, 5


def adamw(weights, gradients):
    first = second = 0.0
    for step, gradient in enumerate(gradients, 1):
        weights = weights * (1 - LR * 4e-3)
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        rate = LR * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        weights = weights - rate * first / (np.sqrt(second) + 1e-7)
    return weights


def rmsprop(weights, gradients):
    mean = velocity = 0.0
    for gradient in gradients:
        mean = 0.9 * mean + 0.1 * gradient**2
        velocity = 0.5 * velocity + LR * gradient / np.sqrt(mean + 1e-7)
        weights = weights - velocity
    return weights


def sgd(weights, gradients):
    velocity = 0.0
    for gradient in gradients:
        velocity = 0.9 * velocity - LR * gradient
        weights = weights + 0.9 * velocity - LR * gradient
    return weights


CASES = {
    adamw: ["optimizer=adamw"],
    rmsprop: ["optimizer=rmsprop", "optimizer.momentum=0.5"],
    sgd: ["optimizer=sgd", "optimizer.nesterov=true"],
}


def descend(words, values, gradients, *, scaled):
    """Return values after a step for each of the gradients, and the state of the descent."""
    variable = keras.Variable(values)
    settings = compose("config", words, Config).optimizer
    descent = Descent([variable], settings, LR, scaled=scaled)
    for gradient in gradients:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(variable.value * gradient)
        descent.minimise(loss, tape)
    return variable.numpy(), descent.state


@pytest.mark.parametrize("formula", CASES, ids=lambda formula: formula.__name__)
@pytest.mark.parametrize("scaled", [False, True])
def test_a_step_is_that_of_the_formula(formula, scaled, random):
    values, *gradients = random.standard_normal((STEPS + 1, 3, 4)).astype(np.float32)
    found, state = descend(CASES[formula], values, gradients, scaled=scaled)
    np.testing.assert_allclose(found, formula(values, gradients), rtol=1e-5, atol=1e-6)
    assert STEPS in [int(each) for each in state if each.shape == ()]


def test_adam_paper_is_adam_with_the_settings_of_the_paper():
    settings = compose("config", ["optimizer=adam_paper"], Config).optimizer
    assert (settings.name, settings.lr, settings.beta_1, settings.beta_2) == (
        *("adam", 2e-4, 0.5),
        0.999,
    )
