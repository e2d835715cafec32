"""What a person sees while a run goes on: tables, a live bar, one permanent line an epoch.

Where standard output is no terminal, the bar is left out and the lines are plain.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import IO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

PLAIN_WIDTH = 160
UNFOLDED = 10_000  # characters of a line that is for other programs
LONGEST_CELL = 80  # characters of a value in a table
# What a terminal or a browser obeys and does not show: control characters, line separators, and
# signs that turn the direction of a text, hide in it, or cannot be written at all.
OBEYED = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    r"\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
FORMULA = tuple("=+-@\t\r")  # with which a spreadsheet's formula begins


def make_console(file: IO[str] | None = None) -> Console:
    """Return the console of a file, or standard output; lines are folded in a terminal alone."""
    console = Console(file=file, highlight=False)
    if console.is_terminal:
        return console
    return Console(file=file, highlight=False, width=PLAIN_WIDTH)


def make_layer_table(
    title: str, rows: Sequence[tuple[str, tuple[int, ...], int]], totals: tuple[int, int]
) -> Table:
    """Return a network as a table of (layer, output shape, parameters), with its two totals:
    trainable and not."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, show_footer=True)
    trainable, fixed = totals
    table.add_column("layer", footer="total")
    table.add_column("output", footer=f"{trainable:,} trainable, {fixed:,} not")
    table.add_column("parameters", justify="right", footer=f"{trainable + fixed:,}")
    for layer, shape, parameters in rows:
        table.add_row(layer, " x ".join(map(str, shape)), f"{parameters:,}")
    return table


def make_say(console: Console) -> Callable[[str], None]:
    """Return what prints a line, however long; control characters are shown, not obeyed."""
    return lambda line: console.print(show_controls(line), markup=False, soft_wrap=True)


def show_controls(text: str) -> str:
    """Return text whose control characters, but newline and tab, are spelt out as \\x1b is.

    So are those that turn the direction of a text, as \\u202e.
    """
    return OBEYED.sub(lambda match: _spell(ord(match[0])), text)


def show_line(text: str) -> str:
    """Return text with its control characters spelt out, newline and tab too: it is one line."""
    return show_controls(text).replace("\n", "\\n").replace("\t", "\\t")


def _spell(code: int) -> str:
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def as_cell(value: object) -> object:
    """Return a value as a cell of CSV: no control characters, and no formula.

    Spreadsheets compute text that begins with one of FORMULA; a ' before it makes them show it.
    """
    if not isinstance(value, str):
        return value
    is_formula = value.startswith(FORMULA) and NUMBER.fullmatch(value) is None
    return f"'{show_line(value)}" if is_formula else show_line(value)


def make_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Return rows of text under their headings, all columns but the first to the right.

    The text is shown as it is: no markup, and control characters spelt out.
    """
    table = Table(box=None, pad_edge=False)
    for index, name in enumerate(columns):
        table.add_column(Text(show_line(name)), justify="right" if index else "left")
    for row in rows:
        table.add_row(*(Text(show_line(cell)) for cell in row))
    return table


def print_table(console: Console, table: Table) -> None:
    """Print a table; where there is no terminal, in lines as long as they are."""
    wide = Console(file=console.file, width=UNFOLDED, highlight=False)
    (console if console.is_terminal else wide).print(table)


def render_plain(table: Table) -> str:
    """Return a table as plain text."""
    console = Console(file=io.StringIO(), width=PLAIN_WIDTH, color_system=None)
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


def print_facts(console: Console, facts: Mapping[str, str]) -> None:
    """Print name and value, one pair a line, the values aligned."""
    width = max(map(len, facts))
    for name, value in facts.items():
        line = f"{name:<{width}}  {show_line(value)}"
        console.print(line, markup=False, soft_wrap=True)


class TrainingBar:
    """The live bar over all optimizer steps of a run; a context manager."""

    def __init__(self, console: Console, steps: int, epochs: int):
        self.console = console
        self.epochs = epochs
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[metrics]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self.task = self.progress.add_task("starting", total=steps, metrics="")
        self.last_score = ""

    def __enter__(self) -> TrainingBar:
        self.progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.progress.stop()

    def go_on(self, step: int) -> None:
        """Start at `step`: an earlier part of the run did the steps before."""
        # The steps before do not count in the speed, from which the time left is told.
        self.progress.reset(self.task, completed=step)

    def show_steps(self, epoch: int, step: int, metrics: Mapping[str, float]) -> None:
        """Move the bar to `step`, with the metrics of the last steps."""
        self.progress.update(
            self.task,
            completed=step,
            description=f"epoch {epoch}/{self.epochs}",
            metrics=format_metrics(metrics) + self.last_score,
        )

    def print_epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Print the permanent line of an epoch; its score stays on the bar."""
        if "score/fcd" in metrics:
            self.last_score = f"  fcd {metrics['score/fcd']:.1f}"
        self.console.print(
            f"epoch {epoch:>2}/{self.epochs}  {format_metrics(metrics)}", soft_wrap=True
        )


class LiveCount:
    """A live count of what is being read, on standard error; a context manager.

    How many there will be is not known before: a store does not tell.
    """

    def __init__(self, what: str):
        self.progress = Progress(
            TextColumn("{task.completed:,} {task.description}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self.progress.disable = not self.progress.console.is_terminal
        self.task = self.progress.add_task(what, total=None)

    def __enter__(self) -> LiveCount:
        self.progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.progress.stop()

    def show(self, count: int) -> None:
        """Show that so many have been read."""
        self.progress.update(self.task, completed=count)


SHORT_NAMES = {
    "loss/discriminator": ("D loss", ".3f"),
    "loss/generator": ("G loss", ".3f"),
    "discriminator/real": ("D(real)", ".2f"),
    "discriminator/fake": ("D(fake)", ".2f"),
    "train/images_per_s": ("images/s", ".0f"),
    "score/fcd": ("fcd", ".2f"),
    "score/fcd_test": ("fcd_test", ".2f"),
    "score/fcd_share": ("share", ".1%"),
}
# Metric, digits, and what it says.
EXTRA_METRICS = {
    "score/kid": (".3f", "kernel distance"),
    "score/precision": (".3f", "share of the images that look real"),
    "score/recall": (".3f", "share of real images that could be drawn"),
    "score/density": (".3f", "how many real neighbourhoods an image lies in, 1 as real ones"),
    "score/coverage": (".3f", "share of real neighbourhoods with an image"),
    "score/class_js_bits": (".3f", "distance of the class histograms, 0 to 1"),
    "score/dropped_classes": (".0f", "classes with under 2 % of the images"),
    "score/nearest_train": (".2f", "median distance to the nearest training image"),
    "score/diversity": (".2f", "mean distance of two images"),
}


def make_extra_metrics_table(metrics: Mapping[str, float]) -> Table:
    """Return the extra metrics of a score beside those of real images, with what each says."""
    table = Table(box=None, pad_edge=False)
    table.add_column("extra metric")
    for name in ("generated", "real"):
        table.add_column(name, justify="right")
    table.add_column("")
    error = metrics.get("score/fcd_error")
    for key, (digits, purpose) in EXTRA_METRICS.items():
        if key in metrics:
            real = metrics.get(f"{key}_real")
            shown = "" if real is None else f"{real:{digits}}"
            table.add_row(key, f"{metrics[key]:{digits}}", shown, purpose)
    if error is not None:
        table.add_row(
            "score/fcd_error", f"{error:.2f}", "", "standard error of fcd, for the latents"
        )
    if "score/fcd_extrapolated" in metrics:
        value = f"{metrics['score/fcd_extrapolated']:.2f}"
        table.add_row("score/fcd_extrapolated", value, "", "fcd of endless images")
    return table


def format_metrics(metrics: Mapping[str, float]) -> str:
    """Return metrics in one line, under short names, in a fixed order."""
    shown = [
        f"{name} {metrics[key]:{digits}}"
        for key, (name, digits) in SHORT_NAMES.items()
        if key in metrics
    ]
    return "  ".join(shown)


def show_score(name: str, value: float) -> str:
    """Return a score under its metric name: "score/fcd 167.50"."""
    return f"{name} {value:{SHORT_NAMES[name][1]}}"


def shorten_keys(keys: Sequence[str], *, taken: Iterable[str] = ()) -> dict[str, str]:
    """Return {key: its last word}, or the whole key where that word is `taken`, or two end so."""
    leaves = [key.rpartition(".")[2] for key in keys]
    counts = Counter([*leaves, *taken])
    return {key: leaf if counts[leaf] == 1 else key for key, leaf in zip(keys, leaves, strict=True)}


def shorten_value(text: str) -> str:
    """Return a number with four digits, other text as it is, cut where it is long."""
    if NUMBER.fullmatch(text) and ("." in text or "e-" in text):
        return f"{float(text):.4g}"
    return text if len(text) <= LONGEST_CELL else f"{text[: LONGEST_CELL - 3]}..."


def format_duration(seconds: float) -> str:
    """Return seconds as people say them: "48 s", "12 min 5 s", "3 h 7 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
