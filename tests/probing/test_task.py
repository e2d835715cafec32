"""Which images classifiers learn from, and which they are judged by."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.datasets.synthetic import draw_synthetic
from dcgan_sweeps.probing.task import Settings, make_task

IMAGES = draw_synthetic(300)


def test_a_draw_has_as_many_of_each_class_and_no_held_out_image():
    task = make_task(IMAGES, Settings(7, 3))
    for number in range(3):
        rows = task.draw("draws", number)
        assert np.bincount(task.train_labels[rows]).tolist() == [7] * 10
        assert len({*rows} - {*task.held_out}) == 70
    assert len(task.held_out) == 50


def test_draws_differ_and_come_again():
    task, same = (make_task(IMAGES, Settings(7, 3)) for _ in range(2))
    rows = {tuple(task.draw(stage, n)) for stage in ("selection", "draws") for n in (0, 1)}
    assert len(rows) == 4
    assert np.array_equal(task.draw("draws", 1), same.draw("draws", 1))


def test_all_labels_are_all_images_but_the_held_out_ones():
    task = make_task(IMAGES, Settings(None, 1))
    assert sorted([*task.draw("draws", 0), *task.held_out]) == list(range(300))
    assert task.settings.selection_draws == 1


def test_grey_images_get_a_channel_and_colour_images_are_kept():
    assert make_task(IMAGES, Settings(7, 3)).train_u8.shape == (300, 28, 28, 1)
    colour = replace(IMAGES, train_u8=np.zeros((300, 8, 8, 3), np.uint8))
    assert make_task(colour, Settings(7, 3)).train_u8.shape == (300, 8, 8, 3)


@pytest.mark.parametrize(
    ("changes", "settings", "fault"),
    [
        ({}, Settings(30, 3), "--labels-per-class: got 30; allowed: at most 2"),
        ({"train_labels": None}, Settings(7, 3), "data.name: got synthetic, which has no labels"),
        ({"test_labels": None}, Settings(7, 3), "data.name: got synthetic, which has no labels"),
        (
            {"train_labels": np.zeros(300, np.uint8)},
            Settings(7, 3),
            "data.name: got synthetic; allowed: at least two classes",
        ),
    ],
)
def test_what_nothing_can_be_learned_from_is_refused(changes, settings, fault):
    with pytest.raises(RequestError, match=fault):
        make_task(replace(IMAGES, **changes), settings)


def test_settings_have_a_name_and_the_papers_the_shortest():
    settings = (Settings(100, 100), Settings(100, 10), Settings(None, 1))
    names = [each.prefix for each in settings]
    assert names == ["probe", "probe_100_labels_10_draws", "probe_all_labels"]
