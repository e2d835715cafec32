from __future__ import annotations

import numpy as np

from dcgan_sweeps.gan.sampling import interpolate


def test_a_walk_has_both_ends_and_its_steps(random):
    start, end = random.standard_normal((2, 3, 50)).astype(np.float32)
    walk = interpolate(start, end, 7, "normal").reshape(3, 7, 50)
    np.testing.assert_allclose(walk[:, 0], start, atol=1e-6)
    np.testing.assert_allclose(walk[:, -1], end, atol=1e-6)


def test_a_walk_stays_on_the_shell_of_its_ends(random):
    start, end = random.standard_normal((2, 3, 400)).astype(np.float32)
    lengths = np.linalg.norm(interpolate(start, end, 9, "normal"), axis=1)
    # A straight line would pass at the root of a half.
    assert lengths.min() > 0.95 * min(np.linalg.norm(each, axis=1).min() for each in (start, end))


def test_latents_in_one_direction_are_joined_by_a_line():
    start = np.array([[1.0, 0.0]], np.float32)
    np.testing.assert_allclose(interpolate(start, 3 * start, 3, "normal"), [[1, 0], [2, 0], [3, 0]])


def test_a_walk_of_uniform_latents_is_straight_and_stays_among_them(random):
    start, end = random.uniform(-1, 1, (2, 3, 50)).astype(np.float32)
    walk = interpolate(start, end, 5, "uniform").reshape(3, 5, 50)
    np.testing.assert_allclose(walk[:, 2], (start + end) / 2, atol=1e-6)
    assert np.abs(walk).max() <= 1
