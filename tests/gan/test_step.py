from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from dcgan_sweeps.gan.networks import build_gan
from dcgan_sweeps.gan.step import (
    draw_latents,
    fold,
    prepare_training,
    step_discriminator,
    step_generator,
    train_step,
)

STEP = tf.constant(1, tf.int64)


@pytest.fixture
def reals(fashion):
    return tf.constant(fashion.train_u8[:32])


def prepare(config, **train):
    gan = build_gan(config.model, (28, 28, 1), 0, "float32")
    chosen = dataclasses.replace(config.train, **train)
    return prepare_training(gan, dataclasses.replace(config, train=chosen))


def weights_of(training):
    gan = training.gan
    return [each.numpy() for each in (*gan.generator.weights, *gan.discriminator.weights)]


def which_moved(training, step):
    """Return for each weight, the generator's then the discriminator's, whether `step` moved it."""
    before = weights_of(training)
    step()
    moved = [not np.array_equal(a, b) for a, b in zip(before, weights_of(training), strict=True)]
    count = len(training.gan.generator.weights)
    return moved[:count], moved[count:]


def test_the_discriminators_half_moves_the_discriminator_alone(tiny, reals):
    training = prepare(tiny)
    generator, discriminator = which_moved(
        training, lambda: step_discriminator(training, reals, STEP)
    )
    assert not any(generator)
    assert all(discriminator)


def test_the_generators_half_moves_the_generator_alone(tiny, reals):
    training = prepare(tiny)
    train_step(training, reals)  # from zero, a bias may have no gradient yet
    generator, discriminator = which_moved(training, lambda: step_generator(training, reals, STEP))
    assert all(generator)
    assert not any(discriminator)


def test_fakes_from_batch_statistics_move_the_generators_averages_and_nothing_else(tiny, reals):
    training = prepare(tiny, fake_batch_norm="batch")
    generator, _ = which_moved(training, lambda: step_discriminator(training, reals, STEP))
    names = [weight.path for weight in training.gan.generator.weights]
    moved = [name for name, has_moved in zip(names, generator, strict=True) if has_moved]
    assert len(moved) == 4
    assert all("moving_" in name for name in moved)


def test_a_generator_step_in_inference_leaves_the_averages(tiny, reals):
    training = prepare(tiny, generator_batch_norm="inference")
    generator, _ = which_moved(training, lambda: step_generator(training, reals, STEP))
    names = [weight.path for weight in training.gan.generator.weights]
    for name, moved in zip(names, generator, strict=True):
        assert not (moved and "moving_" in name)


def test_the_summed_loss_is_twice_the_mean(tiny, reals):
    mean = step_discriminator(prepare(tiny), reals, STEP)[0]
    total = step_discriminator(prepare(tiny, discriminator_loss="sum"), reals, STEP)[0]
    assert float(total) == pytest.approx(2 * float(mean), rel=1e-6)


def test_an_undecided_discriminator_has_the_balanced_loss(tiny, reals):
    training = prepare(tiny)
    head = training.gan.discriminator.layers[-1]
    head.kernel.assign(tf.zeros_like(head.kernel.value))
    loss, real, fake = step_discriminator(training, reals, STEP)
    assert float(loss) == pytest.approx(np.log(2), rel=1e-6)
    assert (float(real), float(fake)) == (0.5, 0.5)


def test_each_half_and_each_step_has_noise_of_its_own(tiny):
    training = prepare(tiny)
    draws = [
        draw_latents(training, fold(training, name, step, number)).numpy().tobytes()
        for name in ("latents/discriminator", "latents/generator")
        for step in (1, 2)
        for number in (None, 0, 1)
    ]
    assert len(set(draws)) == 12


def test_uniform_latents_are_spread_from_minus_1_to_1(tiny):
    training = prepare(tiny, latents="uniform", batch_size=4096)
    latents = draw_latents(training, fold(training, "latents/generator", STEP)).numpy()
    assert np.abs(latents).max() <= 1
    # 65,536 draws: four standard errors of the variance are under 0.005.
    assert latents.var() == pytest.approx(1 / 3, abs=0.005)
    assert np.abs(latents.mean()) < 0.01


def test_each_of_several_discriminator_steps_has_a_batch_of_its_own(tiny, fashion):
    reals = tf.constant(fashion.train_u8[:64])
    at_once, by_hand = (prepare(tiny, discriminator_steps=2) for _ in range(2))
    loss = float(train_step(at_once, reals)[0])
    first = step_discriminator(by_hand, reals[:32], STEP, 0)
    second = step_discriminator(by_hand, reals[32:], STEP, 1)
    step_generator(by_hand, reals[32:], STEP)
    for a, b in zip(weights_of(at_once), weights_of(by_hand), strict=True):
        np.testing.assert_array_equal(a, b)
    assert loss == pytest.approx((float(first[0]) + float(second[0])) / 2)


@pytest.fixture
def normalised(tiny):
    """Networks whose discriminator has BatchNormalization, and no dropout."""
    layers = keras.layers
    discriminator = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(4, 5, strides=4),
            layers.BatchNormalization(),
            layers.LeakyReLU(),
            layers.Flatten(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    return dataclasses.replace(
        build_gan(tiny.model, (28, 28, 1), 0, "float32"), discriminator=discriminator
    )


def measure_loss(gan, tiny, reals, how):
    train = dataclasses.replace(tiny.train, discriminator_batches=how)
    training = prepare_training(gan, dataclasses.replace(tiny, train=train))
    return float(step_discriminator(training, reals, STEP)[0])


def test_separate_batches_are_each_normalised_alone(normalised, tiny, reals):
    discriminator = normalised.discriminator
    weights = discriminator.get_weights()
    training = prepare(tiny)
    latents = draw_latents(training, fold(training, "latents/discriminator", STEP))
    fakes = normalised.generator(latents, training=False)
    batches = [fakes, tf.cast(reals, tf.float32) / 127.5 - 1]
    fake, real = (discriminator(each, training=True).numpy() for each in batches)
    averages = discriminator.get_weights()[4:6]
    together = discriminator(tf.concat(batches, axis=0), training=True).numpy()
    apart = -(np.log(1 - fake).mean() + np.log(real).mean()) / 2
    joint = -(np.log(1 - together[:32]).mean() + np.log(together[32:]).mean()) / 2
    for how, expected in (("separate", apart), ("joint", joint)):
        discriminator.set_weights(weights)
        assert measure_loss(normalised, tiny, reals, how) == pytest.approx(expected, rel=1e-4)
        if how == "separate":
            for found, average in zip(discriminator.get_weights()[4:6], averages, strict=True):
                np.testing.assert_allclose(found, average, rtol=1e-4, atol=1e-6)
    assert abs(apart - joint) > 0.01


def test_without_batch_normalisation_separate_batches_differ_by_rounding_only(tiny, reals):
    model = dataclasses.replace(tiny.model, dropout=0.0)
    losses = [
        measure_loss(build_gan(model, (28, 28, 1), 0, "float32"), tiny, reals, how)
        for how in ("separate", "joint")
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


def test_the_generators_half_moves_no_average_of_the_discriminator(normalised, tiny, reals):
    loss = dataclasses.replace(tiny.loss, name="relativistic", r1=1.0)
    training = prepare_training(normalised, dataclasses.replace(tiny, loss=loss))
    _, discriminator = which_moved(training, lambda: step_generator(training, reals, STEP))
    assert not any(discriminator)


def test_the_discriminators_learning_rate_is_its_own(tiny):
    settings = dataclasses.replace(tiny.optimizer, lr_discriminator=5e-5)
    gan = build_gan(tiny.model, (28, 28, 1), 0, "float32")
    training = prepare_training(gan, dataclasses.replace(tiny, optimizer=settings))
    assert training.discriminator_descent.lr == 5e-5
    assert training.generator_descent.lr == tiny.optimizer.lr
