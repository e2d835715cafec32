"""Reads the result of a trial from its folder, which is the only source of it.

result = read_result(folder.find_trial(3))   # None for one that is running, or died
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dcgan_sweeps.config.schema import Tracking
from dcgan_sweeps.execution.spec import OUT_OF_MEMORY
from dcgan_sweeps.metrics import EPOCH_SCORES
from dcgan_sweeps.metrics import SCORE as SCORE  # what a study minimizes
from dcgan_sweeps.tracking.folder import RUN_FILE, RunFolder
from dcgan_sweeps.tracking.outcome import Outcome

IDENTITY = "score_identity"  # a trial's attribute: its score's identity, and that in overrides
TRACEBACK = "traceback.txt"


@dataclass(frozen=True)
class TrialResult:
    """The outcome of a trial, its reason, its last scores, and its traceback where it failed."""

    outcome: Outcome
    reason: str = ""
    scores: Mapping[str, float] = field(default_factory=dict)
    traceback: str = ""

    @property
    def out_of_memory(self) -> bool:
        return self.outcome == Outcome.FAILED and self.reason.startswith(OUT_OF_MEMORY)

    @property
    def can_be_retried(self) -> bool:
        """Whether a retry may succeed.

        Training that diverged would diverge again; a trial without memory was retried already.
        """
        return self.outcome == Outcome.FAILED and not self.out_of_memory


def read_result(folder: RunFolder) -> TrialResult | None:
    """Return the result of the trial in a folder, None where it has none.

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
    """Write the result of a trial that did not write it itself.

    It writes nothing while a process works in the folder, as a trial may outlive its study.
    """
    RunFolder.make_at(folder.root)
    try:
        lock = folder.lock()
    except BlockingIOError:
        return
    with lock:
        if not (folder.root / RUN_FILE).is_file():
            folder.begin(name, tags, {}, tracking)
        if result.traceback:
            folder.write_text(TRACEBACK, result.traceback)
        folder.end(result.outcome, result.reason)
