from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from dcgan_sweeps.config.schema import WganGp
from dcgan_sweeps.gan.forward import discriminate
from dcgan_sweeps.gan.networks import build_gan
from dcgan_sweeps.gan.penalties import mix, penalise, penalise_lazily, square_gradients
from dcgan_sweeps.gan.step import prepare_training, step_discriminator

SEED, STEP = tf.constant([1, 2]), tf.constant(1, tf.int64)
SHAPE = (8, 28, 28, 1)


@pytest.fixture
def images(random):
    """Reals and fakes."""
    return [tf.constant(random.uniform(-1, 1, SHAPE), tf.float32) for _ in range(2)]


@pytest.fixture
def kernel(random):
    return random.normal(0, 0.1, SHAPE[1:])


@pytest.fixture
def judge_of_squares(kernel):
    """Judge x by the sum of k x^2 / 2, whose gradient is k x."""
    return lambda groups: [
        tf.reduce_sum(kernel * x**2, axis=(1, 2, 3))[:, None] / 2 for x in groups
    ]


def lengths(kernel, images):
    return np.linalg.norm((kernel * images.numpy()).reshape(len(images), -1), axis=1)


def test_r1_and_r2_are_the_mean_squared_gradients_at_reals_and_at_fakes(
    judge_of_squares, kernel, images, tiny
):
    reals, fakes = images
    loss = dataclasses.replace(tiny.loss, r1=0.5, r2=3.0)
    found = penalise(loss, judge_of_squares, fakes, reals, SEED)
    expected = 0.25 * (lengths(kernel, reals) ** 2).mean()
    expected += 1.5 * (lengths(kernel, fakes) ** 2).mean()
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_the_gradient_penalty_is_that_of_lengths_other_than_1(
    judge_of_squares, kernel, images, tiny
):
    reals, fakes = images
    loss = WganGp("wgan_gp", None, None, 1, gradient_penalty=10.0)
    found = penalise(loss, judge_of_squares, fakes, reals, SEED)
    between = mix(fakes, reals, SEED)
    assert float(found) == pytest.approx(
        10 * ((lengths(kernel, between) - 1) ** 2).mean(), rel=1e-5
    )


def test_a_mixed_image_has_one_share_of_its_own():
    mixed = mix(tf.zeros(SHAPE), tf.ones(SHAPE), SEED).numpy().reshape(8, -1)
    shares = mixed[:, 0]
    assert (mixed == shares[:, None]).all()
    assert len(set(shares)) == 8
    assert 0 <= shares.min() <= shares.max() < 1


def test_the_length_of_a_gradient_is_that_of_finite_differences(tiny, images, random):
    # Without kinks the network is linear, so that a wide difference is exact.
    gan = build_gan(dataclasses.replace(tiny.model, leaky_slope=1.0), (28, 28, 1), 0, "float32")

    def judge(groups):
        return [discriminate(gan, each, SEED, moves_averages=False) for each in groups]

    reals = images[0]
    (squares,) = square_gradients(judge, [reals])
    with tf.GradientTape() as tape:
        tape.watch(reals)
        total = tf.reduce_sum(judge([reals])[0])
    gradient = tape.gradient(total, reals)
    ahead, behind = (judge([reals + sign * gradient])[0].numpy() for sign in (1, -1))
    # Along the gradient the slope is its squared length.
    np.testing.assert_allclose(squares, (ahead - behind).ravel() / 2, rtol=1e-3)


def test_a_weights_gradient_of_a_penalty_is_that_of_finite_differences(tiny, images):
    gan = build_gan(tiny.model, (28, 28, 1), 0, "float32")
    head = gan.discriminator.layers[-1].kernel
    head.assign(head.value * 20)  # so that float32 suffices
    loss = dataclasses.replace(tiny.loss, r1=1.0)

    def penalty():
        def judge(groups):
            return [discriminate(gan, each, SEED, moves_averages=False) for each in groups]

        return penalise(loss, judge, images[1], images[0], SEED)

    variable = gan.discriminator.layers[0].kernel
    with tf.GradientTape() as tape:
        value = penalty()
    gradient = tape.gradient(value, variable.value)
    unit = gradient / tf.norm(gradient)
    start = tf.constant(variable.numpy())
    values = []
    for h in (1e-2, -1e-2):
        variable.assign(start + h * unit)
        values.append(float(penalty()))
    assert (values[0] - values[1]) / 2e-2 == pytest.approx(float(tf.norm(gradient)), rel=0.05)


@pytest.mark.parametrize("every", [1, 4])
def test_a_lazy_penalty_has_the_same_mean_over_its_steps(every, tiny):
    loss = dataclasses.replace(tiny.loss, r1=1.0, penalty_every=every)
    values = [
        float(penalise_lazily(loss, lambda: tf.constant(3.0), tf.constant(step, tf.int64)))
        for step in range(1, 9)
    ]
    assert np.mean(values) == 3.0
    assert values.count(0.0) == 8 - 8 // every


def test_a_heavy_penalty_flattens_the_discriminator(tiny, fashion):
    reals = tf.constant(fashion.train_u8[:32])
    penalties = []
    for gamma in (1e-6, 1e2):
        loss = dataclasses.replace(tiny.loss, r1=gamma)
        training = prepare_training(
            build_gan(tiny.model, (28, 28, 1), 0, "float32"), dataclasses.replace(tiny, loss=loss)
        )
        for _ in range(10):
            measured = step_discriminator(training, reals, STEP)
        penalties.append(float(measured[3]) / gamma)
    assert penalties[1] < penalties[0] / 2
