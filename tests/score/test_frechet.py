from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st

from dcgan_sweeps.score.frechet import Moments, frechet_distance, measure_moments


def draw_features(random, count=500, width=16):
    return random.standard_normal((count, width)) @ random.standard_normal((width, width))


def test_identical_sets_are_at_no_distance(random):
    moments = measure_moments(draw_features(random))
    assert abs(frechet_distance(moments, moments)) < 1e-8 * np.trace(moments.covariance)


def test_a_shifted_set_is_at_the_squared_shift(random):
    features = draw_features(random)
    shift = random.standard_normal(16)
    distance = frechet_distance(measure_moments(features), measure_moments(features + shift))
    assert distance == pytest.approx(shift @ shift, rel=1e-9)


def test_in_one_dimension_it_is_the_closed_form(random):
    a, b = random.normal(1, 2, (400, 1)), random.normal(-1, 3, (300, 1))
    expected = (a.mean() - b.mean()) ** 2 + (a.std(ddof=1) - b.std(ddof=1)) ** 2
    distance = frechet_distance(measure_moments(a), measure_moments(b))
    assert distance == pytest.approx(expected, rel=1e-12)


def test_of_commuting_covariances_the_roots_are_compared(random):
    basis, _ = np.linalg.qr(random.standard_normal((8, 8)))
    first, second = random.uniform(0.1, 5, (2, 8))
    zero = np.zeros(8)
    a = Moments(zero, (basis * first) @ basis.T)
    b = Moments(zero, (basis * second) @ basis.T)
    expected = ((np.sqrt(first) - np.sqrt(second)) ** 2).sum()
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-10)


def test_fewer_samples_than_features_need_no_epsilon(random):
    features = random.standard_normal((10, 64))
    few, shifted = measure_moments(features), measure_moments(features + 1)
    # The square root of a rounding error at 1e-16 is 1e-8, once for each of 64 directions.
    assert frechet_distance(few, shifted) == pytest.approx(64, rel=1e-6)


def test_dead_features_change_nothing(random):
    a, b = draw_features(random), draw_features(random)
    alive = frechet_distance(measure_moments(a), measure_moments(b))
    dead = np.zeros((500, 4))
    padded = [measure_moments(np.hstack([each, dead])) for each in (a, b)]
    assert frechet_distance(*padded) == pytest.approx(alive, rel=1e-9)


def test_the_order_of_samples_does_not_matter(random):
    a, b = draw_features(random), draw_features(random)
    shuffled = random.permutation(b)
    distances = [frechet_distance(measure_moments(a), measure_moments(x)) for x in (b, shuffled)]
    assert distances[0] == pytest.approx(distances[1], rel=1e-12)


@given(seed=st.integers(0, 2**32 - 1), width=st.integers(1, 24))
def test_it_agrees_with_scipys_matrix_root(seed, width):
    random = np.random.default_rng(seed)
    a, b = (measure_moments(random.standard_normal((width * 20 + 10, width))) for _ in range(2))
    root = scipy.linalg.sqrtm(a.covariance @ b.covariance).real
    shift = a.mean - b.mean
    expected = shift @ shift + np.trace(a.covariance + b.covariance - 2 * root)
    # Differences of traces of the size of `width`, each exact to about 1e-12.
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-7, abs=1e-9)
