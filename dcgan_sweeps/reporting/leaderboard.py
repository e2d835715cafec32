"""Logged runs in the order of their scores, of one identity at a time.

board = rank_runs(runs, identity=None)
board.rows[0].score, board.identity
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from dcgan_sweeps.config import Fault, RequestError
from dcgan_sweeps.score.noise import rank_tied
from dcgan_sweeps.terminal import format_duration
from dcgan_sweeps.tracking.archive import LoggedRun, find_best_scored, find_newest_scored, find_runs
from dcgan_sweeps.tracking.scores import (
    SCORE,
    choose_identity,
    describe_identities,
    read_scores,
)
from dcgan_sweeps.tracking.store import Client

COLUMNS = ("rank", "run", "name", "fcd", "+-", "share", "fcd_test", "epochs", "time", "repeats")


@dataclass(frozen=True)
class Row:
    """One run: its rank ("1=" where it is tied), and the scores of the board's identity."""

    rank: str
    run: LoggedRun
    score: float
    error: float | None  # standard error of the score, for the choice of latents
    share: float | None  # 0 as real images, 1 as noise
    test: float | None
    epochs: str
    repeats: int  # runs of the same signature, this one included

    def as_text(self) -> tuple[str, ...]:
        """Return the row under COLUMNS."""
        wall_s = (self.run.end_ms - self.run.start_ms) / 1000
        return (
            self.rank,
            self.run.run_id[:8],
            self.run.name,
            f"{self.score:.2f}",
            "" if self.error is None else f"{self.error:.2f}",
            "" if self.share is None else f"{self.share:.1%}",
            "" if self.test is None else f"{self.test:.2f}",
            self.epochs,
            format_duration(wall_s) if self.run.end_ms else "",
            str(self.repeats) if self.repeats > 1 else "",
        )


@dataclass(frozen=True)
class Board:
    """Runs by score, best first, and what kind of score it is."""

    rows: tuple[Row, ...]
    identity: str
    description: str  # of the identity, in words; "" where no run says
    left_out: str  # in words, "" where nothing was


def rank_runs(runs: Sequence[LoggedRun], identity: str | None, limit: int) -> Board:
    """Return the best `limit` of these runs, complete ones alone; raises RequestError, naming the
    identities, where no identity is common to all of them and none is asked for."""
    scored = [run for run in runs if run.outcome == "complete" and read_scores(run)]
    if not scored:
        problem = "none of these runs is complete and has a score"
        raise RequestError([Fault("TARGET", problem)])
    digest = choose_identity(scored, identity)
    rivals = [run for run in scored if digest in read_scores(run)]
    rivals.sort(key=lambda run: read_scores(run)[digest]["fcd"])
    ranks = rank_tied([read_scores(run)[digest]["fcd"] for run in rivals])
    signatures = [run.params.get("signature", "") for run in rivals]
    rows = [
        make_row(rank, run, digest, signatures) for rank, run in zip(ranks, rivals, strict=True)
    ]
    missing = len(runs) - len(rivals)
    notes = [f"{missing} left out: not complete, or no score of this identity"] if missing else []
    notes += [f"the best {limit} alone are shown (--limit)"] if len(rows) > limit else []
    left_out = "; ".join(notes)
    return Board(tuple(rows[:limit]), digest, describe_identities(scored)[digest], left_out)


def make_row(rank: str, run: LoggedRun, digest: str, signatures: Sequence[str]) -> Row:
    """Return one run as a row; `signatures` are those of all runs on the board."""
    scores = read_scores(run)[digest]
    return Row(
        rank,
        run,
        scores["fcd"],
        scores.get("fcd_error"),
        scores.get("fcd_share"),
        scores.get("fcd_test"),
        run.params.get("train.epochs", ""),
        signatures.count(run.params.get("signature", "")),
    )


def rank_experiment(client: Client, experiment: str, identity: str | None, limit: int) -> Board:
    """Return the best `limit` complete runs of an experiment, within the identity asked for, or
    that of the newest one; raises RequestError where there is none.

    Reproductions do not compete.
    """
    newest = find_newest_scored(client, experiment, SCORE)
    if identity is not None or newest is None:
        runs = find_runs(client, experiment, "tags.outcome = 'complete'")
        scored = [run for run in runs if "reproduces" not in run.tags and read_scores(run)]
        return rank_runs(scored, identity, limit)
    digest = newest.params["score.identity"]
    runs, other = find_best_scored(client, experiment, SCORE, digest, limit + 1)
    board = rank_runs([run for run in runs if "reproduces" not in run.tags], digest, limit)
    known = describe_identities([other]) if other is not None else {}
    if not known:
        return board
    name, words = next(iter(known.items()))
    hint = f"left out are scores of another identity, {name} ({words}): --identity {name}"
    left_out = "; ".join(filter(None, [board.left_out, hint]))
    return dataclasses.replace(board, left_out=left_out)
