"""Ranks the trials of a study; trials of different score identities stay unranked, by number.

board = rank_trials(study.trials, "lr", run_ids={})
board.rows[0].name, board.rows[0].score   # "lr 14", 255.85
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime

from optuna.trial import FrozenTrial, TrialState

from dcgan_sweeps.reporting.leaderboard import (
    Board,
    Row,
    drop_seed,
    rank_configurations,
    rank_rows,
)
from dcgan_sweeps.runs.logged_run import LoggedRun
from dcgan_sweeps.sweep.result import IDENTITY
from dcgan_sweeps.tracking.folder import STUDY, TRIAL


def rank_trials(
    trials: Sequence[FrozenTrial], study: str, run_ids: Mapping[int, str], *, by_run: bool = False
) -> Board:
    """Return the configurations of a study by mean score, or its trials by score.

    `run_ids` has the MLflow runs that were created after their trials ended, by trial number.
    Where there are several score identities, `others` has them, and nothing is ranked.
    """
    identities = find_identities(trials)
    rows = tuple(Row("", as_run(trial, study, run_ids), read_score(trial)) for trial in trials)
    varied = tuple(dict.fromkeys(key for row in rows for key in row.run.params))
    if len(identities) > 1:
        return Board(rows, "", "", varied, others=identities, by_run=by_run)
    identity, overrides = next(iter(identities.items()), ("", ""))
    ranked, spread = (rank_rows(rows), None) if by_run else rank_configurations(rows)
    shown = drop_seed(varied, ranked)
    return Board(ranked, identity, overrides, shown, by_run=by_run, spread=spread)


def find_identities(trials: Sequence[FrozenTrial]) -> dict[str, str]:
    """Return {score identity: its description} of all trials that have one."""
    known = [trial.user_attrs[IDENTITY] for trial in trials if IDENTITY in trial.user_attrs]
    return dict(map(tuple, known))


def as_run(trial: FrozenTrial, study: str, run_ids: Mapping[int, str]) -> LoggedRun:
    """Return a trial as a logged run, with its own overrides as params."""
    known = trial.user_attrs
    overrides = [word.partition("=") for word in known.get("varied", [])]
    return LoggedRun(
        run_id=known.get("run_id") or run_ids.get(trial.number, ""),
        experiment_id="",
        name=f"trial {trial.number}",
        status="",
        outcome=known.get("outcome", "unfinished"),
        params={key: text for key, _, text in overrides},
        tags={STUDY: study, TRIAL: str(trial.number)},
        metrics={},
        start_ms=_as_ms(trial.datetime_start),
        end_ms=_as_ms(trial.datetime_complete),
        scored_epoch=trial.last_step,
    )


def _as_ms(when: datetime | None) -> int:
    return 0 if when is None else round(when.timestamp() * 1000)


def read_score(trial: FrozenTrial) -> dict[str, float]:
    """Return {"fcd": score}, the last reported one of an incomplete trial; {} without a score."""
    is_scored = trial.state == TrialState.COMPLETE and trial.value is not None
    last = None if trial.last_step is None else trial.intermediate_values[trial.last_step]
    score = trial.value if is_scored else last
    return {"fcd": score} if score is not None and math.isfinite(score) else {}
