"""What history.jsonl says, as series.

history = read_history(text)
history.metrics["score/fcd"][10], history.digests["digest.weights"][10]
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

Series = Mapping[int, float]
Digests = Mapping[int, str]

# Series that a run of the same seed has again; the others measure the machine.
REPEATABLE = ("loss/", "discriminator/", "score/")


@dataclass(frozen=True)
class History:
    """{name: {step: value}}; the step is an optimizer step for losses, else an epoch."""

    metrics: Mapping[str, Series]
    digests: Mapping[str, Digests]


def read_history(text: str) -> History:
    """Return the repeatable series in the lines of a history.jsonl."""
    metrics: dict[str, dict[int, float]] = {}
    digests: dict[str, dict[int, str]] = {}
    for line in text.splitlines():
        record = json.loads(line)
        step = record.get("step", record.get("epoch"))
        for name, value in record.items():
            if name.startswith(REPEATABLE):
                metrics.setdefault(name, {})[step] = value
            elif name.startswith("digest."):
                digests.setdefault(name, {})[step] = value
    return History(metrics, digests)
