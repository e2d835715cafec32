"""How a run ended: the last line of its history says it, and MLflow's status follows from that.

Outcome.PRUNED.mlflow_status  # "KILLED"
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """The outcomes of a run; only a complete one carries a score that counts."""

    COMPLETE = "complete"
    PRUNED = "pruned"
    INTERRUPTED = "interrupted"  # it can be resumed
    DIVERGED = "diverged"
    FAILED = "failed"

    @property
    def mlflow_status(self) -> str:
        """The status of the MLflow run, which has no word for pruned, interrupted or diverged."""
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
    """The end of a run: its outcome, the reason in words, and the time of both."""

    outcome: Outcome
    reason: str
    time_s: float
