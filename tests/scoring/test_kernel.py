from __future__ import annotations

import numpy as np
import pytest

from dcgan_sweeps.scoring.kernel import measure_kid, square_mmd


def test_it_is_the_sum_over_all_pairs(random):
    a, b = random.standard_normal((2, 6, 4))

    def kernel(x, y):
        return (x @ y / 4 + 1) ** 3

    pairs = [(i, j) for i in range(6) for j in range(6) if i != j]
    within = sum(kernel(a[i], a[j]) + kernel(b[i], b[j]) for i, j in pairs) / 30
    between = sum(kernel(x, y) for x in a for y in b) / 36
    assert square_mmd(a, b) == pytest.approx(within - 2 * between, rel=1e-12)


def test_it_is_unbiased(random):
    # Without the diagonal the mean over draws of one distribution is 0; the error is its own.
    draws = [square_mmd(*random.standard_normal((2, 20, 3))) for _ in range(400)]
    assert abs(np.mean(draws)) < 4 * np.std(draws) / 20


def test_other_distributions_are_told_apart_by_many_errors(random):
    real, fake = random.standard_normal((2, 1500, 8))
    same = measure_kid(real, fake, np.random.default_rng(0))
    other = measure_kid(real, fake + 0.3, np.random.default_rng(0))
    assert other.value - same.value > 20 * (other.error + same.error)


def test_subsets_follow_the_generator_of_random_numbers(random):
    real, fake = random.standard_normal((2, 1500, 8))
    first, again, other = (measure_kid(real, fake, np.random.default_rng(s)) for s in (0, 0, 1))
    assert first == again
    assert first != other


def test_sets_smaller_than_a_subset_serve(random):
    assert np.isfinite(measure_kid(*random.standard_normal((2, 30, 4)), random).value)
