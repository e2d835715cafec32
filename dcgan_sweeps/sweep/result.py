"""How a trial ended, as its folder says: nothing else is asked.

result = read_result(folder.find_trial(3))   # None for one that goes on, or died
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dcgan_sweeps.config import Tracking
from dcgan_sweeps.execution.spec import OUT_OF_MEMORY
from dcgan_sweeps.metrics import EPOCH_SCORES
from dcgan_sweeps.metrics import SCORE as SCORE  # what a study minimizes
from dcgan_sweeps.tracking.folder import RUN_FILE, TRIAL, RunFolder
from dcgan_sweeps.tracking.outcome import Outcome

IDENTITY = "score_identity"  # a trial's attribute: its score's identity, and that in overrides
TRACEBACK = "traceback.txt"


@dataclass(frozen=True)
class TrialResult:
    """The outcome of a run, why, its last scores, and its traceback where it failed."""

    outcome: Outcome
    reason: str = ""
    scores: Mapping[str, float] = field(default_factory=dict)
    traceback: str = ""

    @property
    def out_of_memory(self) -> bool:
        return self.outcome == Outcome.FAILED and self.reason.startswith(OUT_OF_MEMORY)

    @property
    def can_be_retried(self) -> bool:
        """Whether doing it again may end otherwise.

        Training that diverged does so again; without memory it was tried again already.
        """
        return self.outcome == Outcome.FAILED and not self.out_of_memory


def read_result(folder: RunFolder) -> TrialResult | None:
    """Return how the trial in a folder ended, None where it has no end.

    Raises RequestError for a damaged history.
    """
    ending = folder.read_ending()
    if ending is None:
        return None
    scores: dict[str, float] = {}
    for record in folder.read_records():
        scores |= {name: record[name] for name in EPOCH_SCORES if name in record}
    has_raised = ending.outcome in (Outcome.FAILED, Outcome.DIVERGED)
    text = folder.read_text(TRACEBACK) if has_raised else ""
    return TrialResult(ending.outcome, ending.reason, scores, text)


def write_result(
    folder: RunFolder, result: TrialResult, name: str, tags: Mapping[str, str], tracking: Tracking
) -> None:
    """Write down how a trial ended whose own process did not, or has nothing to write it in.

    Nothing is written where a process works in the folder: that of a trial that outlived its study.
    """
    RunFolder.make_at(folder.root)
    try:
        lock = folder.lock()
    except BlockingIOError:
        return
    with lock:
        if not (folder.root / RUN_FILE).is_file():
            folder.begin(name, tags, {"trial": int(tags[TRIAL])}, tracking)
        if result.traceback:
            folder.write_text(TRACEBACK, result.traceback)
        folder.end(result.outcome, result.reason)
