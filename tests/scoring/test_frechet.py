from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.linalg
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from benchmarks.bias import draw_distances, expect_distance
from dcgan_sweeps.scoring.frechet import (
    Moments,
    estimate_error,
    extrapolate_distance,
    frechet_distance,
    measure_moments,
)

# No deadline: what else the machine does is no fault of the distance.
random_matrices = settings(deadline=None)
SEEDS = st.integers(0, 2**32 - 1)
WIDTHS = st.integers(1, 64)


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


def draw_factors(seed, width, *ranks):
    """Return a factor X (width, rank) of a covariance X X' for each rank; of any scale."""
    random = np.random.default_rng(seed)
    return [10 ** random.uniform(-3, 3) * random.standard_normal((width, rank)) for rank in ranks]


def compare(first, second, root_trace):
    """Return how far the distance is from the one by that trace of the root, over tr Sr + tr Sg."""
    a, b = first @ first.T, second @ second.T
    zero = np.zeros(len(a))
    traces = np.trace(a) + np.trace(b)
    expected = traces - 2 * root_trace
    return abs(frechet_distance(Moments(zero, a), Moments(zero, b)) - expected) / traces


@random_matrices
@given(seed=SEEDS, width=WIDTHS, more=st.tuples(st.integers(0, 64), st.integers(0, 64)))
def test_of_full_rank_it_agrees_with_the_eigenvalues_of_the_product(seed, width, more):
    first, second = draw_factors(seed, width, *(width + each for each in more))
    eigenvalues = np.linalg.eigvals(first @ first.T @ second @ second.T).real
    assert compare(first, second, np.sqrt(np.maximum(eigenvalues, 0)).sum()) < 1e-8


@random_matrices
@given(seed=SEEDS, width=WIDTHS, shares=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_of_any_rank_it_agrees_with_the_singular_values_of_the_factors(seed, width, shares):
    ranks = [max(1, round(share * width)) for share in shares]
    first, second = draw_factors(seed, width, *ranks)
    # With Sr = X X' and Sg = Y Y' the root has the trace of (X'Y Y'X)^(1/2), and no null direction.
    exact = np.linalg.svd(first.T @ second, compute_uv=False).sum()
    # In a null direction of the product a rounding stands where 0 should: of up to 4 eps, 9e-16,
    # of |Sr| |Sg|. Twice its root is at most 3e-8 of tr Sr + tr Sg (the worst of 12,000: 1e-8).
    null = width - min(ranks)
    assert compare(first, second, exact) < 1e-8 + 3e-8 * null


@random_matrices
@given(seed=SEEDS, width=WIDTHS, shares=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_it_agrees_with_scipys_matrix_root(seed, width, shares):
    first, second = draw_factors(seed, width, *(max(1, round(each * width)) for each in shares))
    with warnings.catch_warnings():  # SciPy says of a singular product that its root may be off
        warnings.simplefilter("ignore", scipy.linalg.LinAlgWarning)
        root = scipy.linalg.sqrtm(first @ first.T @ second @ second.T)
    assume(np.isfinite(root).all())  # of one singular product in some thousands it finds none
    assert compare(first, second, np.trace(root).real) < 1e-4


@pytest.mark.parametrize(("n", "m"), [(200, 200), (200, 1000), (1000, 4000)])
@pytest.mark.parametrize("eigenvalues", [np.ones(8), np.array([4, 1, 0.25, 0, 0])])
def test_two_samples_of_one_gaussian_are_at_the_published_distance(eigenvalues, n, m, random):
    distances = draw_distances(eigenvalues, n, m, 300, random)
    # Four standard errors of the mean; the next order of the formula is below one of them.
    allowed = 4 * distances.std(ddof=1) / np.sqrt(300)
    assert abs(distances.mean() - expect_distance(eigenvalues, n, m)) < allowed


def test_of_unit_covariance_the_published_distance_is_a_closed_form():
    expected = (8 + 8 * 9 / 4) * (1 / 100 + 1 / 300)
    assert expect_distance(np.ones(8), 100, 300) == pytest.approx(expected, rel=1e-12)


def test_the_estimated_error_is_the_spread_over_other_fakes(random):
    real = Moments(np.zeros(8), np.eye(8))
    sets = 0.3 + random.standard_normal((200, 500, 8))
    spread = np.std([frechet_distance(real, measure_moments(each)) for each in sets], ddof=1)
    error = np.mean([estimate_error(real, each, random) for each in sets[:5]])
    # A spread over 200 sets is known to 5 %, a mean of five errors to 5 %: four times both.
    assert error == pytest.approx(spread, rel=0.3)


@pytest.mark.parametrize(("width", "count"), [(8, 200), (32, 500)])
def test_the_extrapolated_distance_is_at_most_half_as_far_off(width, count, random):
    real = Moments(np.zeros(width), np.eye(width))
    true = width * 0.2**2  # of standard deviations 1 and 1.2
    sets = 1.2 * random.standard_normal((20, count, width))
    plain = [frechet_distance(real, measure_moments(each)) for each in sets]
    extrapolated = [extrapolate_distance(real, each, random) for each in sets]
    # Means over 20 sets: of one the extrapolated distance scatters more than the plain one.
    assert abs(np.mean(extrapolated) - true) < abs(np.mean(plain) - true) / 2
