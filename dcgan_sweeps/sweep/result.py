"""How a trial ended, as its process tells it, or as its record says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dcgan_sweeps.execution.spec import OUT_OF_MEMORY
from dcgan_sweeps.metrics import SCORE as SCORE  # what a study minimizes

IDENTITY = "score_identity"  # a trial's attribute: its score's identity, and that in overrides


@dataclass(frozen=True)
class TrialResult:
    """The outcome of a run, why, its last scores, and its MLflow run where it has one."""

    outcome: str  # complete, pruned, interrupted, diverged, failed
    reason: str = ""
    scores: Mapping[str, float] = field(default_factory=dict)
    run_id: str | None = None
    traceback: str = ""

    @property
    def out_of_memory(self) -> bool:
        return self.outcome == "failed" and self.reason.startswith(OUT_OF_MEMORY)

    @property
    def can_be_retried(self) -> bool:
        """Whether doing it again may end otherwise.

        Training that diverged does so again; without memory it was tried again already.
        """
        return self.outcome == "failed" and not self.out_of_memory
