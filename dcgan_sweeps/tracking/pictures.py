"""Draws image grids, bar plots and GIFs. Values are never rescaled: 0 is black, 255 is white."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from dcgan_sweeps.files import write_whole

ImagesU8 = npt.NDArray[np.uint8]

ENLARGE = 3  # screen pixels per image pixel, of small images
FULL = 128  # pixels of a side that is not enlarged
GAP = 4
CAPTION_HEIGHT = 28
PAPER, INK = 32, 230
LINE = 80  # characters of the class names that fit side by side
COLOURS = ("#0072B2", "#E69F00", "#009E73")  # Okabe and Ito, a palette for colour-blind readers


def draw_grid(images: ImagesU8, columns: int) -> ImagesU8:
    """Return one picture of images (n, h, w, channels), laid out row by row with gaps.

    It is (rows, columns) for grey images and (rows, columns, 3) for colour images, which are
    enlarged where they are small.
    """
    count, height, width, channels = images.shape
    enlarge = max(1, min(ENLARGE, FULL // max(height, width)))
    rows = -(-count // columns)
    tall, wide = height * enlarge + GAP, width * enlarge + GAP
    picture = np.full((rows * tall + GAP, columns * wide + GAP, channels), PAPER, np.uint8)
    for index, image in enumerate(images):
        top, left = index // columns * tall + GAP, index % columns * wide + GAP
        large = image.repeat(enlarge, axis=0).repeat(enlarge, axis=1)
        picture[top : top + tall - GAP, left : left + wide - GAP] = large
    return picture if channels == 3 else picture[..., 0]


def add_caption(picture: ImagesU8, caption: str) -> ImagesU8:
    """Return a grey or a colour picture with a line of text under it."""
    drawn = Image.fromarray(picture)
    width, height = drawn.size
    paper, ink = ((value,) * len(drawn.mode) for value in (PAPER, INK))  # of one or three channels
    canvas = Image.new(drawn.mode, (width, height + CAPTION_HEIGHT), paper)
    canvas.paste(drawn)
    font = ImageFont.load_default(size=18)
    place = (width / 2, height + CAPTION_HEIGHT / 2 - GAP / 2)
    ImageDraw.Draw(canvas).text(place, caption, fill=ink, font=font, anchor="mm")
    return np.asarray(canvas)


def draw_shares(names: Sequence[str], series: Mapping[str, npt.NDArray[np.floating]]) -> ImagesU8:
    """Return a colour picture of {label: share of each name} as grouped bars."""
    size = (max(8.5, 0.3 * len(names)), 3.4)  # inches
    figure = Figure(figsize=size, dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots()
    width = 0.8 / len(series)
    places = np.arange(len(names))
    for index, (label, shares) in enumerate(series.items()):
        offset = (index - (len(series) - 1) / 2) * width
        axes.bar(places + offset, 100 * shares, width, label=label, color=COLOURS[index])
    if sum(map(len, names)) <= LINE:
        axes.set_xticks(places, names)
    else:
        axes.set_xticks(places, names, rotation=30, ha="right", rotation_mode="anchor")
    axes.set(xlabel="class, as the classifier sees it", ylabel="share of the images (%)")
    axes.legend()
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def write_png(path: Path, picture: ImagesU8) -> None:
    """Write a picture as a PNG file, atomically."""
    write_whole(path, imageio.imwrite("<bytes>", picture, extension=".png"))


def read_png(path: Path) -> ImagesU8:
    """Return the picture in a PNG file; raises OSError for a damaged file."""
    try:
        return np.asarray(imageio.imread(path))
    except (SyntaxError, ValueError) as error:  # raised by Pillow, without the file name
        raise OSError(f"{path} is not a PNG file: {error}") from error


def write_gif(path: Path, pictures: Sequence[ImagesU8], frame_s: float, last_s: float) -> None:
    """Write pictures as an endless GIF, atomically; the last one is shown for `last_s` seconds."""
    durations_ms = [frame_s * 1000] * (len(pictures) - 1) + [last_s * 1000]
    # Pillow accepts a list only for more than one frame.
    duration = durations_ms if len(pictures) > 1 else durations_ms[0]
    encoded = imageio.imwrite(
        "<bytes>", list(pictures), extension=".gif", duration=duration, loop=0
    )
    write_whole(path, encoded)
