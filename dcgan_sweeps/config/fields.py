"""The types and the allowed values of the fields of a schema.

lr: float = number(0, 1, low_open=True)   # in a dataclass
describe_allowed(fields(Optimizer)[1])    # "a number, above 0, at most 1"
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable
from dataclasses import Field, dataclass, field
from typing import Any

from omegaconf import MISSING


@dataclass(frozen=True)
class Allowed:
    """A set of allowed values and its description; with `is_whole`, that names the type too."""

    test: Callable[[Any], bool]
    words: str
    is_whole: bool = False

    def __contains__(self, value: Any) -> bool:
        return self.test(value)


def number(low: float, high: float = math.inf, *, low_open: bool = False) -> Any:
    def test(value: Any) -> bool:
        above = value > low if low_open else value >= low
        return bool(above and value <= high and math.isfinite(value))

    words = f"{'above' if low_open else 'at least'} {low}"
    return _leaf(Allowed(test, words if math.isinf(high) else f"{words}, at most {high}"))


def one_of(*values: str | int) -> Any:
    words = ", ".join(map(str, values))
    return _leaf(Allowed(lambda value: value in values, words, is_whole=True))


def list_of(low: float, high: float, shortest: int, longest: int) -> Any:
    each = number(low, high).metadata["allowed"]
    count = f"{shortest} to {longest}" if shortest < longest else f"{shortest}"

    def test(value: Any) -> bool:
        are_numbers = all(type(item) in (int, float) for item in value)
        return are_numbers and shortest <= len(value) <= longest and all(x in each for x in value)

    return _leaf(Allowed(test, f"{count} items, each {each.words}"))


def names_of(*names: str) -> Any:
    def test(value: Any) -> bool:
        return bool(value) and set(value) <= set(names) and len(set(value)) == len(value)

    return _leaf(Allowed(test, f"one or more of {', '.join(names)}, each once"))


def auto_or_count() -> Any:
    words = "auto, or a whole number, at least 1, at most 9999"
    count = re.compile(r"auto|[1-9][0-9]{0,3}")
    return _leaf(Allowed(lambda value: count.fullmatch(value) is not None, words, is_whole=True))


def some_text() -> Any:
    # An unset shell variable leaves nothing after the "=".
    return _leaf(Allowed(lambda value: bool(value.strip()), "not blank"))


def anything() -> Any:
    return field(default=MISSING)


def _leaf(allowed: Allowed) -> Any:
    return field(default=MISSING, metadata={"allowed": allowed})


TYPE_NAMES = {
    "str": "text",
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "list[int]": "a list of whole numbers",
    "list[float]": "a list of numbers",
    "list[str]": "a list of texts",
    "dict[str, Any]": "a mapping",
    "dict[str, str]": "a mapping of texts",
}


# The Python types that are accepted without a conversion.
TYPES: dict[str, Any] = {
    "str": str,
    "bool": bool,
    "int": int,
    "float": (int, float),
    "list[float]": list,
    "list[str]": list,
    "dict[str, Any]": dict,
}


def read_type(leaf: Field[Any]) -> tuple[str, bool]:
    """Return the type of a field as written in its schema, and whether it may be null."""
    written = leaf.type if isinstance(leaf.type, str) else inspect.formatannotation(leaf.type)
    kind = written.removeprefix("typing.")
    optional = kind.startswith("Optional[")
    return kind.removeprefix("Optional[").removesuffix("]" * optional), optional


def is_allowed(value: Any, leaf: Field[Any]) -> bool:
    """Return whether a field allows a value as it is, without a conversion by the schema."""
    kind, optional = read_type(leaf)
    if value is None:
        return optional
    if not isinstance(value, TYPES[kind]) or (isinstance(value, bool) and kind != "bool"):
        return False
    return value in leaf.metadata.get("allowed", [value])


def describe_allowed(leaf: Field[Any]) -> str:
    """Return a description of a field's values: "a whole number, at least 1, or null"."""
    allowed = leaf.metadata.get("allowed")
    if allowed is not None and allowed.is_whole:
        return str(allowed.words)
    kind, optional = read_type(leaf)
    words = [TYPE_NAMES[kind]]
    words += [allowed.words] if allowed is not None else []
    words += ["or null"] if optional else []
    return ", ".join(words)
