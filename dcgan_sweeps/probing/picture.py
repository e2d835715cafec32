"""Draws accuracies as bars with their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

COLOURS = ("#999999", "#E69F00", "#0072B2")  # Okabe and Ito, a palette for colour-blind readers
GAP = 1.5  # percent between a bar's interval and its number


@dataclass(frozen=True)
class Bar:
    """An accuracy from 0 to 1, with the interval of a draw where there are several."""

    label: str
    accuracy: float
    interval: tuple[float, float] | None


def draw_bars(bars: Sequence[Bar], subject: str) -> npt.NDArray[np.uint8]:
    """Return a colour picture (height, width, 3); `subject` is in its title."""
    figure = Figure(figsize=(6.4, 3.8), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots()
    for place, (bar, colour) in enumerate(zip(bars, COLOURS, strict=True)):
        low, high = bar.interval or (bar.accuracy, bar.accuracy)
        axes.bar(place, 100 * bar.accuracy, 0.6, color=colour)
        if bar.interval is not None:
            ends = [[100 * (bar.accuracy - low)], [100 * (high - bar.accuracy)]]
            axes.errorbar(place, 100 * bar.accuracy, ends, color="black", capsize=6)
        axes.text(place, 100 * high + GAP, f"{bar.accuracy:.1%}", ha="center", va="bottom")
    axes.set_xticks(range(len(bars)), [bar.label for bar in bars])
    axes.set(ylim=(0, 109), ylabel="test accuracy (%)")
    axes.set_title(f"Linear classifiers: {subject}", fontsize="medium")
    axes.set_yticks(range(0, 101, 20))
    axes.spines[["top", "right"]].set_visible(False)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
