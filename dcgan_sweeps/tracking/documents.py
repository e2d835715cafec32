"""Reads the JSON and YAML files of runs, which may be damaged or come from somebody else.

facts = read_mapping(folder / "provenance.json")
words = parse_texts(text, "run 0f3a, config/overrides.yaml")

Every fault is a RequestError that names the file, and the line if it is known. Time and memory are
bounded for any content: the size and the nesting depth are checked, and YAML aliases, which can
expand a few lines to gigabytes, are rejected.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from dcgan_sweeps.config.faults import refuse
from dcgan_sweeps.files import read_text

LARGEST = 1_000_000  # bytes of a file of settings or facts; the longest we write has 20,000
LARGEST_TEXT = 500_000_000  # bytes of a history or a diff, which grows with its run
SURROGATE = re.compile("[\ud800-\udfff]")
DEEPEST = 20  # nested lists and mappings; the files we write have 3 levels
TOO_DEEP = f"is nested too deeply; allowed: at most {DEEPEST} levels of lists and mappings"
LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
TYPES = {dict: "a mapping", list: "a list", str: "text", type(None): "empty"}


class _Loader(LOADER):  # type: ignore[misc,valid-type]
    """A safe YAML loader that rejects duplicate keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value.__hash__ is not None and key.value in seen:
                problem = f"duplicate key {key.value}"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            if isinstance(key, yaml.ScalarNode):
                seen.add(key.value)
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


def read_mapping(path: Path) -> dict[str, Any]:
    """Return the mapping in a JSON or YAML file; raises RequestError."""
    return parse_mapping(read_text(path, LARGEST), str(path))


def read_texts(path: Path) -> tuple[str, ...]:
    """Return the list of texts in a YAML file; raises RequestError."""
    return parse_texts(read_text(path, LARGEST), str(path))


def parse_mapping(text: str, name: str) -> dict[str, Any]:
    """Return a mapping with text keys, from JSON if `name` ends in .json, else from YAML.

    Raises RequestError, which names `name`.
    """
    content = parse_json(text, name) if name.endswith(".json") else parse_yaml(text, name)
    with _naming(name):
        if not isinstance(content, dict):
            raise _Wrong(f"is {_describe(content)}; allowed: a mapping")
    return {str(key): value for key, value in content.items()}


def parse_texts(text: str, name: str) -> tuple[str, ...]:
    """Return the texts of a YAML list; raises RequestError, which names `name`."""
    content = parse_yaml(text, name)
    with _naming(name):
        if not isinstance(content, list):
            raise _Wrong(f"is {_describe(content)}; allowed: a list")
        for number, each in enumerate(content, 1):
            if not isinstance(each, str):
                raise _Wrong(f"item {number} is {_describe(each)}; allowed: text")
    return tuple(content)


def parse_json(text: str, name: str) -> Any:
    """Return the content of JSON, whose numbers must be finite; raises RequestError, which names
    `name`."""
    with _naming(name):
        if not text.strip():
            raise _Wrong("is empty")
        content = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse_constant)
        _check(content)
    return content


def parse_yaml(text: str, name: str) -> Any:
    """Return the content of one YAML document without aliases, anchors and tags.

    Raises RequestError, which names `name`.
    """
    with _naming(name):
        _check_events(text)
        content = yaml.load(text, Loader=_Loader)
        _check(content)
    return content


class _Wrong(ValueError):
    """A fault of a file, with a complete message."""


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Turn the exceptions of a reader into a RequestError that names the file."""
    try:
        yield
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise refuse(name, _describe_error(error)) from error


def _describe_error(error: Exception) -> str:
    if isinstance(error, _Wrong):
        return str(error)
    if isinstance(error, json.JSONDecodeError):
        return f"line {error.lineno} is not valid JSON: {error.msg}"
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    first = str(what).partition("\n")[0]
    if isinstance(error, RecursionError) or "nesting depth" in first:  # libyaml's own limit
        return TOO_DEEP
    if isinstance(error, yaml.YAMLError):
        line = "" if mark is None else f"line {mark.line + 1} "
        return f"{line}is not valid YAML: {first}"
    # An impossible date, or a number of 5,000 digits; Python adds advice for programmers.
    return f"has a value that cannot be read: {first.partition(';')[0]}"


def _check_events(text: str) -> None:
    """Raise _Wrong for content that would take much time or memory to construct."""
    depth = 0
    for event in yaml.parse(text, Loader=LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise _Wrong(TOO_DEEP)
        if any(getattr(event, mark, None) is not None for mark in ("anchor", "tag")):
            line = "" if event.start_mark is None else f"line {event.start_mark.line + 1} "
            raise _Wrong(f"{line}has an alias, an anchor or a tag; allowed: plain values")


def _check(content: Any) -> None:
    """Raise _Wrong for content that is nested too deeply or has text that cannot be encoded."""
    level = [content]
    for _ in range(DEEPEST):
        nested: list[Any] = []
        for each in level:
            if isinstance(each, Mapping):
                nested += [*each.keys(), *each.values()]
            elif isinstance(each, (list, tuple)):
                nested += each
            elif isinstance(each, str) and SURROGATE.search(each):
                raise _Wrong("has half of a surrogate pair; allowed: text in UTF-8")
        level = nested
    if level:
        raise _Wrong(TOO_DEEP)


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"duplicate key {twice}")
    return content


def _refuse_constant(constant: str) -> float:
    raise ValueError(f"{constant} is not a finite number")


def _describe(content: Any) -> str:
    """Return the name of a value's type, or the value."""
    return TYPES.get(type(content)) or f"{content}"[:60]
