from __future__ import annotations

import math

import pytest

from dcgan_sweeps.scoring.noise import TRAINING_NOISE, is_tied, rank_tied


def test_two_scores_are_tied_up_to_the_noise_of_a_difference():
    step = math.sqrt(2) * TRAINING_NOISE * 200
    assert is_tied(200 - 0.499 * step, 200 + 0.499 * step)
    assert not is_tied(200 - 0.501 * step, 200 + 0.501 * step)


def test_tied_scores_share_the_rank_of_the_first():
    assert rank_tied([155.8, 160.2, 255.9], is_tied) == ["1=", "1=", "3"]


def test_a_tie_does_not_reach_further_than_the_noise():
    # Each is tied with the next one, and the last is far from the first.
    chain = [100 * 1.15**n for n in range(6)]
    assert rank_tied(chain, is_tied) == ["1=", "1=", "3=", "3=", "5=", "5="]


@pytest.mark.parametrize("scores", [[], [3.0]])
def test_few_scores_serve(scores):
    assert rank_tied(scores, is_tied) == ["1"][: len(scores)]


def test_equal_scores_are_tied():
    assert rank_tied([0.0, 0.0], is_tied) == ["1=", "1="]
