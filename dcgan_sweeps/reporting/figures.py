"""Draws the figures of a report: Optuna's plots, and three of our own.

    figures, params = draw_figures(board, all_media)
    figures["history"]["data"]   # for Plotly in the page; titles: templates/report.html.j2

Colours are those of Okabe and Ito, which colour-blind people can distinguish, or shades of one hue.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import optuna
import plotly.graph_objects as go
from optuna import visualization

from dcgan_sweeps.metrics import METRICS, SCORE
from dcgan_sweeps.reporting.leaderboard import Board
from dcgan_sweeps.reporting.media import Media
from dcgan_sweeps.reporting.optuna_study import as_study, compute_importances
from dcgan_sweeps.runs.logged_run import LoggedRun

COLOURS = {  # colour and line style of a run by its outcome
    "complete": ("#0072B2", "solid"),
    "pruned": ("#E69F00", "dot"),
    "diverged": ("#D55E00", "dash"),
    "failed": ("#CC79A7", "dash"),
    "interrupted": ("#999999", "dash"),
    "unfinished": ("#56B4E9", "dash"),
}
ORDER = ("history", "epochs", "importances", "parallel", "slices", "contour", "timeline")
MOST = {"parallel": 6, "slices": 4, "contour": 2}  # number of the most important parameters
LATEST_MS = 253_402_300_799_000  # the end of the year 9999, the latest datetime
TITLE = f"{SCORE} ({METRICS[SCORE].better} is better)"


def draw_figures(
    board: Board, all_media: Mapping[str, Media]
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Return {name: Plotly figure} of a board, and its parameters by importance.

    `all_media` is {run id: media}.
    """
    study = as_study(board.rows, board.varied)
    importances = compute_importances(study, seed=0)
    known = {key for trial in study.trials for key in trial.params}
    params = [*importances, *(key for key in board.varied if key in known - importances.keys())]
    shown = [all_media[row.run.run_id] for row in board.rows if row.run.run_id in all_media]
    lanes = build_lanes([row.run for row in board.rows])
    drawn = dict(draw_study(study, params, importances))
    drawn |= {"epochs": draw_epochs(shown)} if all_media else {}
    drawn |= {"timeline": draw_timeline(lanes)} if lanes else {}
    return {name: as_spec(drawn[name]) for name in ORDER if name in drawn}, params


def draw_study(
    study: optuna.Study, params: Sequence[str], importances: Mapping[str, float]
) -> Iterator[tuple[str, go.Figure]]:
    """Yield those of Optuna's plots for which a study has enough trials and parameters."""
    most = {name: [*params[:count]] for name, count in MOST.items()}
    if importances:
        yield "importances", draw_importances(importances)
    if sum(trial.state == optuna.trial.TrialState.COMPLETE for trial in study.trials) < 2:
        return
    yield "history", visualization.plot_optimization_history(study, target_name=TITLE)
    if params:
        slices = visualization.plot_slice(study, params=most["slices"], target_name=TITLE)
        yield "slices", slices
    if len(params) > 1:
        for name, draw in (
            ("parallel", visualization.plot_parallel_coordinate),
            ("contour", visualization.plot_contour),
        ):
            yield name, draw(study, params=most[name], target_name=SCORE)


def draw_importances(importances: Mapping[str, float]) -> go.Figure:
    """Return a bar chart of the importances, with the most important parameter on top."""
    shares, names = [*importances.values()][::-1], [*importances][::-1]
    figure = go.Figure(go.Bar(x=shares, y=names, orientation="h", marker_color="#0072B2"))
    return figure.update_layout(
        xaxis_title="share of the score's variance", yaxis_title="parameter"
    )


def draw_epochs(all_media: Sequence[Media]) -> go.Figure:
    """Return a plot of each run's score after each epoch, coloured by outcome."""
    figure = go.Figure()
    seen: set[str] = set()
    scored = [each for each in all_media if each.curves.get(SCORE)]
    for media in scored:
        points, outcome = media.curves[SCORE], name_outcome(media.run)
        colour, dash = COLOURS[outcome]
        figure.add_scatter(
            x=[*points],
            y=[*points.values()],
            name=outcome,
            legendgroup=outcome,
            showlegend=outcome not in seen,
            mode="lines+markers",
            line={"color": colour, "dash": dash},
            hovertext=media.run.name,
            opacity=0.75,
        )
        seen.add(outcome)
    last = max((max(each.curves[SCORE]) for each in scored), default=0)
    ticks = {"dtick": 1} if last <= 20 else {}  # no ticks at fractions of an epoch
    return figure.update_layout(
        xaxis={"title": "epoch", **ticks}, yaxis_title=TITLE, showlegend=True
    )


def name_outcome(run: LoggedRun) -> str:
    """Return the outcome of a run as a key of COLOURS."""
    return run.outcome if run.outcome in COLOURS else "unfinished"


@dataclass(frozen=True)
class Lane:
    """The runs of one slot, in order of time."""

    name: str
    runs: Sequence[LoggedRun]

    @property
    def busy(self) -> float:
        """The share of the time between first start and last end in which the slot was used."""
        begin, end = self.runs[0].start_ms, max(run.end_ms for run in self.runs)
        return sum(run.end_ms - run.start_ms for run in self.runs) / max(1, end - begin)


def build_lanes(runs: Sequence[LoggedRun]) -> list[Lane]:
    """Return the lanes of the runs that have ended, one for each slot.

    Runs without a slot get as many other lanes as needed, each run the one that was free first.
    """
    ended = [run for run in runs if run.wall_s is not None and run.end_ms <= LATEST_MS]
    ended.sort(key=lambda run: run.start_ms)
    lanes: dict[str, list[LoggedRun]] = {}
    free: list[tuple[int, int]] = []  # (when, lane)
    for run in ended:
        name = run.tags.get("slot", "")
        if not name:
            is_free = bool(free) and free[0][0] <= run.start_ms
            number = heapq.heappop(free)[1] if is_free else len(free)
            heapq.heappush(free, (run.end_ms, number))
            name = f"lane {number + 1}"
        lanes.setdefault(name, []).append(run)
    return [Lane(name, lanes[name]) for name in sorted(lanes)]


def draw_timeline(lanes: Iterable[Lane]) -> go.Figure:
    """Return a timeline with a bar for each run, in the lane of its slot."""
    placed = [
        (run, f"{lane.name}<br>{lane.busy:.0%} busy", name_outcome(run))
        for lane in lanes
        for run in lane.runs
    ]
    figure = go.Figure()
    for outcome, (colour, _) in COLOURS.items():
        bars = [(run, lane) for run, lane, ended in placed if ended == outcome]
        if bars:
            figure.add_bar(
                base=[_as_time(run.start_ms) for run, _ in bars],
                x=[run.end_ms - run.start_ms for run, _ in bars],
                y=[lane for _, lane in bars],
                orientation="h",
                name=outcome,
                marker={"color": colour, "line": {"width": 1, "color": "white"}},
                hovertext=[f"{run.name}<br>{run.wall_s:.0f} s" for run, _ in bars],
                hoverinfo="text",
            )
    axis = {"type": "date", "title": "time (UTC)"}
    figure.update_layout(barmode="overlay", showlegend=True, xaxis=axis, yaxis_title="slot")
    return figure.update_yaxes(autorange="reversed")


def _as_time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def as_spec(figure: go.Figure) -> dict[str, Any]:
    """Return a figure as JSON values; NaN and infinity become null."""
    figure.update_layout(title=None, template="none", margin={"t": 30, "r": 20, "b": 60, "l": 70})
    spec: dict[str, Any] = json.loads(figure.to_json(), parse_constant=lambda _: None)
    return spec
