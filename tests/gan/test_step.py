from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from dcgan_sweeps.gan.networks import build_gan
from dcgan_sweeps.gan.step import prepare_training, step_discriminator, step_generator, train_step

STEP = tf.constant(1, tf.int64)


@pytest.fixture
def reals(fashion):
    return tf.constant(fashion.train_u8[:32])


def prepare(config, **train):
    gan = build_gan(config.model, (28, 28, 1), 0, "float32")
    chosen = dataclasses.replace(config.train, **train)
    return prepare_training(gan, chosen, config.optimizer, config.seed)


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
    generator, discriminator = which_moved(training, lambda: step_generator(training, STEP))
    assert all(generator)
    assert not any(discriminator)


def test_fakes_from_batch_statistics_move_the_generators_averages_and_nothing_else(tiny, reals):
    training = prepare(tiny, fake_batch_norm="batch")
    generator, _ = which_moved(training, lambda: step_discriminator(training, reals, STEP))
    names = [weight.path for weight in training.gan.generator.weights]
    moved = [name for name, has_moved in zip(names, generator, strict=True) if has_moved]
    assert len(moved) == 4
    assert all("moving_" in name for name in moved)


def test_a_generator_step_in_inference_leaves_the_averages(tiny):
    training = prepare(tiny, generator_batch_norm="inference")
    generator, _ = which_moved(training, lambda: step_generator(training, STEP))
    names = [weight.path for weight in training.gan.generator.weights]
    for name, moved in zip(names, generator, strict=True):
        assert not (moved and "moving_" in name)


def test_the_summed_loss_is_twice_the_mean(tiny, reals):
    mean, _, _ = step_discriminator(prepare(tiny), reals, STEP)
    total, _, _ = step_discriminator(prepare(tiny, discriminator_loss="sum"), reals, STEP)
    assert float(total) == pytest.approx(2 * float(mean), rel=1e-6)


def test_an_undecided_discriminator_has_the_balanced_loss(tiny, reals):
    training = prepare(tiny)
    head = training.gan.discriminator.layers[-1]
    head.kernel.assign(tf.zeros_like(head.kernel.value))
    loss, real, fake = step_discriminator(training, reals, STEP)
    assert float(loss) == pytest.approx(np.log(2), rel=1e-6)
    assert (float(real), float(fake)) == (0.5, 0.5)


def test_each_half_and_each_step_has_noise_of_its_own(tiny):
    from dcgan_sweeps.gan.step import _draw_latents

    training = prepare(tiny)
    draws = [
        _draw_latents(training, name, tf.constant(step, tf.int64)).numpy().tobytes()
        for name in ("latents/discriminator", "latents/generator")
        for step in (1, 2)
    ]
    assert len(set(draws)) == 4


def test_the_discriminators_learning_rate_is_its_own(tiny):
    settings = dataclasses.replace(tiny.optimizer, lr_discriminator=5e-5)
    gan = build_gan(tiny.model, (28, 28, 1), 0, "float32")
    training = prepare_training(gan, tiny.train, settings, 0)
    assert training.discriminator_adam.lr == 5e-5
    assert training.generator_adam.lr == tiny.optimizer.lr
