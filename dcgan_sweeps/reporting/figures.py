"""Prepares the figures of a report as plain data, which templates/figure.js draws.

    figures, params = make_figures(board, all_media)
    figures["history"]["panels"][0]["marks"]   # titles and captions: templates/report.html.j2

A figure has panels, each with two axes and marks: dots, lines and bars, at values and not at
pixels. Parallel coordinates have axes and lines. The style of a mark is a class of style.css; its
tooltip is the description of its run.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution

from dcgan_sweeps.metrics import METRICS, SCORE
from dcgan_sweeps.reporting.leaderboard import Board, Row
from dcgan_sweeps.reporting.media import Media
from dcgan_sweeps.reporting.optuna_study import (
    SEED,
    Importances,
    as_trial,
    choose_distribution,
    choose_scored,
    compute_importances,
)
from dcgan_sweeps.runs.logged_run import LoggedRun
from dcgan_sweeps.tracking.folder import STUDY, TRIAL

OUTCOMES = ("complete", "pruned", "diverged", "failed", "interrupted", "unfinished")
MOST = {"parallel": 6, "slices": 4}  # number of the most important parameters
FEWEST_OF_PAIR = 8  # complete trials from which two parameters are shown together
LATEST_MS = 253_402_300_799_000  # the end of the year 9999, the latest datetime
TITLE = f"{SCORE} ({METRICS[SCORE].better} is better)"
Figure = dict[str, Any]
Axis = dict[str, Any]
SCORE_AXIS: Axis = {"label": TITLE, "scale": "linear"}


@dataclass(frozen=True)
class Trials:
    """The runs with a score, in the order of their start, and the range of each parameter."""

    rows: Sequence[Row]
    spaces: Mapping[str, BaseDistribution]
    best: str  # run id; "" if no run is ranked

    @property
    def complete(self) -> list[Row]:
        return [row for row in self.rows if row.run.outcome == "complete"]


def make_figures(
    board: Board, all_media: Mapping[str, Media]
) -> tuple[dict[str, Figure], list[str]]:
    """Return {name: figure} of a board, and its parameters by importance.

    `all_media` is {run id: media}.
    """
    trials = read_trials(board)
    importances = compute_importances(
        [as_trial(row, trials.spaces, read_scores(row, all_media)) for row in trials.rows]
    )
    ranked = [*importances.shares]
    params = [*ranked, *(key for key in trials.spaces if key not in ranked)]
    shown = [all_media[row.run.run_id] for row in board.runs if row.run.run_id in all_media]
    lanes = build_lanes([row.run for row in board.runs])
    found = {
        "history": make_history(trials),
        "epochs": make_epochs(shown, trials.best),
        "importances": make_importances(importances),
        "parallel": make_parallel(trials, params[: MOST["parallel"]]),
        "slices": make_slices(trials, params[: MOST["slices"]]),
        "pair": make_pair(trials, ranked[:2]),
        "timeline": make_timeline(lanes),
    }
    return {name: figure for name, figure in found.items() if figure}, params


def read_trials(board: Board) -> Trials:
    """Return the trials of a board, with the parameters of which at least two values are known."""
    rows = choose_scored(board.runs)
    spaces: dict[str, BaseDistribution] = {}
    for key in board.varied:
        space = choose_distribution([row.params.get(key) for row in rows])
        spaces |= {} if space is None else {key: space}
    if len(spaces) > 1:  # each trial of a search has its own seed, which says nothing
        spaces.pop(SEED, None)
    return Trials(rows, spaces, board.rows[0].run.run_id if board.has_ranks else "")


def read_scores(row: Row, all_media: Mapping[str, Media]) -> Mapping[int, float]:
    """Return {epoch: score} of a run; only the last one if its media were not read."""
    run = row.run
    if run.run_id in all_media:
        return all_media[run.run_id].curves.get(SCORE, {})
    asked = run.params.get("train.epochs", "") if run.outcome == "complete" else ""
    epoch = int(asked) if asked.isdecimal() and len(asked) < 10 else run.scored_epoch
    return {} if epoch is None or row.score is None else {epoch: row.score}


def make_axis(key: str, space: BaseDistribution) -> Axis:
    """Return the axis of a parameter; that of a learning rate is logarithmic."""
    if isinstance(space, CategoricalDistribution):
        return {"label": key, "scale": "category", "values": [*space.choices]}
    low = getattr(space, "low", 0)
    is_rate = key.rpartition(".")[2].startswith("lr")
    is_log = getattr(space, "log", False) or (is_rate and low > 0)
    return {"label": key, "scale": "log" if is_log else "linear"}


def read_value(row: Row, key: str, space: BaseDistribution) -> float | str | None:
    """Return a parameter of a run as a place on its axis, None if the run does not have it."""
    text = row.params.get(key)
    return text if text is None or isinstance(space, CategoricalDistribution) else float(text)


def name_outcome(run: LoggedRun) -> str:
    """Return the outcome of a run as one of OUTCOMES."""
    return run.outcome if run.outcome in OUTCOMES else "unfinished"


def make_legend(styles: Iterable[str]) -> list[tuple[str, str]]:
    """Return the legend of these styles, which are outcomes or "best"."""
    found = {each for style in styles for each in style.split()}
    return [(style, style) for style in ("best", *OUTCOMES) if style in found]


def make_dot(row: Row, best: str, x: float | str, y: float | str | None) -> dict[str, Any]:
    """Return the dot of a run; that of the best run is highlighted."""
    style = name_outcome(row.run) + (" best" if row.run.run_id == best else "")
    return {"kind": "dot", "x": [x], "y": [y], "style": style, "run": row.run.run_id}


def arrange(dots: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the dots with the complete runs over the others, and the best over all."""
    return sorted(dots, key=lambda dot: ("complete" in dot["style"], "best" in dot["style"]))


def make_history(trials: Trials) -> Figure | None:
    """Return each trial's score in the order of their start, and the best score so far."""
    if len(trials.complete) < 2:
        return None
    numbers = number_trials(trials.rows)
    places = dict(zip((row.run.run_id for row in trials.rows), numbers, strict=True))
    dots = [make_dot(row, trials.best, places[row.run.run_id], row.score) for row in trials.rows]
    scored = [
        (places[row.run.run_id], row.score) for row in trials.complete if row.score is not None
    ]
    line = find_best_so_far(sorted(scored))
    so_far = {"kind": "line", "style": "so-far", "x": [x for x, _ in line]}
    so_far |= {"y": [y for _, y in line], "title": "best so far"}
    is_study = len({row.run.tags.get(STUDY) for row in trials.rows}) == 1
    label = "trial" if is_study and TRIAL in trials.rows[0].run.tags else "run"
    panel = {"x": {"label": label, "scale": "whole"}, "y": SCORE_AXIS}
    legend = [*make_legend(dot["style"] for dot in dots), ("so-far", "best so far")]
    return {"panels": [panel | {"marks": [so_far, *arrange(dots)]}], "legend": legend}


def find_best_so_far(points: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """Return the corners of a line that steps down at each new lowest score."""
    corners = [points[0]]
    for place, score in points[1:]:
        lowest = corners[-1][1]
        corners += [(place, lowest)] + ([(place, score)] if score < lowest else [])
    return corners


def number_trials(rows: Sequence[Row]) -> list[int]:
    """Return the number of each trial of one study, else places in the order of start from 1."""
    numbers = [row.run.tags.get(TRIAL, "") for row in rows]
    is_study = len({row.run.tags.get(STUDY) for row in rows}) == 1
    if is_study and all(number.isdecimal() for number in numbers):
        return [*map(int, numbers)]
    return [*range(1, len(rows) + 1)]


def make_epochs(all_media: Sequence[Media], best: str) -> Figure | None:
    """Return each run's score after each epoch, by outcome."""
    marks: list[dict[str, Any]] = []
    for media in all_media:
        points = media.curves.get(SCORE, {})
        style = "best" if media.run.run_id == best else name_outcome(media.run)
        about = {"style": style, "run": media.run.run_id}
        if len(points) > 1:
            marks.append({"kind": "line", "x": [*points], "y": [*points.values()], **about})
        marks += [
            {"kind": "dot", "small": True, "x": [x], "y": [y], **about}
            for x, y in ([*points.items()] if len(points) < 30 else [])
        ]
    if not marks:
        return None
    panel = {"x": {"label": "epoch", "scale": "whole"}, "y": SCORE_AXIS}
    legend = make_legend(mark["style"] for mark in marks)
    return {"panels": [panel | {"marks": arrange(marks)}], "legend": legend}


def make_importances(importances: Importances) -> Figure | None:
    """Return a bar for each importance, with the most important parameter on top."""
    shares = importances.shares
    if not shares:
        return None
    marks = [
        {"kind": "bar", "x": [0, share], "y": [key], "style": "complete", "title": f"{share:.0%}"}
        for key, share in shares.items()
    ]
    label = f"importance at epoch {importances.epoch} ({importances.trials} trials)"
    across = {"label": label, "scale": "linear", "zero": True}
    down = {"label": "parameter", "scale": "category", "values": [*shares][::-1]}
    return {"panels": [{"x": across, "y": down, "marks": marks}]}


def make_slices(trials: Trials, params: Sequence[str]) -> Figure | None:
    """Return a panel for each parameter, with the score of each trial over its value."""
    if not params or len(trials.complete) < 2:
        return None
    panels: list[dict[str, Any]] = []
    for key in params:
        space = trials.spaces[key]
        placed = [(row, read_value(row, key, space)) for row in trials.rows]
        dots = [make_dot(row, trials.best, x, row.score) for row, x in placed if x is not None]
        panels.append({"x": make_axis(key, space), "y": SCORE_AXIS, "marks": arrange(dots)})
    legend = make_legend(dot["style"] for panel in panels for dot in panel["marks"])
    return {"panels": panels, "legend": legend}


def make_pair(trials: Trials, params: Sequence[str]) -> Figure | None:
    """Return the complete trials over two parameters, shaded by their place among the scores."""
    if len(params) < 2 or len(trials.complete) < FEWEST_OF_PAIR:
        return None
    spaces = [trials.spaces[key] for key in params]
    dots = []
    for row, shade in shade_trials(trials.complete):
        x, y = (read_value(row, key, space) for key, space in zip(params, spaces, strict=True))
        if x is not None and y is not None:
            dot = make_dot(row, trials.best, x, y)
            dots.append({**dot, "style": f"shaded {dot['style']}", "shade": shade})
    across, down = (make_axis(key, space) for key, space in zip(params, spaces, strict=True))
    return {"panels": [{"x": across, "y": down, "marks": arrange(dots)}]}


def shade_trials(rows: Sequence[Row]) -> list[tuple[Row, float]]:
    """Return the rows from the highest to the lowest score, each with its shade from 1 to 0."""
    ordered = sorted(rows, key=lambda row: -(row.score or 0))
    last = max(1, len(ordered) - 1)
    return [(row, 1 - place / last) for place, row in enumerate(ordered)]


def make_parallel(trials: Trials, params: Sequence[str]) -> Figure | None:
    """Return the complete trials as lines over the parameters that all have, shaded by score."""
    rows = trials.complete
    shared = [key for key in params if all(key in row.params for row in rows)]
    if len(shared) < 2 or len(rows) < 2:
        return None
    lines = [
        {
            "values": [row.score, *(read_value(row, key, trials.spaces[key]) for key in shared)],
            "shade": shade,
            "best": row.run.run_id == trials.best,
            "run": row.run.run_id,
        }
        for row, shade in shade_trials(rows)
    ]
    axes = [{"label": METRICS[SCORE].short, "scale": "linear"}]
    return {
        "axes": [*axes, *(make_axis(key, trials.spaces[key]) for key in shared)],
        "lines": lines,
    }


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


def make_timeline(lanes: Sequence[Lane]) -> Figure | None:
    """Return a timeline with a bar for each run, in the lane of its slot."""
    if not lanes:
        return None
    names = [f"{lane.name}, {lane.busy:.0%} busy" for lane in lanes]
    marks: list[dict[str, Any]] = [
        {
            "kind": "bar",
            "x": [run.start_ms, run.end_ms],
            "y": [name],
            "style": name_outcome(run),
            "run": run.run_id,
        }
        for lane, name in zip(lanes, names, strict=True)
        for run in lane.runs
    ]
    across = {"label": "time (UTC)", "scale": "time"}
    down = {"label": "slot", "scale": "category", "values": names[::-1]}
    legend = make_legend(mark["style"] for mark in marks)
    return {"panels": [{"x": across, "y": down, "marks": marks}], "legend": legend}
