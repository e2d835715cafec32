from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dcgan_sweeps.config.compose import compose
from dcgan_sweeps.config.schema import Config
from dcgan_sweeps.datasets.batches import count_images, draw_batches
from dcgan_sweeps.gan.networks import build_gan
from dcgan_sweeps.gan.sampling import Diverged, make_image_sampler, to_u8
from dcgan_sweeps.gan.step import prepare_training
from dcgan_sweeps.gan.training import train
from dcgan_sweeps.randomness import stream


def start(config, images, precision="float32", **train_settings):
    """Return the training of a config, and the iteration over its epochs."""
    settings = dataclasses.replace(config.train, **train_settings)
    gan = build_gan(config.model, (28, 28, 1), config.seed, precision)
    training = prepare_training(gan, dataclasses.replace(config, train=settings))

    def batches(epoch):
        random = stream(config.seed, "batches", epoch)
        return draw_batches(len(images), count_images(settings), None, random)

    return training, train(training, images, batches, jit=False)


def final_weights(training):
    gan = training.gan
    return [each.numpy() for each in (*gan.generator.weights, *gan.discriminator.weights)]


@pytest.fixture
def images(fashion):
    return fashion.train_u8[:320]


def test_epochs_come_one_at_a_time_and_blocks_within_them(tiny, images):
    _, epochs = start(tiny, images)
    steps = [[block.step for block in epoch] for epoch in epochs]
    assert steps == [[4, 8, 10], [14, 18, 20]]


def test_an_epoch_with_two_discriminator_steps_each_has_half_as_many_steps(tiny, images):
    _, epochs = start(tiny, images, discriminator_steps=2)
    steps = [[block.step for block in epoch] for epoch in epochs]
    assert steps == [[4, 5], [9, 10]]


def test_what_is_not_read_of_an_epoch_is_trained_all_the_same(tiny, images):
    read, epochs = start(tiny, images)
    for epoch in epochs:
        list(epoch)
    skipped, epochs = start(tiny, images)
    assert len(list(epochs)) == 2
    for a, b in zip(final_weights(read), final_weights(skipped), strict=True):
        assert np.array_equal(a, b)


def test_the_steps_in_a_call_do_not_change_a_bit(tiny, images):
    ends = []
    for steps_per_call in (1, 7):
        training, epochs = start(tiny, images, steps_per_call=steps_per_call)
        list(epochs)
        ends.append(final_weights(training))
    for a, b in zip(*ends, strict=True):
        assert np.array_equal(a, b)


def test_leaving_the_iteration_stops_training(tiny, images):
    training, epochs = start(tiny, images)
    next(iter(next(epochs)))
    epochs.close()
    assert int(training.step) == 4


def test_a_loss_that_is_not_finite_stops_at_once_and_names_the_step(tiny, images):
    training, epochs = start(tiny, images)
    blocks = iter(next(epochs))
    next(blocks)
    head = training.gan.discriminator.layers[-1]
    head.bias.assign([np.nan])
    with pytest.raises(Diverged, match="the discriminator's loss is nan at step 5"):
        next(blocks)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_reduced_precision_trains_float32_weights(tiny, images, precision):
    training, epochs = start(tiny, images[:64], precision, epochs=1)
    (block,) = next(epochs)
    assert np.isfinite(block.series["loss/generator"]).all()
    assert {str(weight.dtype) for weight in training.gan.generator.weights} == {"float32"}


def test_pixels_are_rounded_to_the_nearest_and_clipped():
    values = np.array([-1.5, -1.0, 0.0, 1.0, 1.5], np.float32)
    assert to_u8(values).tolist() == [0, 0, 128, 255, 255]


def test_a_sampler_follows_the_weights_and_refuses_nan(tiny):
    generator = build_gan(tiny.model, (28, 28, 1), 0, "float32").generator
    sample = make_image_sampler(generator, batch_size=3)
    latents = np.ones((5, tiny.model.latent_dim), np.float32)
    assert sample(latents).shape == (5, 28, 28, 1)
    generator.layers[0].bias.assign(np.full(392, np.nan))
    with pytest.raises(Diverged):
        sample(latents)


@pytest.mark.slow
def test_the_documented_networks_on_all_images_train_alike_to_the_bit(fashion):
    # Two traces of one function: with TensorFlow's constant folding they round differently.
    config = compose("config", ["train.epochs=1", "train.steps_per_call=10"], Config)
    ends = []
    for _ in range(4):
        training, epochs = start(config, fashion.train_u8)
        next(iter(next(epochs)))
        ends.append(final_weights(training))
    for end in ends[1:]:
        for a, b in zip(ends[0], end, strict=True):
            assert np.array_equal(a, b)
