"""The features of a discriminator: which layers they are of, and how these are pooled."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest
from keras import layers

from dcgan_sweeps.gan.dcgan28 import build_discriminator
from dcgan_sweeps.probing.features import (
    find_taps,
    make_extractor,
    make_pixel_extractor,
    pool_to_grid,
)


def pool_slowly(activations):
    """Return adaptive_max_pool2d to 4x4, one cell at a time."""
    count, height, width, channels = activations.shape
    grid = np.empty((count, 4, 4, channels), np.float32)
    for i in range(4):
        for j in range(4):
            rows = slice(math.floor(i * height / 4), math.ceil((i + 1) * height / 4))
            columns = slice(math.floor(j * width / 4), math.ceil((j + 1) * width / 4))
            grid[:, i, j] = activations[:, rows, columns].max(axis=(1, 2))
    return grid


@pytest.mark.parametrize("size", [(14, 14), (7, 7), (8, 4), (16, 5), (2, 3), (1, 9)])
def test_pooling_is_adaptive(size, random):
    activations = random.standard_normal((3, *size, 2)).astype(np.float32)
    assert np.array_equal(pool_to_grid(activations), pool_slowly(activations))


def test_the_features_are_the_activations_of_both_convolutions_before_dropout(tiny, random):
    discriminator = build_discriminator(tiny.model, (28, 28, 1), 3, "float32")
    images_u8 = random.integers(256, size=(5, 28, 28, 1), dtype=np.uint8)
    first, leak, dropout, second, *_ = discriminator.layers
    assert dropout.rate > 0
    low = leak(first(images_u8.astype(np.float32) / 127.5 - 1))
    high = leak(second(low))
    expected = [pool_slowly(np.asarray(each)).reshape(5, -1) for each in (low, high)]
    features = make_extractor(discriminator).read(images_u8)
    # The same operations in another graph: rounding differs.
    assert np.allclose(features, np.hstack(expected), atol=1e-5)
    assert features.dtype == np.float32


def test_the_documented_discriminator_has_3072_features(tiny):
    model = tiny.model.__class__(**{**vars(tiny.model), "discriminator_filters": [64, 128]})
    assert make_extractor(build_discriminator(model, (28, 28, 1), 0, "float32")).width == 3072


def test_batch_normalisation_uses_its_moving_averages(random):
    normalise = layers.BatchNormalization()
    network = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Conv2D(2, 3), normalise, layers.LeakyReLU()]
    )
    normalise.moving_mean.assign([5.0, -5.0])
    images_u8 = random.integers(256, size=(6, 8, 8, 1), dtype=np.uint8)
    extractor = make_extractor(network)
    alone = [extractor.read(images_u8[i : i + 1]) for i in range(6)]
    assert np.allclose(extractor.read(images_u8), np.concatenate(alone), atol=1e-6)


def test_normalisation_may_stand_before_an_activation_and_nothing_else():
    convolutions = [layers.Conv2D(2, 3, activation=name) for name in (None, "relu", None)]
    leak, relu = layers.LeakyReLU(), layers.ReLU()
    rest = [layers.BatchNormalization(), leak, layers.Dropout(0.5), convolutions[1]]
    last = [convolutions[2], layers.Flatten(), relu, layers.Dense(1)]
    network = keras.Sequential([keras.Input((16, 16, 1)), convolutions[0], *rest, *last])
    assert find_taps(network) == [leak, *convolutions[1:]]


def test_a_network_without_convolutions_is_refused():
    network = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
    with pytest.raises(ValueError, match="no convolution"):
        make_extractor(network)


def test_pixels_are_scaled_as_in_training():
    images_u8 = np.array([0, 255], np.uint8).reshape(1, 1, 2, 1)
    assert make_pixel_extractor((1, 2, 1)).read(images_u8).tolist() == [[-1, 1]]
