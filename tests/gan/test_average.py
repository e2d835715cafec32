from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from dcgan_sweeps.gan.networks import build_gan
from dcgan_sweeps.gan.state import hash_weights, read_state, restore_state
from dcgan_sweeps.gan.step import prepare_training, train_step

DECAY = 0.4


@pytest.fixture
def reals(fashion):
    return tf.constant(fashion.train_u8[:32])


def prepare(config, ema):
    gan = build_gan(config.model, (28, 28, 1), 0, "float32", averaged=ema is not None)
    train = dataclasses.replace(config.train, ema=ema)
    return prepare_training(gan, dataclasses.replace(config, train=train))


def test_the_average_is_that_of_all_weights_also_of_the_batch_statistics(tiny, reals):
    training = prepare(tiny, DECAY)
    expected = [each.astype(float) for each in training.gan.generator.get_weights()]
    for step in range(1, 7):
        train_step(training, reals)
        decay = min(DECAY, (1 + step) / (10 + step))
        weights = training.gan.generator.get_weights()
        expected = [
            decay * mean + (1 - decay) * weight
            for mean, weight in zip(expected, weights, strict=True)
        ]
    for mean, found in zip(expected, training.gan.average.get_weights(), strict=True):
        np.testing.assert_allclose(found, mean, rtol=1e-5, atol=1e-7)
    assert not np.array_equal(expected[-1], training.gan.generator.get_weights()[-1])


def test_the_average_changes_nothing_in_the_training(tiny, reals):
    with_average, without = prepare(tiny, DECAY), prepare(tiny, None)
    for training in (with_average, without):
        for _ in range(3):
            train_step(training, reals)
    assert hash_weights(with_average.gan) == hash_weights(without.gan)
    assert without.gan.result is without.gan.generator
    assert with_average.gan.result is with_average.gan.average


def test_a_restored_training_has_the_average(tiny, reals):
    whole = prepare(tiny, DECAY)
    train_step(whole, reals)
    state = read_state(whole)
    train_step(whole, reals)
    resumed = prepare(tiny, DECAY)
    restore_state(resumed, state)
    train_step(resumed, reals)
    for name, array in read_state(whole).items():
        np.testing.assert_array_equal(array, read_state(resumed)[name])
