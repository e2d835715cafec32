"""Reads overrides in Hydra's grammar, keeps text values as typed, and counts swept values.

keep_text("tracking.run_name=1e3,x")  # "tracking.run_name='1e3',x"
read_override("seed=range(0,3)")                    # Hydra's Override, or Unreadable
"""

from __future__ import annotations

import math
import re
import shlex
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import (
    ChoiceSweep,
    IntervalSweep,
    Override,
    Quote,
    QuotedString,
    RangeSweep,
)
from hydra.errors import HydraException

from dcgan_sweeps.composition.keys import describe_error
from dcgan_sweeps.config.nodes import escape_lookups

MOST_VALUES = 100_000  # values of one range; nobody starts more trials
LONGEST_WORD = 100_000  # characters, for which Hydra's parser needs a second
# Values in these functions, and outside of any function, are kept as typed.
KEEP_VALUES = {"choice", "shuffle", "sort"}
PIECE = re.compile(r"'[^']*'|\"[^\"]*\"|[^\s,()'\"](?:[^,()'\"]*[^\s,()'\"])?(?!\()")
TYPED = re.compile(r"[+-]?(?:[0-9._]+(?:e[+-]?[0-9_]+)?|inf|nan)|true|false", re.IGNORECASE)


class Unreadable(Exception):
    """Raised for an override that Hydra's grammar cannot read; the message is the remedy."""


def read_override(word: str, config_loader: Any = None) -> Override:
    """Return the parsed override; raises Unreadable with a remedy."""
    if len(word) > LONGEST_WORD:
        raise Unreadable(f"has {len(word)} characters; allowed: at most {LONGEST_WORD}")
    try:
        override = OverridesParser.create(config_loader).parse_override(word)
    except (HydraException, ValueError, RecursionError) as error:  # ValueError: too many digits
        raise Unreadable(_find_remedy(word, error)) from error
    override.config_loader = config_loader  # glob(...) uses it to list its group
    return override


def find_key(word: str) -> str:
    """Return the key or group of an override."""
    return word.partition("=")[0].lstrip("+~").strip()


def show_got(word: str) -> str:
    """Return the value of an override as typed, without its quotes."""
    value = word.partition("=")[2]
    is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if is_quoted else value


def quote_text(text: str) -> str:
    """Return text in quotes that Hydra's grammar reads back unchanged."""
    quote = Quote.double if "'" in text and '"' not in text else Quote.single
    quoted: str = QuotedString(text=text, quote=quote).with_quotes()
    return quoted


def quote(value: str) -> str:
    """Return text as a value that Hydra's override grammar reads back unchanged."""
    if re.fullmatch(r"[\w./:@%+-]*", value, re.ASCII):
        return value
    return quote_text(escape_lookups(value))


def keep_text(word: str) -> str:
    """Return an override of a text key, with quotes around numbers and truth values.

    This includes each value of a choice. `null` is not quoted.
    """
    key, equals, value = word.partition("=")
    functions = set(re.findall(r"(\w+)\s*\(", value))
    if re.search(r"[\[\]{}$\\]", value) or functions - KEEP_VALUES:
        return word
    return key + equals + PIECE.sub(lambda piece: _quote_typed(piece[0]), value)


def _quote_typed(text: str) -> str:
    # TYPED matches more than Hydra's numbers; quotes do not change any other text.
    return quote_text(text) if TYPED.fullmatch(text) else text


def count_values(override: Override) -> float:
    """Return the number of values of a sweep without generating them; it may be infinite."""
    sweep = override.value()
    if isinstance(sweep, RangeSweep):
        numbers = (sweep.start, sweep.stop, sweep.step)
        start, stop, step = (math.nan if each is None else each for each in numbers)
        if step == 0 or not all(map(math.isfinite, (start, stop, step))):
            return math.inf
        return max(0, math.ceil((stop - start) / step))
    return len(sweep.list) if isinstance(sweep, ChoiceSweep) else 1


def list_values(override: Override, most: int) -> list[Any]:
    """Return at most `most` values of an override: its value, or those of a choice or range.

    An interval has none.
    """
    sweep = override.value()
    if not override.is_sweep_override():
        return [sweep]
    if isinstance(sweep, IntervalSweep):
        return []
    values = override.sweep_iterator(transformer=lambda each: Override._convert_value(each))
    return [value for value, _ in zip(values, range(most), strict=False)]


def _find_remedy(word: str, error: Exception) -> str:
    key, equals, value = word.partition("=")
    reason = describe_error(error)
    is_function = "while evaluating" in reason or "Unknown function" in reason
    if is_function or not isinstance(error, HydraException):
        return f"cannot be read: {reason}"
    if value.rstrip().endswith(","):
        return "ends with a comma; remove the space after the comma, or quote the override"
    quoted = f"{key}={quote_text(value)}"
    if not equals or not _is_readable(quoted):
        return "cannot be read as key=value"
    return f"cannot be read; quote text with special characters: {_quote_for_shell(quoted)}"


def _is_readable(word: str) -> bool:
    try:
        OverridesParser.create().parse_override(word)
    except (HydraException, ValueError):
        return False
    return True


def _quote_for_shell(word: str) -> str:
    # Single quotes within double quotes are easier to read than the result of shlex.
    if any(sign in word for sign in "$`\\!"):
        return shlex.quote(word)
    return '"' + word.replace('"', '\\"') + '"'
