"""Reads the media of a logged run: its curves and its sample grids.

media = read_media(client, run)
media.curves["score/fcd"], media.grids[10]
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dcgan_sweeps.metrics import CURVES
from dcgan_sweeps.reporting.page import as_image
from dcgan_sweeps.runs.logged_run import LoggedRun, read_file, read_pictures, read_series
from dcgan_sweeps.tracking.documents import LARGEST_TEXT
from dcgan_sweeps.tracking.store import Client

GIF = "samples/progress.gif"
POINTS = 300  # of a curve; a plot cannot show more


@dataclass(frozen=True)
class Media:
    """The media of a run.

    `curves` is {metric: {step or epoch: value}}, `grids` is {epoch: image file}, and `gif` is
    None if it was not read.
    """

    run: LoggedRun
    curves: Mapping[str, Mapping[int, float]]
    grids: Mapping[int, bytes]
    gif: bytes | None = None


def read_media(client: Client, run: LoggedRun, *, with_gif: bool = False) -> Media:
    """Return the curves and images that a run has logged."""
    names = [metric.name for metric in CURVES if metric.name in run.metrics]
    series = read_series(client, run.run_id, names)
    curves = {
        name: thin({step: x for step, x in sorted(points.items()) if math.isfinite(x)})
        for name, points in series.items()
    }
    grids = read_pictures(client, run.run_id, "samples")
    gif = read_file(client, run.run_id, GIF, LARGEST_TEXT) if with_gif else None
    return Media(run, curves, grids, gif)


def describe_media(media: Media) -> dict[str, Any]:
    """Return curves and images as the script of a page reads them."""
    curves = {
        name: {step: float(f"{value:.5g}") for step, value in points.items()}
        for name, points in media.curves.items()
    }
    return {
        "curves": curves,
        "grids": {epoch: as_image(file) for epoch, file in media.grids.items()},
        "gif": as_image(media.gif, "gif") if media.gif else None,
    }


def thin(points: Mapping[int, float]) -> dict[int, float]:
    """Return about POINTS evenly spaced points, including the first and the last."""
    stride = -(-len(points) // POINTS)
    chosen = [*points.items()]
    return dict([*chosen[::stride], *chosen[-1:]]) if stride > 1 else dict(points)
