from __future__ import annotations

import numpy as np
import pytest

from dcgan_sweeps.datasets.batches import draw_batches, shuffle_in_buffer
from dcgan_sweeps.randomness import stream


@pytest.mark.parametrize("buffer", [None, 1, 7, 100, 1000])
def test_an_epoch_has_every_image_once(buffer, random):
    batches = draw_batches(96, 32, buffer, random)
    assert batches.shape == (3, 32)
    assert sorted(batches.ravel()) == list(range(96))


def test_an_incomplete_batch_is_dropped(random):
    assert draw_batches(100, 32, None, random).shape == (3, 32)


def test_a_buffer_moves_no_image_forward_by_more_than_its_size(random):
    order = shuffle_in_buffer(1000, 50, random)
    assert (order - np.arange(1000)).max() < 50


def test_a_stream_is_the_same_again_and_another_by_name_seed_or_index():
    first = stream(0, "a", 1).random()
    assert stream(0, "a", 1).random() == first
    others = [stream(0, "b", 1), stream(1, "a", 1), stream(0, "a", 2), stream(0, "a")]
    assert first not in [each.random() for each in others]
