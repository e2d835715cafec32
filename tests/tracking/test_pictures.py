from __future__ import annotations

import numpy as np
from PIL import Image

from dcgan_sweeps.tracking.pictures import (
    ENLARGE,
    GAP,
    add_caption,
    draw_grid,
    write_gif,
)


def test_a_grid_shows_pixels_as_they_are():
    images = np.stack([np.full((2, 2, 1), value, np.uint8) for value in (0, 100, 255)])
    grid = draw_grid(images, columns=2)
    side = 2 * ENLARGE + GAP
    assert grid.shape == (2 * side + GAP, 2 * side + GAP)
    assert (grid[GAP, GAP], grid[GAP, GAP + side], grid[GAP + side, GAP]) == (0, 100, 255)


def test_a_grid_of_colour_images_has_their_colours():
    red, blue = (np.full((2, 2, 3), colour, np.uint8) for colour in ((255, 0, 0), (0, 0, 255)))
    grid = draw_grid(np.stack([red, blue]), columns=2)
    side = 2 * ENLARGE + GAP
    assert grid.shape == (side + GAP, 2 * side + GAP, 3)
    assert (grid[GAP, GAP].tolist(), grid[GAP, GAP + side].tolist()) == ([255, 0, 0], [0, 0, 255])


def test_a_large_image_is_not_enlarged():
    assert draw_grid(np.zeros((1, 128, 100, 1), np.uint8), 1).shape == (
        128 + 2 * GAP,
        100 + 2 * GAP,
    )


def test_a_caption_under_a_colour_picture_leaves_its_colours():
    picture = np.full((40, 200, 3), (250, 20, 30), np.uint8)
    captioned = add_caption(picture, "epoch 3")
    assert np.array_equal(captioned[:40], picture)
    assert captioned[40:].max() > 200


def test_a_caption_is_under_the_picture_and_readable():
    picture = np.zeros((40, 200), np.uint8)
    captioned = add_caption(picture, "epoch 3")
    assert np.array_equal(captioned[:40], picture)
    assert captioned[40:].max() > 200


def test_a_gif_has_every_frame_once_and_holds_the_last(tmp_path, random):
    pictures = random.integers(0, 256, (3, 20, 20), np.uint8)
    write_gif(tmp_path / "progress.gif", [*pictures], frame_s=0.5, last_s=2.5)
    with Image.open(tmp_path / "progress.gif") as gif:
        durations = []
        for index in range(gif.n_frames):
            gif.seek(index)
            durations.append(gif.info["duration"])
    assert durations == [500, 500, 2500]
    assert not list(tmp_path.glob(".*"))
