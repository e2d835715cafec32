"""Shows a running study: a live table in a terminal, or plain lines elsewhere.

view = StudyView(console, request, folder, study, n_jobs)
with view.shown():
    view.start(3, ["optimizer.lr=0.0002"], config)
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import optuna
from optuna.trial import FrozenTrial, TrialState
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from dcgan_sweeps.config.schema import Config
from dcgan_sweeps.execution.display import SPEED, TRAINING
from dcgan_sweeps.execution.live_progress import LiveProgress, read_live_progress
from dcgan_sweeps.metrics import METRICS
from dcgan_sweeps.sweep.folder import StudyFolder
from dcgan_sweeps.sweep.progress import Progress, read_progress
from dcgan_sweeps.sweep.request import StudyRequest
from dcgan_sweeps.sweep.result import SCORE, TrialResult
from dcgan_sweeps.sweep.space import shorten
from dcgan_sweeps.terminal import format_clock, format_duration, make_say
from dcgan_sweeps.tracking.outcome import Outcome

REDRAW_S = 1.0
COLUMNS = ("trial", "epoch", "step", "images/s", "fcd", "elapsed", "left", "overrides")
STOP_MESSAGES = {
    "interrupted": "interrupted",
    "time limit": "the time limit is reached",
    "target": "the target score is met",
    "failures": "too many trials in a row failed",
}


@dataclass(frozen=True)
class Start:
    """The start of a trial by this process: when it was, and the share that was done before."""

    begin_s: float  # of time.monotonic()
    written_s: float  # of time.time(), as the times of files
    share: float

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self.begin_s

    def say_time(self) -> str:
        """Return the time in words, without that before a trial was resumed."""
        took = format_duration(self.elapsed_s)
        return f" {took} after it was resumed" if self.share else f" after {took}"


@dataclass(frozen=True)
class Row:
    """A running trial: its history, and what it is doing now, None while it is starting."""

    start: Start
    history: Progress
    now: LiveProgress | None

    @property
    def left_s(self) -> float | None:
        return None if self.now is None else self.now.left_s


class StudyView:
    """Shows a running study; every trial that ends leaves one line."""

    def __init__(
        self,
        console: Console,
        request: StudyRequest,
        folder: StudyFolder,
        study: optuna.Study,
        n_jobs: int | None,
    ):
        self.say = make_say(console)
        self.request = request
        self.folder = folder
        self.study = study
        self.n_jobs = n_jobs
        self.configs: dict[int, Config] = {}  # of the trials that were started
        self.started: dict[int, Start] = {}
        self.durations_s: list[float] = []  # of trials that ran from start to end in this start
        self.scored: dict[int, int] = {}  # the last scored epoch that was printed
        self.drawn_s = 0.0
        self.live = (
            Live(console=console, transient=True, auto_refresh=False)
            if console.is_terminal and request.launcher != "basic"
            else None
        )

    def shown(self) -> AbstractContextManager[object]:
        """Return the context in which the live table is shown; without a terminal it is empty."""
        return nullcontext() if self.live is None else self.live

    def start(self, number: int, varied: Sequence[str], config: Config) -> None:
        """Print that a trial has started or resumed."""
        progress = self._note_start(number, config)
        begun = f"resumed from epoch {progress.epoch}" if progress.share else "started"
        self.say(f"trial {number:>3} {begun}: {shorten(varied)}")

    def adopt(self, number: int, varied: Sequence[str], config: Config) -> None:
        """Print that a trial of an earlier controller is still running."""
        self._note_start(number, config)
        self.say(f"trial {number:>3} is still running: {shorten(varied)}")

    def _note_start(self, number: int, config: Config) -> Progress:
        self.configs[number] = config
        progress = self._read(number)
        self.started[number] = Start(time.monotonic(), time.time(), progress.share)
        self.drawn_s = 0.0
        self.scored[number] = progress.scored
        return progress

    def end(self, number: int, result: TrialResult) -> None:
        """Print the result of a trial."""
        start = self.started.pop(number, None)
        self.drawn_s = 0.0
        if start is not None and start.share == 0 and result.outcome == Outcome.COMPLETE:
            self.durations_s.append(start.elapsed_s)
        # The reason of a pruned trial has its score.
        is_said = result.outcome == Outcome.PRUNED or SCORE not in result.scores
        score = "" if is_said else f", {SCORE} {result.scores[SCORE]:.2f}"
        reason = f": {result.reason}" if result.reason else ""
        took = "" if start is None else start.say_time()
        self.say(f"trial {number:>3} {result.outcome}{took}{score}{reason}")

    def retry(self, number: int, result: TrialResult) -> None:
        """Print that a trial failed and will be retried."""
        self.started.pop(number, None)
        self.say(f"trial {number:>3} failed, will be retried: {result.reason}")

    def preempt(self, number: int, reason: str) -> None:
        """Print that the cluster stopped a trial, which will continue."""
        self.started.pop(number, None)
        self.say(f"trial {number:>3} stopped, will continue: {reason}")

    def stop(self, stop_reason: str, running: int) -> None:
        """Print why the study stops, and how many running trials it waits for."""
        count = f"{running} running trial{'' if running == 1 else 's'}"
        rest = f"; {count} will stop after the current epoch" if running else ""
        again = ". Press Ctrl-C again to stop at once" if stop_reason == "interrupted" else ""
        self.say(f"{STOP_MESSAGES[stop_reason]}{rest}{again if running else ''}")

    def refresh(self, running: Iterable[int]) -> None:
        """Update the live table, or print new scores, at most once in REDRAW_S."""
        now_s = time.monotonic()
        if now_s - self.drawn_s < REDRAW_S:
            return
        self.drawn_s = now_s
        rows = {number: self._read_row(number) for number in sorted(running)}
        if self.live is not None:
            trials = self.study.get_trials(deepcopy=False)
            body = Group(self._make_table(rows, trials), *map(Text, self._sum_up(rows, trials)))
            self.live.update(body, refresh=True)
            return
        for number, row in rows.items():
            if row.history.scored > self.scored.get(number, 0):
                self.scored[number] = row.history.scored
                left = "" if row.left_s is None else f", {format_duration(row.left_s)} left"
                self.say(
                    f"trial {number:>3} epoch {row.history.scored}/{self._count_epochs(number)}:"
                    f" {SCORE} {row.history.score:.2f}{left}"
                )

    def _read_row(self, number: int) -> Row:
        start = self.started[number]
        now = read_live_progress(self.folder.find_trial(number), start.written_s)
        return Row(start, self._read(number), now)

    def _read(self, number: int) -> Progress:
        return read_progress(self.folder.find_trial(number), self.configs[number])

    def _count_epochs(self, number: int) -> int:
        return self.configs[number].train.epochs

    def _make_table(self, rows: Mapping[int, Row], trials: Sequence[FrozenTrial]) -> Table:
        table = Table(box=None, pad_edge=False)
        for name in COLUMNS[:-1]:
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column(COLUMNS[-1])  # the only one that is cut in a narrow terminal
        for number, row in rows.items():
            varied = shorten(trials[number].user_attrs.get("varied", []))
            overrides = Text(varied, no_wrap=True, overflow="ellipsis")
            table.add_row(str(number), *self._show(number, row), overrides)
        return table

    def _show(self, number: int, row: Row) -> tuple[str, ...]:
        """Return the cells of a running trial between its number and its overrides."""
        config, history, now = self.configs[number], row.history, row.now
        step, doing, speed = history.step, "starting", None
        if now is not None:
            step, doing, speed = now.step, now.doing, now.images_per_s
        return (
            f"{now.epoch if now is not None else history.epoch}/{config.train.epochs}",
            f"{step}/{history.steps}" if doing == TRAINING else doing,
            "" if speed is None else METRICS[SPEED].show(speed),
            "" if history.score is None else METRICS[SCORE].show(history.score),
            format_clock(row.start.elapsed_s),
            "" if row.left_s is None or row.left_s < 1 else format_clock(row.left_s),
        )

    def _sum_up(self, rows: Mapping[int, Row], trials: Sequence[FrozenTrial]) -> list[str]:
        """Return the lines with the counts and the time left, and the best trial so far."""
        counts = count_states(trials)
        parts = [f"{sum(counts.values())}/{self.request.total} trials"]
        parts += [f"{count} {name}" for name, count in counts.items() if count]
        left_s = self._estimate_left_s(rows, sum(counts.values()))
        if left_s:
            parts.append(f"about {format_duration(left_s)} left")
        complete = [each for each in trials if each.state == TrialState.COMPLETE]
        if not complete:
            return [", ".join(parts)]
        best = min(complete, key=lambda each: each.value or 0.0)
        varied = shorten(best.user_attrs.get("varied", []))
        return [", ".join(parts), f"best {best.value:.2f}, trial {best.number}: {varied}"]

    def _estimate_left_s(self, rows: Mapping[int, Row], told: int) -> float | None:
        """Return the time left if no trial is pruned, from the trials so far; None before."""
        known = [(row, row.left_s) for row in rows.values() if row.left_s is not None]
        expected_s = [row.start.elapsed_s + left_s for row, left_s in known if not row.start.share]
        whole_s = self.durations_s or expected_s
        if not whole_s:
            return None
        each_s = sum(whole_s) / len(whole_s)
        waiting = self.request.total - told - len(rows)
        # Of a running trial that does not know it yet, the whole time is expected.
        running_s = [each_s if row.left_s is None else row.left_s for row in rows.values()]
        at_a_time = self.n_jobs or max(len(rows), 1)
        return max([(sum(running_s) + waiting * each_s) / at_a_time, *running_s])


def count_states(trials: Sequence[FrozenTrial]) -> dict[str, int]:
    """Return {state: number of trials} for complete, pruned and failed trials."""
    states = {
        "complete": TrialState.COMPLETE,
        "pruned": TrialState.PRUNED,
        "failed": TrialState.FAIL,
    }
    return {name: sum(each.state == state for each in trials) for name, state in states.items()}
