"""What history.jsonl says, as series.

history = read_history(text)
history.metrics["score/fcd"][10], history.digests["digest.weights"][10]
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Series = Mapping[int, float]
Digests = Mapping[int, str]

# Series that a run of the same seed has again; the others measure the machine.
REPEATABLE = ("loss/", "discriminator/", "score/")


@dataclass(frozen=True)
class History:
    """{name: {step: value}}; the step is an optimizer step for losses, else an epoch."""

    metrics: Mapping[str, Series]
    digests: Mapping[str, Digests]


def parse_lines(text: str) -> list[dict[str, Any]]:
    """Return the records of a history.jsonl; a last line that was cut off is left out."""
    lines = text.splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def read_history(text: str) -> History:
    """Return the repeatable series in the lines of a history.jsonl."""
    metrics: dict[str, dict[int, float]] = {}
    digests: dict[str, dict[int, str]] = {}
    for record in parse_lines(text):
        step = record.get("step", record.get("epoch", 0))
        for name, value in record.items():
            if name.startswith(REPEATABLE):
                metrics.setdefault(name, {})[step] = value
            elif name.startswith("digest."):
                digests.setdefault(name, {})[step] = value
    return History(metrics, digests)
