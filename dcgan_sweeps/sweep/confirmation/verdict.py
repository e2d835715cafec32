"""Prints and records the looks and the verdict of a confirmation."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from dcgan_sweeps.sweep.best import list_overrides
from dcgan_sweeps.sweep.confirmation.sequential_test import Gain, Look, Progress, Verdict
from dcgan_sweeps.sweep.folder import StudyFolder
from dcgan_sweeps.sweep.launch import Composers
from dcgan_sweeps.sweep.live_study import LiveStudy, count_endings
from dcgan_sweeps.tracking.best_model import BestModel
from dcgan_sweeps.tracking.folder import RunFolder

CONFIRMATION_FILE = "confirmation.json"
ALIAS = "confirmed"
BEST_FILE = "best.txt"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Result:
    """The result of a confirmation so far; it has no verdict if it was stopped."""

    live: LiveStudy
    source: StudyFolder
    progress: Progress
    runs: int

    @property
    def reference(self) -> str:
        return str(self.live.request.confirmation["arms"][0]["name"])

    @property
    def promised(self) -> float | None:
        """The gain that the study's own scores showed of the best finalist."""
        best = self.progress.best
        arms = self.live.request.confirmation["arms"]
        found = [each["promised"] for each in arms if best is not None and each["name"] == best.arm]
        return found[0] if found else None

    @property
    def tied(self) -> list[str]:
        """The finalists beside the best one that the last look could not tell from it."""
        best, looks = self.progress.best, self.progress.looks
        if best is None or not looks:
            return []
        return [
            gain.arm
            for gain in looks[-1].gains
            if gain.arm != best.arm and gain.arm not in looks[-1].dropped
        ]

    def describe(self) -> Iterator[str]:
        """Return the verdict in words, a line for each fact."""
        progress = self.progress
        if progress.verdict is None:
            yield "verdict  none yet; the confirmation was stopped"
            return
        yield f"verdict  {progress.verdict}: {progress.reason}"
        if progress.best is not None:
            yield f"gain     {show_gain(progress.best)} of score/fcd_test below {self.reference}"
        if self.promised is not None:
            yield f"promised {self.promised:.1%} by the study's own scores"
        if self.tied:
            yield f"tied     {progress.best and progress.best.arm} = {' = '.join(self.tied)}"
        seeds = progress.looks[-1].seeds if progress.looks else 0
        yield f"spent    {self.runs} runs, up to {seeds} seeds of a configuration"

    def as_json(self) -> dict[str, Any]:
        """Return the looks and the verdict as JSON values."""
        return {
            **asdict(self.progress),
            "reference": self.reference,
            "promised": self.promised,
            "tied": self.tied,
            "runs": self.runs,
            "arms": self.live.request.confirmation["arms"],
        }


def show_gain(gain: Gain) -> str:
    """Return a gain with its interval as text."""
    return f"{gain.arm}: {gain.gain:.1%} [{gain.low:.1%}, {gain.high:.1%}]"


def print_looks(say: Say, looks: Sequence[Look]) -> None:
    """Print what each look has shown."""
    for look in looks:
        gains = "; ".join(map(show_gain, look.gains))
        say(f"after {look.seeds} seeds each, spread {look.spread:.1%}: gain of {gains}")
        for arm, reason in look.dropped.items():
            say(f"  {arm} is dropped: {reason}")


def record_verdict(result: Result, composers: Composers) -> None:
    """Write the verdict into both studies, with its metrics and tags, and register the model."""
    content = json.dumps(result.as_json(), indent=2) + "\n"
    result.live.folder.write_text(CONFIRMATION_FILE, content)
    verdict, best = result.progress.verdict, result.progress.best
    if verdict is None:
        return
    result.source.write_text(CONFIRMATION_FILE, content)
    tags = {
        "confirmation.verdict": str(verdict),
        "confirmation.study": result.live.folder.name,
        "confirmation.reason": result.progress.reason,
    }
    values = {"confirmation/runs": float(result.runs)}
    if best is not None:
        tags["confirmation.gain"] = show_gain(best)
        gains = {"gain": best.gain, "gain_low": best.low, "gain_high": best.high}
        values |= {f"confirmation/{name}": value for name, value in gains.items()}
    if result.promised is not None:
        values["confirmation/promised"] = result.promised
    result.live.record.describe(tags=tags)
    result.live.record.append({"step": count_endings(result.live.record), **values})
    add_to_ended(RunFolder(result.source.root), tags, values)
    result.live.delivery.follow(RunFolder(result.source.root))
    if verdict is Verdict.CONFIRMED and best is not None:
        write_best(result, best, composers)
        register_confirmed(result, best)


def write_best(result: Result, best: Gain, composers: Composers) -> None:
    """Write the confirmed configuration into the file of overrides of the study."""
    request = result.live.request
    arm = next(each for each in request.confirmation["arms"] if each["name"] == best.arm)
    overrides = list_overrides(
        [*request.fixed, *arm["overrides"]], result.source.own_conf, composers
    )
    said = f"# {best.arm}, confirmed: {best.gain:.1%} [{best.low:.1%}, {best.high:.1%}] lower"
    head = f"{said} score/fcd_test than {result.reference}"
    result.source.write_text(BEST_FILE, "\n".join([head, *overrides]) + "\n")


def register_confirmed(result: Result, best: Gain) -> None:
    """Register the best generator of the confirmed configuration, with the alias "confirmed"."""
    live = result.live
    mine = [
        trial
        for trial in live.study.get_trials(deepcopy=False)
        if trial.params.get("arm") == best.arm and trial.value is not None
    ]
    lowest = min(mine, key=lambda trial: trial.value or 0.0)
    folder, tracking = live.folder.find_trial(lowest.number), live.request.config.tracking
    live.delivery.add(BestModel(RunFolder(result.source.root), folder, tracking, alias=ALIAS))


def add_to_ended(record: RunFolder, tags: Mapping[str, str], values: Mapping[str, float]) -> None:
    """Add tags and metrics to the record of a study that has ended; it stays ended."""
    record.describe(tags=tags)
    ending = record.read_ending()
    record.append({"step": count_endings(record), **values})
    if ending is not None:
        record.end(ending.outcome, ending.reason)
