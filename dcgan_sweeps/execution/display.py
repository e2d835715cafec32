"""Shows the progress of a run: live in a terminal, and one line for each epoch everywhere.

with RunDisplay(console, report, steps=250, epochs=10, plan={"scoring": range(1, 11)}) as display:
    with display.stage("training"):
        display.show_steps(epoch=1, step=5, metrics={"train/images_per_s": 7000.0})
    with display.stage("scoring"):
        for batch in display.track(batches): ...
    display.print_epoch(1, {"score/fcd": 167.5})
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dcgan_sweeps.execution.live_progress import LiveProgress, Report
from dcgan_sweeps.metrics import METRICS, SCORE, format_metrics
from dcgan_sweeps.terminal import format_clock

T = TypeVar("T")
SPEED = "train/images_per_s"
REDRAWS_PER_S = 4
BAR_WIDTH = 20
# Stages of an epoch.
TRAINING = "training"
PICTURES, SCORING = "drawing samples", "scoring"
EXTRA_METRICS, CHECKPOINT = "extra metrics", "saving a checkpoint"


class Estimate:
    """Estimates the time left of a run from the time that its steps and stages took so far.

    `plan` is {name of a stage: epochs that end with it}.
    """

    def __init__(self, steps: int, plan: Mapping[str, Collection[int]]):
        self.steps = steps
        self.planned = {name: set(epochs) for name, epochs in plan.items()}
        self.trained, self.trained_s = 0, 0.0
        self.stages_s: dict[str, list[float]] = {name: [] for name in plan}

    def skip(self, epoch: int) -> None:
        """Leave out the stages of the epochs up to this one, which are done."""
        self.planned = {
            name: {each for each in epochs if each > epoch} for name, epochs in self.planned.items()
        }

    def add_steps(self, steps: int, wall_s: float) -> None:
        """Count optimizer steps, and the time that they took."""
        self.trained += steps
        self.trained_s += wall_s

    def add_stage(self, name: str, epoch: int, wall_s: float) -> None:
        """Count a stage that was done after an epoch, and the time that it took."""
        if name in self.planned:
            self.planned[name].discard(epoch)
            self.stages_s[name].append(wall_s)

    def compute_left_s(self, step: int, name: str = "", spent_s: float = 0.0) -> float | None:
        """Return the time left after a step, `spent_s` into a stage; None before the first step."""
        if self.trained == 0:
            return None
        left_s = (self.steps - step) * self.trained_s / self.trained
        for each, epochs in self.planned.items():
            took_s = self.stages_s[each]
            if epochs and took_s:
                mean_s = sum(took_s) / len(took_s)
                left_s += mean_s * len(epochs) - (min(spent_s, mean_s) if each == name else 0.0)
        return left_s


class RunDisplay:
    """The live display of a run; use it as a context manager.

    It names what the run is doing, and its clock always runs. It is not shown outside a terminal,
    but `report` gets the progress everywhere.
    """

    def __init__(
        self,
        console: Console,
        report: Report,
        steps: int,
        epochs: int,
        plan: Mapping[str, Collection[int]],
    ):
        self.console = console
        self.report = report
        self.steps, self.epochs = steps, epochs
        self.estimate = Estimate(steps, plan)
        self.epoch, self.step = 0, 0
        self.doing, self.count = "starting", ""
        self.last_score = ""
        self.images_per_s: float | None = None
        self.begin_s = self.mark_s = time.monotonic()
        self.live = Live(
            console=console,
            transient=True,
            refresh_per_second=REDRAWS_PER_S,
            get_renderable=self.draw,
        )

    def __enter__(self) -> RunDisplay:
        if self.console.is_terminal:
            self.live.start()
        self._report()
        return self

    def __exit__(self, *error: object) -> None:
        self.live.stop()

    def resume(self, step: int, epoch: int) -> None:
        """Start at a step, after the epochs of an earlier part of the run."""
        self.step, self.epoch = step, epoch
        self.estimate.skip(epoch)

    def show_steps(self, epoch: int, step: int, metrics: Mapping[str, float]) -> None:
        """Show that training has reached a step, with the metrics of the last steps."""
        now_s = time.monotonic()
        self.estimate.add_steps(step - self.step, now_s - self.mark_s)
        self.mark_s = now_s
        self.epoch, self.step = epoch, step
        self.images_per_s = metrics[SPEED]
        self.count = _show_training(metrics)
        self._report()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Name what the run is doing, and measure its time."""
        self.doing, self.count = name, ""
        self.mark_s = time.monotonic()
        self._report()
        try:
            yield
        finally:
            now_s = time.monotonic()
            self.estimate.add_stage(name, self.epoch, now_s - self.mark_s)
            self.doing, self.count = "", ""

    def track(self, items: Sequence[T]) -> Iterator[T]:
        """Yield the items of the current stage, and show how many are done."""
        for number, item in enumerate(items):
            self.count = f"{number}/{len(items)} batches"
            self._report()
            yield item

    def print_epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Print the line of a finished epoch, and keep showing its score."""
        if SCORE in metrics:
            self.last_score = f"{METRICS[SCORE].short} {metrics[SCORE]:.1f}"
        self.console.print(
            f"epoch {epoch:>2}/{self.epochs}  {format_metrics(metrics)}", soft_wrap=True
        )

    def draw(self) -> RenderableType:
        """Return the display: a bar over all steps, and below it what the run is doing."""
        left_s = self._compute_left_s()
        bar = Table.grid(padding=(0, 1))
        bar.add_row(
            f"epoch {self.epoch}/{self.epochs}",
            ProgressBar(self.steps, self.step, width=BAR_WIDTH),
            f"{self.step}/{self.steps}",
            format_clock(time.monotonic() - self.begin_s),
            "" if left_s is None or left_s < 1 else f"left {format_clock(left_s)}",
            self.last_score,
        )
        doing = f"{self.doing} {self.count}".strip()
        return Group(bar, Text(doing, no_wrap=True, overflow="ellipsis"))

    def _compute_left_s(self) -> float | None:
        spent_s = time.monotonic() - self.mark_s
        return self.estimate.compute_left_s(self.step, self.doing, spent_s)

    def _report(self) -> None:
        counted = f"{self.doing} {self.count.removesuffix(' batches')}".strip()
        doing = self.doing if self.doing == TRAINING else counted
        left_s = self._compute_left_s()
        self.report(LiveProgress(self.epoch, self.step, doing, self.images_per_s, left_s))


def _show_training(metrics: Mapping[str, float]) -> str:
    """Return the speed and the other metrics of some steps, for a line of 80 characters."""
    others = {name: value for name, value in metrics.items() if name != SPEED}
    return f"{METRICS[SPEED].show(metrics[SPEED])} images/s  {format_metrics(others)}"
