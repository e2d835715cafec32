"""Outcomes of a run, and the MLflow status that follows from them.

Outcome.PRUNED.mlflow_status  # "KILLED"
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """The outcome of a run, in the last line of its history; only complete runs are ranked."""

    COMPLETE = "complete"
    PRUNED = "pruned"
    INTERRUPTED = "interrupted"  # it can be resumed
    DIVERGED = "diverged"
    FAILED = "failed"

    @property
    def mlflow_status(self) -> str:
        """The MLflow status; MLflow has none for pruned, interrupted or diverged runs."""
        return _MLFLOW_STATUS[self]


_MLFLOW_STATUS = {
    Outcome.COMPLETE: "FINISHED",
    Outcome.PRUNED: "KILLED",
    Outcome.INTERRUPTED: "KILLED",
    Outcome.DIVERGED: "FAILED",
    Outcome.FAILED: "FAILED",
}


@dataclass(frozen=True)
class Ending:
    """The end of a run: its outcome, the reason, and the time."""

    outcome: Outcome
    reason: str
    time_s: float
