from __future__ import annotations

import numpy as np
import pytest

from dcgan_sweeps.scoring.classes import (
    count_dropped,
    count_shares,
    measure_confidence,
    measure_js_bits,
)


def logits_of(*classes):
    return 5.0 * np.eye(10)[list(classes)]


def test_shares_are_those_of_the_likeliest_class():
    shares = count_shares(logits_of(0, 0, 3, 9))
    assert shares.tolist() == [0.5, 0, 0, 0.25, 0, 0, 0, 0, 0, 0.25]


def test_equal_histograms_are_at_no_distance_and_disjoint_ones_at_one():
    first, second = count_shares(logits_of(0, 1)), count_shares(logits_of(2, 3))
    assert measure_js_bits(first, first) == 0
    assert measure_js_bits(first, second) == pytest.approx(1)


def test_its_square_is_the_divergence_in_bits():
    p, q = np.array([1.0, 0.0]), np.array([0.5, 0.5])
    middle = (p + q) / 2
    bits = 0.5 * np.log2(1 / middle[0]) + 0.5 * (0.5 * np.log2(0.5 / middle)).sum()
    assert measure_js_bits(p, q) ** 2 == pytest.approx(bits)


def test_a_class_below_two_percent_is_dropped():
    shares = np.array([0.019, 0.021, 0.96, 0, 0, 0, 0, 0, 0, 0])
    assert count_dropped(shares) == 8


def test_confidence_is_the_probability_of_the_chosen_class():
    assert measure_confidence(np.zeros((1, 10))).tolist() == pytest.approx([0.1])
    assert measure_confidence(logits_of(4))[0] == pytest.approx(np.e**5 / (np.e**5 + 9))
