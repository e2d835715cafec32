from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from dcgan_sweeps.gan.augmentation import augment, cut_out, translate

SEED = tf.constant([1, 2])
BOTH = ["translation", "cutout"]


@pytest.fixture
def images(random):
    """Images of 24x16 pixels with two channels, in which no pixel is grey."""
    return random.uniform(0.1, 1, (200, 24, 16, 2)).astype(np.float32)


def move(image, down, right):
    """Return an image moved by whole pixels, with grey where nothing was."""
    height, width, _ = image.shape
    moved = np.zeros_like(image)
    for row in range(height):
        for column in range(width):
            if 0 <= row - down < height and 0 <= column - right < width:
                moved[row, column] = image[row - down, column - right]
    return moved


def test_a_translation_moves_by_up_to_an_eighth_of_each_side(images):
    moved = translate(tf.constant(images), SEED).numpy()
    shifts = [
        (down, right)
        for before, after in zip(images, moved, strict=True)
        for down in range(-4, 5)
        for right in range(-4, 5)
        if np.array_equal(move(before, down, right), after)
    ]
    assert len(shifts) == 200
    assert {down for down, _ in shifts} == set(range(-3, 4))
    assert {right for _, right in shifts} == set(range(-2, 3))


def test_a_cutout_is_a_rectangle_of_half_the_sides_around_any_pixel(images):
    cut = cut_out(tf.constant(images), SEED).numpy()
    rows, columns = set(), set()
    for before, after in zip(images, cut, strict=True):
        gone = (after == 0).all(axis=2)
        lines, places = gone.any(axis=1), gone.any(axis=0)
        assert np.array_equal(gone, np.outer(lines, places))
        np.testing.assert_array_equal(after[~gone], before[~gone])
        rows.add((int(lines.argmax()), int(lines.sum())))
        columns.add((int(places.argmax()), int(places.sum())))
    # A centre from 0 to the side: from half a length at one edge to half a length at the other.
    assert rows <= {(max(c - 6, 0), min(c + 6, 24) - max(c - 6, 0)) for c in range(25)}
    assert columns == {(max(c - 4, 0), min(c + 4, 16) - max(c - 4, 0)) for c in range(17)}


def test_the_same_seed_makes_the_same_changes_and_another_makes_others(images):
    first, again, other = (augment(images, BOTH, seed) for seed in (SEED, SEED, SEED + 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    changed = augment(images / 2, BOTH, SEED)
    assert np.array_equal(changed == 0, first == 0)


def test_gradients_reach_the_pixels_that_are_left(images):
    pixels = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        total = tf.reduce_sum(augment(pixels, BOTH, SEED))
    gradient = tape.gradient(total, pixels).numpy()
    # A sum of pixels, each once or never.
    assert set(np.unique(gradient)) == {0.0, 1.0}
    assert float(total) == pytest.approx((gradient * images).sum(), rel=1e-5)


def test_without_augmentations_images_stay(images):
    assert augment(images, None, SEED) is images
