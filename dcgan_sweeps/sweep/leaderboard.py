"""A study's trials in the order of their scores, ties marked; of two score identities, in none.

rows = rank(study.trials)
print(render_markdown(rows))
"""

from __future__ import annotations

import csv
import dataclasses
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

from optuna.trial import FrozenTrial, TrialState

from dcgan_sweeps.scoring.noise import rank_tied
from dcgan_sweeps.sweep.result import IDENTITY
from dcgan_sweeps.sweep.space import shorten
from dcgan_sweeps.terminal import as_cell, format_duration

COLUMNS = ("rank", "trial", "what varies", "score/fcd", "epoch", "time", "outcome")
ORDER = {TrialState.COMPLETE: 0, TrialState.PRUNED: 1, TrialState.FAIL: 2}


@dataclass(frozen=True)
class Row:
    """One trial; the score of one that is not complete is its last, of the epoch named."""

    rank: str  # of complete trials; "1=" where it is tied
    trial: int
    varied: str
    score: float | None
    epoch: int | None
    wall_s: float | None
    outcome: str
    run_id: str

    @property
    def short(self) -> str:
        """What varies, for people."""
        return shorten(self.varied.split(" "))

    def as_text(self) -> list[str]:
        """Return the row under COLUMNS."""
        return [
            self.rank,
            str(self.trial),
            self.short,
            "" if self.score is None else f"{self.score:.2f}",
            "" if self.epoch is None else str(self.epoch),
            "" if self.wall_s is None else format_duration(self.wall_s),
            self.outcome,
        ]


def rank(trials: Sequence[FrozenTrial]) -> list[Row]:
    """Return complete trials by score, then pruned ones by their last, then the others.

    By number, and without ranks, where their scores cannot be compared.
    """
    if len(find_identities(trials)) > 1:
        return [make_row(trial, "") for trial in trials]
    rows = [(ORDER.get(trial.state, 3), make_row(trial, "")) for trial in trials]
    rows.sort(key=lambda each: (each[0], math.inf if each[1].score is None else each[1].score))
    complete = [row.score for order, row in rows if order == 0 and row.score is not None]
    ranks = [*rank_tied(complete), *[""] * (len(rows) - len(complete))]
    return [dataclasses.replace(row, rank=text) for (_, row), text in zip(rows, ranks, strict=True)]


def find_identities(trials: Sequence[FrozenTrial]) -> dict[str, str]:
    """Return {score identity: what it is, in words} of all trials that have one."""
    known = [trial.user_attrs[IDENTITY] for trial in trials if IDENTITY in trial.user_attrs]
    return dict(map(tuple, known))


def make_row(trial: FrozenTrial, rank: str) -> Row:
    """Return one trial as a row."""
    known = trial.user_attrs
    epoch = trial.last_step
    score = None if epoch is None else trial.intermediate_values[epoch]
    if trial.state == TrialState.COMPLETE and trial.value is not None:
        score = trial.value if math.isfinite(trial.value) else None
    return Row(
        rank,
        trial.number,
        " ".join(known.get("varied", [])),
        score,
        epoch,
        trial.duration.total_seconds() if trial.duration is not None else None,
        known.get("outcome", "unfinished"),
        known.get("run_id") or "",
    )


def render_markdown(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table, as MLflow shows it in a run's description."""
    lines = [" | ".join(COLUMNS), " | ".join("---" for _ in COLUMNS)]
    lines += [" | ".join(row.as_text()) for row in rows]
    return "\n".join(f"| {line} |" for line in lines) + "\n"


def render_csv(rows: Sequence[Row]) -> str:
    """Return the rows as CSV, with every digit of the scores and each trial's MLflow run."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    names = ("rank", "trial", "varied", "score", "epoch", "wall_s", "outcome", "run_id")
    headings = {"varied": "what_varies", "score": "score/fcd"}
    writer.writerow([headings.get(name, name) for name in names])
    for row in rows:
        writer.writerow([as_cell(getattr(row, name)) for name in names])
    return file.getvalue()
