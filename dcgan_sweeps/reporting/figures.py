"""The figures of a report: Optuna's plots where they fit, and two of our own.

    figures = draw_figures(board, all_media)
    figures[0].title, figures[0].spec   # for Plotly in the page

Colours are those of Okabe and Ito, which the colour-blind can tell apart, or scales of one hue.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import optuna
import plotly.graph_objects as go
from optuna import visualization

from dcgan_sweeps.reporting.leaderboard import Board, Row
from dcgan_sweeps.reporting.media import Media
from dcgan_sweeps.reporting.study import as_study
from dcgan_sweeps.runs.logged_run import SCORE, LoggedRun
from dcgan_sweeps.sweep.importances import compute_importances

COLOURS = {  # of a run, by its outcome, with the dash of its line
    "complete": ("#0072B2", "solid"),
    "pruned": ("#E69F00", "dot"),
    "diverged": ("#D55E00", "dash"),
    "failed": ("#CC79A7", "dash"),
    "interrupted": ("#999999", "dash"),
    "unended": ("#56B4E9", "dash"),
}
MOST = {"parallel": 6, "slices": 4, "contour": 2}  # parameters, the most important ones
LATEST_MS = 253_402_300_799_000  # the end of the year 9999, the last that a date can have
LOWER = f"{SCORE} (lower is better)"


@dataclass(frozen=True)
class Plot:
    """A figure as Plotly reads it, with its title and what it says, in words."""

    name: str
    title: str
    caption: str
    spec: dict[str, Any]


def draw_figures(board: Board, all_media: Mapping[str, Media]) -> tuple[list[Plot], list[str]]:
    """Return the figures of a board, and its parameters, the most important first; `all_media` are
    by run id."""
    study = as_study(board.rows, board.varied)
    importances = compute_importances(study, seed=0)
    known = {key for trial in study.trials for key in trial.params}
    params = [*importances, *(key for key in board.varied if key in known - importances.keys())]
    figures = [*draw_study(study, params, importances)]
    if all_media:
        figures.insert(
            1,
            draw_epochs(
                [all_media[row.run.run_id] for row in board.rows if row.run.run_id in all_media]
            ),
        )
    timeline = draw_timeline(board.rows)
    return [*figures, *([timeline] if timeline else [])], params


def draw_study(
    study: optuna.Study, params: Sequence[str], importances: Mapping[str, float]
) -> Iterator[Plot]:
    """Yield Optuna's plots of a study, those for which it has enough trials and parameters."""
    complete = sum(trial.state == optuna.trial.TrialState.COMPLETE for trial in study.trials)
    if complete > 1:
        yield _as_figure(
            "history",
            "Score, trial by trial",
            "Each point is a complete trial, in the order they started; the line is the best yet.",
            visualization.plot_optimization_history(study, target_name=LOWER),
        )
    if importances:
        bars = go.Figure(
            go.Bar(
                x=[*importances.values()][::-1],
                y=[*importances][::-1],
                orientation="h",
                marker_color="#0072B2",
            )
        )
        bars.update_layout(xaxis_title="share of the score's variance", yaxis_title="parameter")
        yield _as_figure(
            "importances",
            "What the score depends on",
            "Share of the variance of the score that each parameter explains (fANOVA over the"
            " complete trials): with few trials a rough guess.",
            bars,
        )
    if complete < 2 or not params:
        return
    if len(params) > 1:
        yield _as_figure(
            "parallel",
            "Parameters side by side",
            "Each line is a complete trial; dark ones have low scores. Drag along an axis to"
            " choose.",
            visualization.plot_parallel_coordinate(
                study, params=[*params[: MOST["parallel"]]], target_name=SCORE
            ),
        )
    yield _as_figure(
        "slices",
        "Score over each parameter",
        "Each point is a complete trial; later ones are darker.",
        visualization.plot_slice(study, params=[*params[: MOST["slices"]]], target_name=LOWER),
    )
    if len(params) > 1:
        yield _as_figure(
            "contour",
            "Score over the two that matter most",
            "Between the points, which are the trials, the score is interpolated.",
            visualization.plot_contour(
                study, params=[*params[: MOST["contour"]]], target_name=SCORE
            ),
        )


def draw_epochs(all_media: Sequence[Media]) -> Plot:
    """Return the score of each run after each epoch, by how the run ended."""
    figure = go.Figure()
    seen: set[str] = set()
    for media in all_media:
        points = media.curves.get(SCORE, {})
        if points:
            outcome = name_outcome(media.run)
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
    last = max((epoch for each in all_media for epoch in each.curves.get(SCORE, {})), default=0)
    ticks = {"dtick": 1} if last <= 20 else {}  # no half epochs
    figure.update_layout(xaxis={"title": "epoch", **ticks}, yaxis_title=LOWER, showlegend=True)
    return _as_figure(
        "epochs",
        "Score, epoch by epoch",
        "Each line is a run, by how it ended: a pruned one stops where the pruner gave it up.",
        figure,
    )


def name_outcome(run: LoggedRun) -> str:
    """Return how a run ended, as the figures have it."""
    return run.outcome if run.outcome in COLOURS else "unended"


@dataclass(frozen=True)
class Lane:
    """The runs that one slot had, one after the other."""

    name: str
    runs: Sequence[LoggedRun]

    @property
    def busy(self) -> float:
        """The share of the time from its first run to its last that the slot was in use."""
        begin, end = self.runs[0].start_ms, max(run.end_ms for run in self.runs)
        return sum(run.end_ms - run.start_ms for run in self.runs) / max(1, end - begin)


def build_lanes(runs: Sequence[LoggedRun]) -> list[Lane]:
    """Return the runs that have ended by their slots; those without one by which of as many lanes
    as were needed was free first."""
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


def draw_timeline(rows: Sequence[Row]) -> Plot | None:
    """Return who ran where and when, None where nothing has ended."""
    lanes = build_lanes([row.run for row in rows])
    if not lanes:
        return None
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
    figure.update_layout(
        barmode="overlay",
        showlegend=True,
        xaxis={"type": "date", "title": "time (UTC)"},
        yaxis_title="slot",
    )
    figure.update_yaxes(autorange="reversed")
    return _as_figure(
        "timeline",
        "Who ran where, and when",
        "Each bar is a run in its slot; the gaps between are idle time. A run that was resumed is"
        " one bar, from its first start on.",
        figure,
    )


def _as_time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def _as_figure(name: str, title: str, caption: str, figure: go.Figure) -> Plot:
    figure.update_layout(title=None, template="none", margin={"t": 30, "r": 20, "b": 60, "l": 70})
    # JSON has neither NaN nor the infinite, which Plotly writes all the same.
    spec = json.loads(figure.to_json(), parse_constant=lambda _: None)
    return Plot(name, title, caption, spec)
