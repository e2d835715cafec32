"""Shows a running study: a live table in a terminal, or plain lines elsewhere.

view = StudyView(console, request, folder, study, n_jobs)
with view.shown():
    view.start(3, ["optimizer.lr=0.0002"], config)
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext

import optuna
from optuna.trial import FrozenTrial, TrialState
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from dcgan_sweeps.config import Config
from dcgan_sweeps.sweep.folder import StudyFolder
from dcgan_sweeps.sweep.progress import Progress, read_progress
from dcgan_sweeps.sweep.request import StudyRequest
from dcgan_sweeps.sweep.result import SCORE, TrialResult
from dcgan_sweeps.sweep.space import shorten
from dcgan_sweeps.terminal import format_duration, make_say
from dcgan_sweeps.tracking.outcome import Outcome

REDRAW_S = 1.0
STOP_MESSAGES = {
    "interrupted": "interrupted",
    "time limit": "the time limit is reached",
    "target": "the target score is met",
    "failures": "too many trials in a row failed",
}


class StudyView:
    """Shows a running study; every trial that ends leaves one line."""

    def __init__(
        self,
        console: Console,
        request: StudyRequest,
        folder: StudyFolder,
        study: optuna.Study,
        n_jobs: int,
    ):
        self.say = make_say(console)
        self.request = request
        self.folder = folder
        self.study = study
        self.n_jobs = n_jobs
        self.configs: dict[int, Config] = {}  # of the trials that were started
        self.started: dict[int, tuple[float, float]] = {}  # time of the start, and share done then
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
        self.configs[number] = config
        progress = self._read(number)
        self.started[number] = (time.monotonic(), progress.share)
        self.scored[number] = progress.scored
        begun = f"resumed from epoch {progress.epoch}" if progress.share else "started"
        self.say(f"trial {number:>3} {begun}: {shorten(varied)}")

    def end(self, number: int, result: TrialResult) -> None:
        """Print the result of a trial."""
        begin_s, share = self.started.pop(number, (time.monotonic(), 1.0))
        wall_s = time.monotonic() - begin_s
        if result.outcome == "complete" and share == 0:
            self.durations_s.append(wall_s)
        # The reason of a pruned trial has its score.
        is_said = result.outcome == Outcome.PRUNED or SCORE not in result.scores
        score = "" if is_said else f", {SCORE} {result.scores[SCORE]:.2f}"
        reason = f": {result.reason}" if result.reason else ""
        took = f" after {format_duration(wall_s)}" if share < 1 else ""
        self.say(f"trial {number:>3} {result.outcome}{took}{score}{reason}")

    def retry(self, number: int, result: TrialResult) -> None:
        """Print that a trial failed and will be retried."""
        self.started.pop(number, None)
        self.say(f"trial {number:>3} failed, will be retried: {result.reason}")

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
        progresses = {number: self._read(number) for number in sorted(running)}
        if self.live is not None:
            trials = self.study.get_trials(deepcopy=False)
            body = Group(self._make_table(progresses, trials), Text(self._count(trials)))
            self.live.update(body, refresh=True)
            return
        for number, progress in progresses.items():
            if progress.scored > self.scored.get(number, 0):
                self.scored[number] = progress.scored
                left = self._tell_left(number, progress)
                self.say(
                    f"trial {number:>3} epoch {progress.scored}/{self._count_epochs(number)}:"
                    f" {SCORE} {progress.score:.2f}, {left} left"
                )

    def _read(self, number: int) -> Progress:
        return read_progress(self.folder.find_trial(number), self.configs[number])

    def _count_epochs(self, number: int) -> int:
        return self.configs[number].train.epochs

    def _make_table(self, progresses: dict[int, Progress], trials: Sequence[FrozenTrial]) -> Table:
        table = Table(box=None, pad_edge=False)
        for name in ("trial", "slot", "epoch", "score/fcd", "left", "overrides"):
            table.add_column(name, justify="left" if name in ("slot", "overrides") else "right")
        for number, progress in progresses.items():
            attributes = trials[number].user_attrs
            table.add_row(
                str(number),
                attributes.get("slot", "").removeprefix("slot "),
                f"{progress.epoch}/{self._count_epochs(number)}",
                "" if progress.score is None else f"{progress.score:.2f}",
                self._tell_left(number, progress),
                shorten(attributes.get("varied", [])),
            )
        return table

    def _tell_left(self, number: int, progress: Progress) -> str:
        begin_s, share = self.started.get(number, (time.monotonic(), 0.0))
        done = progress.share - share
        if done <= 0:
            return "?"
        return format_duration((time.monotonic() - begin_s) * (1 - progress.share) / done)

    def _count(self, trials: Sequence[FrozenTrial]) -> str:
        """Return a line with the counts, the best trial so far, and the time left."""
        counts = count_states(trials)
        told = sum(counts.values())
        complete = [each for each in trials if each.state == TrialState.COMPLETE]
        best = min(complete, key=lambda each: each.value or 0.0, default=None)
        parts = [f"{told}/{self.request.total} trials"]
        parts += [f"{count} {name}" for name, count in counts.items() if count]
        if best is not None:
            parts.append(f"best {best.value:.2f} (trial {best.number})")
        if self.durations_s:
            each_s = sum(self.durations_s) / len(self.durations_s)
            left_s = each_s * (self.request.total - told) / self.n_jobs
            parts.append(f"at most {format_duration(left_s)} left")
        return ", ".join(parts)


def count_states(trials: Sequence[FrozenTrial]) -> dict[str, int]:
    """Return {state: number of trials} for complete, pruned and failed trials."""
    states = {
        "complete": TrialState.COMPLETE,
        "pruned": TrialState.PRUNED,
        "failed": TrialState.FAIL,
    }
    return {name: sum(each.state == state for each in trials) for name, state in states.items()}
