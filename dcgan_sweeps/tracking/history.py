"""Reads history.jsonl as series of metrics and digests.

history = read_history(text, "mlruns/runs/x/history.jsonl")
history.metrics["score/fcd"][10], history.digests["digest.weights"][10]
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dcgan_sweeps.config.faults import refuse

Series = Mapping[int, float]
Digests = Mapping[int, str]

# Series that another run of the same seed repeats; the others measure the machine.
REPEATABLE = ("loss/", "discriminator/", "score/")
LARGEST_NUMBER = 2**63  # largest allowed integer


@dataclass(frozen=True)
class History:
    """The repeatable series of a run, as {name: {step: value}}.

    The step is an optimizer step for losses, and an epoch for everything else.
    """

    metrics: Mapping[str, Series]
    digests: Mapping[str, Digests]


def parse_lines(text: str, name: str) -> list[dict[str, Any]]:
    """Return the records of a history.jsonl, without an incomplete last line.

    Raises RequestError, which names `name` and the line, for a damaged record.
    """
    *whole, _ = text.split("\n")
    return [_parse_line(line, f"{name}, line {number}") for number, line in enumerate(whole, 1)]


def parse_last(text: str, name: str) -> dict[str, Any]:
    """Return the last record of a history.jsonl, {} if there is none; raises RequestError."""
    *whole, _ = text.split("\n")
    return _parse_line(whole[-1], f"{name}, line {len(whole)}") if whole else {}


def collect_series(records: Iterable[Mapping[str, Any]]) -> dict[str, dict[int, float]]:
    """Collect the records of a history.jsonl as {metric: {step: value}}."""
    series: dict[str, dict[int, float]] = {}
    for record in records:
        step = record.get("step", record.get("epoch", 0))
        for key, value in record.items():
            if "/" in key:
                series.setdefault(key, {})[step] = value
    return series


def _parse_line(line: str, name: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise refuse(name, "is damaged; allowed: a JSON mapping") from error
    if not isinstance(record, dict):
        raise refuse(name, f"got {line[:40]}; allowed: a JSON mapping")
    for key, value in record.items():
        kinds, allowed = _find_kinds(key)
        is_huge = isinstance(value, int) and abs(value) > LARGEST_NUMBER
        if not isinstance(value, kinds) or isinstance(value, bool) or is_huge:
            raise refuse(name, f"{key} is {value!r:.40}; allowed: {allowed}")
    return record


def _find_kinds(key: str) -> tuple[tuple[type, ...], str]:
    """Return the allowed types of a record's value, and their description."""
    if key in ("step", "epoch"):
        return (int,), "a whole number"
    if key in ("outcome", "reason") or key.startswith("digest."):
        return (str,), "text"
    return (int, float), "a number"


def read_history(text: str, name: str) -> History:
    """Return the repeatable series in the lines of a history.jsonl.

    Raises RequestError, which names `name` and the line, for a damaged record, and for a value
    that is not finite, since it could not be compared.
    """
    metrics: dict[str, dict[int, float]] = {}
    digests: dict[str, dict[int, str]] = {}
    for number, record in enumerate(parse_lines(text, name), 1):
        step = record.get("step", record.get("epoch", 0))
        for key, value in record.items():
            if key.startswith("digest."):
                digests.setdefault(key, {})[step] = value
            elif key.startswith(REPEATABLE):
                if not math.isfinite(value):
                    problem = f"{key} is {value}; allowed: a finite number"
                    raise refuse(f"{name}, line {number}", problem)
                metrics.setdefault(key, {})[step] = value
    return History(metrics, digests)
