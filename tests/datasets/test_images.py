from __future__ import annotations

import numpy as np
import pytest

from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.datasets.images import choose_subset, split_holdout
from dcgan_sweeps.datasets.synthetic import draw_synthetic


def test_fashion_mnist_has_its_known_shapes(fashion):
    assert fashion.train_u8.shape == (60_000, 28, 28, 1)
    assert np.bincount(fashion.test_labels).tolist() == [1000] * 10


def test_a_subset_is_the_same_for_a_seed_and_another_for_another():
    first = choose_subset(1000, 50, seed=0)
    assert np.array_equal(first, choose_subset(1000, 50, seed=0))
    assert not np.array_equal(first, choose_subset(1000, 50, seed=1))


def test_a_subset_larger_than_the_data_is_refused():
    with pytest.raises(RequestError, match=r"data\.limit: got 60001; allowed: at most 60000"):
        choose_subset(60_000, 60_001, seed=0)


def test_the_holdout_is_a_sixth_and_disjoint():
    rest, holdout = split_holdout(60_000)
    assert (len(rest), len(holdout)) == (50_000, 10_000)
    assert not set(rest) & set(holdout)


def test_synthetic_shapes_differ_by_class():
    images = draw_synthetic(600)
    means = [images.train_u8[images.train_labels == label].mean(axis=0) for label in range(10)]
    distances = [np.abs(a - b).mean() for i, a in enumerate(means) for b in means[:i]]
    assert images.train_u8.shape == (600, 28, 28, 1)
    assert min(distances) > 1
