"""What a person sees while a run goes on: tables, a live bar, one permanent line an epoch.

Where standard output is no terminal, the bar is left out and the lines are plain.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import IO, Any, TypeVar

from rich.console import Console, ConsoleRenderable, RenderHook
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

from dcgan_sweeps.metrics import EXTRA_METRICS, METRICS, SCORE, format_metrics
from dcgan_sweeps.secrets import mask_secrets

T = TypeVar("T")
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
    """Return the console of a file, or standard output; lines are folded in a terminal alone.

    It masks passwords in every text that it prints, and spells out control characters.
    """
    stream = file or sys.stdout
    console = Console(file=file, highlight=False, **find_kind(stream))
    if not console.is_terminal:
        console = Console(file=file, highlight=False, width=PLAIN_WIDTH, **find_kind(stream))
    console.push_render_hook(_Masking())
    return console


def find_kind(file: IO[str]) -> dict[str, Any]:
    """Return Rich's options for a file: a live display needs a terminal.

    Rich takes a notebook for one, and what has FORCE_COLOR set.
    """
    return {"force_terminal": file.isatty(), "force_jupyter": False}


class _Masking(RenderHook):
    """Rich hands it all that is about to be printed; the cells of a table are make_table's."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        for each in renderables:
            if isinstance(each, Text):
                each.plain = show_controls(mask_secrets(each.plain))
        return renderables


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
    """Return a printer of lines, however long, whose control characters are shown, not obeyed."""
    # Before the console's own: Rich would leave some of them out without a word.
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


def make_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], left: Collection[str] = ()
) -> Table:
    """Return rows of text under their headings; to the right all columns but those of `left`, or
    but the first.

    No markup is read in the text, passwords are masked and control characters spelt out.
    """
    table = Table(box=None, pad_edge=False)
    for name in columns:
        is_left = name in (left or columns[:1])
        table.add_column(Text(show_line(name)), justify="left" if is_left else "right")
    for row in rows:
        table.add_row(*(Text(show_line(mask_secrets(cell))) for cell in row))
    return table


def print_table(console: Console, table: Table) -> None:
    """Print a table; where there is no terminal, in lines as long as they are."""
    wide = Console(file=console.file, width=UNFOLDED, highlight=False, **find_kind(console.file))
    (console if console.is_terminal else wide).print(table)


def render_plain(table: Table) -> str:
    """Return a table as plain text."""
    text = io.StringIO()
    console = Console(file=text, width=PLAIN_WIDTH, color_system=None, **find_kind(text))
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

    def __exit__(self, *error: object) -> None:
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
        if SCORE in metrics:
            self.last_score = f"  {METRICS[SCORE].short} {metrics[SCORE]:.1f}"
        self.console.print(
            f"epoch {epoch:>2}/{self.epochs}  {format_metrics(metrics)}", soft_wrap=True
        )


def track(items: Iterable[T], what: str) -> Iterator[T]:
    """Yield the items, with a live count of them on standard error, where that is a terminal."""
    console = Console(stderr=True, **find_kind(sys.stderr))
    with console.status(what) if console.is_terminal else contextlib.nullcontext() as status:
        for number, item in enumerate(items, 1):
            if status is not None:
                status.update(f"{number:,} {what}")
            yield item


def make_extra_metrics_table(values: Mapping[str, float]) -> Table:
    """Return the extra metrics of a score beside those of real images, with what each says."""
    rows = []
    for metric in EXTRA_METRICS:
        if metric.name in values:
            real = values.get(f"{metric.name}_real")
            shown = "" if real is None else metric.show(real)
            rows.append([metric.name, metric.show(values[metric.name]), shown, metric.definition])
    return make_table(("metric", "generated", "real", ""), rows, left=("metric", ""))


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
