"""The faults of a request: each names a key, what was got and what is allowed.

raise refuse("train.epochs", "got -1; allowed: a whole number, at least 0")
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One error in a request: its key, and what was got and what is allowed."""

    key: str
    problem: str

    def __str__(self) -> str:
        return f"{self.key}: {self.problem}"


@dataclass(frozen=True)
class Conflict(Fault):
    """A fault of two values that are each allowed, but not together."""


class RequestError(Exception):
    """Raised for a wrong request (exit status 2); its message has one line for each fault."""

    def __init__(self, faults: Sequence[Fault]):
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)


def refuse(key: str, problem: str) -> RequestError:
    """Return the error of a request that has one fault."""
    return RequestError([Fault(key, problem)])


def require_none(faults: Sequence[Fault]) -> None:
    """Raise RequestError if there are faults."""
    if faults:
        raise RequestError(faults)
