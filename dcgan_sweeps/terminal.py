"""Terminal output: consoles, tables, and text that is safe to print.

say = make_say(make_console())
say("one line")
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import IO, Any, TypeVar

from rich.console import Console, ConsoleRenderable, RenderHook
from rich.table import Table
from rich.text import Text

from dcgan_sweeps.metrics import EXTRA_METRICS
from dcgan_sweeps.secrets import mask_secrets

T = TypeVar("T")
PLAIN_WIDTH = 160
UNFOLDED = 10_000  # characters per line of output meant for other programs
LONGEST_CELL = 80  # characters of a value in a table
# Characters that a terminal or a browser interprets instead of showing: control characters, line
# separators, and characters that change the direction of text, are invisible, or cannot be encoded.
OBEYED = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    r"\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
FORMULA = tuple("=+-@\t\r")  # first characters of a spreadsheet formula


def make_console(file: IO[str] | None = None) -> Console:
    """Return a console that writes to a file or standard output and wraps lines only in a terminal.

    It masks passwords in every text that it prints and escapes control characters.
    """
    stream = file or sys.stdout
    console = Console(file=file, highlight=False, **find_kind(stream))
    if not console.is_terminal:
        console = Console(file=file, highlight=False, width=PLAIN_WIDTH, **find_kind(stream))
    console.push_render_hook(_Masking())
    return console


def find_kind(file: IO[str]) -> dict[str, Any]:
    """Return Rich's options for a file, so that only a real terminal gets a live display.

    Rich itself would treat a notebook as a terminal, and any output while FORCE_COLOR is set.
    """
    return {"force_terminal": file.isatty(), "force_jupyter": False}


class _Masking(RenderHook):
    """Masks each text before Rich prints it; make_table masks the cells of tables."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        for each in renderables:
            if isinstance(each, Text):
                each.plain = show_controls(mask_secrets(each.plain))
        return renderables


def make_layer_table(
    title: str, rows: Sequence[tuple[str, tuple[int, ...], int]], totals: tuple[int, int]
) -> Table:
    """Return a table of a network's layers, with its totals.

    `rows` are (layer, output shape, parameters); `totals` are the trainable and the other
    parameters.
    """
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, show_footer=True)
    trainable, fixed = totals
    table.add_column("layer", footer="total")
    table.add_column("output", footer=f"{trainable:,} trainable, {fixed:,} not")
    table.add_column("parameters", justify="right", footer=f"{trainable + fixed:,}")
    for layer, shape, parameters in rows:
        table.add_row(layer, " x ".join(map(str, shape)), f"{parameters:,}")
    return table


def make_say(console: Console) -> Callable[[str], None]:
    """Return a function that prints a line without wrapping it and escapes control characters."""
    # Rich would drop some of them silently, so they are escaped before it sees them.
    return lambda line: console.print(show_controls(line), markup=False, soft_wrap=True)


def show_controls(text: str) -> str:
    """Escape control characters, such as \\x1b, except newline and tab.

    Characters that change the direction of text, such as \\u202e, are escaped as well.
    """
    return OBEYED.sub(lambda match: _spell(ord(match[0])), text)


def show_line(text: str) -> str:
    """Return text as a single line: control characters, newlines and tabs are escaped."""
    return show_controls(text).replace("\n", "\\n").replace("\t", "\\t")


def _spell(code: int) -> str:
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def as_cell(value: object) -> object:
    """Return a value as a CSV cell without control characters or formulas.

    Spreadsheets evaluate text that starts with one of FORMULA; a leading ' prevents that.
    """
    if not isinstance(value, str):
        return value
    is_formula = value.startswith(FORMULA) and NUMBER.fullmatch(value) is None
    return f"'{show_line(value)}" if is_formula else show_line(value)


def make_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], left: Collection[str] = ()
) -> Table:
    """Return a table of rows of text under their headings.

    The columns in `left`, or the first one, are aligned to the left, all others to the right.
    Markup is not interpreted, passwords are masked, and control characters are escaped.
    """
    table = Table(box=None, pad_edge=False)
    for name in columns:
        is_left = name in (left or columns[:1])
        table.add_column(Text(show_line(name)), justify="left" if is_left else "right")
    for row in rows:
        table.add_row(*(Text(show_line(mask_secrets(cell))) for cell in row))
    return table


def print_table(console: Console, table: Table) -> None:
    """Print a table; if the output is not a terminal, its lines are not wrapped."""
    wide = Console(file=console.file, width=UNFOLDED, highlight=False, **find_kind(console.file))
    (console if console.is_terminal else wide).print(table)


def render_plain(table: Table) -> str:
    """Render a table as plain text."""
    text = io.StringIO()
    console = Console(file=text, width=PLAIN_WIDTH, color_system=None, **find_kind(text))
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


def print_facts(console: Console, facts: Mapping[str, str]) -> None:
    """Print one name and value per line, with the values aligned."""
    width = max(map(len, facts))
    for name, value in facts.items():
        line = f"{name:<{width}}  {show_line(value)}"
        console.print(line, markup=False, soft_wrap=True)


def track(items: Iterable[T], what: str) -> Iterator[T]:
    """Yield the items, and show their count on standard error if that is a terminal."""
    console = Console(stderr=True, **find_kind(sys.stderr))
    with console.status(what) if console.is_terminal else contextlib.nullcontext() as status:
        for number, item in enumerate(items, 1):
            if status is not None:
                status.update(f"{number:,} {what}")
            yield item


def make_extra_metrics_table(values: Mapping[str, float]) -> Table:
    """Return a table of the extra metrics for generated and real images, with their definitions."""
    rows = []
    for metric in EXTRA_METRICS:
        if metric.name in values:
            real = values.get(f"{metric.name}_real")
            shown = "" if real is None else metric.show(real)
            rows.append([metric.name, metric.show(values[metric.name]), shown, metric.definition])
    return make_table(("metric", "generated", "real", ""), rows, left=("metric", ""))


def shorten_keys(keys: Sequence[str], *, taken: Iterable[str] = ()) -> dict[str, str]:
    """Return {key: its last part}, or the whole key if that part is `taken` or not unique."""
    leaves = [key.rpartition(".")[2] for key in keys]
    counts = Counter([*leaves, *taken])
    return {key: leaf if counts[leaf] == 1 else key for key, leaf in zip(keys, leaves, strict=True)}


def shorten_value(text: str) -> str:
    """Shorten a number to four significant digits and other text to LONGEST_CELL characters."""
    if NUMBER.fullmatch(text) and ("." in text or "e-" in text):
        return f"{float(text):.4g}"
    return text if len(text) <= LONGEST_CELL else f"{text[: LONGEST_CELL - 3]}..."


def format_duration(seconds: float) -> str:
    """Format seconds as "48 s", "12 min 5 s" or "3 h 7 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def format_clock(seconds: float) -> str:
    """Format seconds as "0:12:05", for a display that counts them."""
    return str(timedelta(seconds=int(seconds)))
