"""Reads the media of a logged run: its curves and its sample grids.

media = read_media(client, run)
media.curves["score/fcd"], media.grids[10]
"""

from __future__ import annotations

import dataclasses
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
POINTS = 100  # of a curve; more would make a page of many runs heavy


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


def fit_media(all_media: Mapping[str, Media], most: int) -> dict[str, Media]:
    """Return the media of the runs, best first, with pictures of about `most` bytes in all.

    The last grid of each run is always kept. The GIFs and the earlier grids of the best runs fill
    what is left.
    """
    left = most - sum(len(grid) for each in all_media.values() for grid in _last(each).values())
    fitted = {}
    for run_id, media in all_media.items():
        gif = media.gif if media.gif and len(media.gif) <= left else None
        left -= len(gif or b"")
        earlier = sum(map(len, media.grids.values())) - sum(map(len, _last(media).values()))
        grids = media.grids if earlier <= left else _last(media)
        left -= earlier if grids is media.grids else 0
        fitted[run_id] = dataclasses.replace(media, gif=gif, grids=grids)
    return fitted


def _last(media: Media) -> dict[int, bytes]:
    return {max(media.grids): media.grids[max(media.grids)]} if media.grids else {}


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
