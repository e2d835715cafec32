"""The summary of a study: leaderboard, best configuration, importances, the registered generator.

counts = conclude(console, request, folder, study, record, launch, stop_reason="")
"""

from __future__ import annotations

import dataclasses
import json
import shlex
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial
from rich.console import Console

from dcgan_sweeps.config import find_conf_dir
from dcgan_sweeps.place import name_place
from dcgan_sweeps.reporting.export import make_board_table, render_csv, render_markdown
from dcgan_sweeps.reporting.leaderboard import Board
from dcgan_sweeps.reporting.optuna_study import compute_importances
from dcgan_sweeps.runs.scores import describe_mixed
from dcgan_sweeps.sweep.best import Composers, list_overrides
from dcgan_sweeps.sweep.folder import StudyFolder
from dcgan_sweeps.sweep.ranking import rank_trials
from dcgan_sweeps.sweep.record import StudyRecord
from dcgan_sweeps.sweep.request import StudyRequest
from dcgan_sweeps.sweep.result import SCORE
from dcgan_sweeps.sweep.view import count_states
from dcgan_sweeps.terminal import make_say, print_facts, print_table, shorten_keys
from dcgan_sweeps.tracking import children
from dcgan_sweeps.tracking.children import TRIAL
from dcgan_sweeps.tracking.secrets import mask_secrets

MOST_ROWS = 20  # rows in the terminal
MLFLOW_STATUS_OF_STOP = {"interrupted": "KILLED", "time limit": "KILLED", "failures": "FAILED"}


def conclude(
    console: Console,
    request: StudyRequest,
    folder: StudyFolder,
    study: optuna.Study,
    record: StudyRecord,
    composers: Composers,
    stop_reason: str,
) -> dict[str, int]:
    """Print and record what came out; return how many trials are complete, pruned, failed."""
    trials = study.get_trials(deepcopy=False)
    board, counts = rank_trials(trials, folder.name), count_states(trials)
    comparable = not board.others
    best = trials[int(board.rows[0].run.tags[TRIAL])] if board.has_ranks else None
    importances = compute_importances(study, request.settings.seed) if comparable else {}
    files = [
        folder.write_text("leaderboard.csv", render_csv(board)),
        folder.write_text("importances.json", json.dumps(importances, indent=2) + "\n"),
    ]
    facts = {"study": folder.name, "trials": _say_counts(counts, len(trials), request.total)}
    if best is not None:
        trial = [*request.fixed, *best.user_attrs["varied"]]
        own = folder.keep_own_configs(find_conf_dir())
        overrides = list_overrides(trial, own, composers)
        files.append(folder.write_text("best.txt", "\n".join(overrides) + "\n"))
        facts |= {
            "best": f"trial {best.number}, {SCORE} {best.value:.2f}",
            "run it": shlex.join(["python", "-m", "dcgan_sweeps.run", f"@{files[-1]}"]),
            "reproduce": _name_command("reproduce", folder, request),
        }
    if importances:
        facts["importances"] = ", ".join(f"{key} {x:.2f}" for key, x in importances.items())
    if record.client is not None and record.parent is not None:
        facts |= record_summary(record, board, best, counts, importances, stop_reason, files)
    console.print()
    print_table(console, make_board_table(dataclasses.replace(board, rows=board.rows[:MOST_ROWS])))
    if not comparable:
        make_say(console)(f"not ranked: {describe_mixed(board.others)}")
    if len(trials) > MOST_ROWS:
        make_say(console)(
            f"and {len(trials) - MOST_ROWS} more in {folder.root / 'leaderboard.csv'}"
        )
    if record.client is not None:
        facts["look"] = _name_command("report", folder, request, "--html")
    console.print()
    print_facts(console, facts)
    return counts


def _name_command(verb: str, folder: StudyFolder, request: StudyRequest, *overrides: str) -> str:
    tracking = request.config.tracking
    uri = None if tracking.uri is None else mask_secrets(tracking.uri)
    place = name_place(tracking.dir, uri, tracking.experiment)
    command = ["python", "-m", f"dcgan_sweeps.{verb}", f"study:{folder.name}"]
    return shlex.join([*command, *overrides, *place])


def record_summary(
    record: StudyRecord,
    board: Board,
    best: FrozenTrial | None,
    counts: dict[str, int],
    importances: dict[str, float],
    stop_reason: str,
    files: list[Path],
) -> dict[str, str]:
    """Write the end of a study to its parent run; return what a person wants to know of that."""
    client, parent = record.client, record.parent
    if client is None or parent is None:
        return {}
    facts = {"parent run": parent}
    runs = record.find_children()
    metrics = {f"study/{name}": float(count) for name, count in counts.items()}
    names = shorten_keys([*importances])  # the UI cuts long ones off
    metrics |= {f"importance/{names[key]}": value for key, value in importances.items()}
    tags = {"outcome": stop_reason or "complete"}
    if best is not None and best.value is not None:
        metrics[SCORE] = best.value
        tags["best_trial"] = str(best.number)
        version = None
        if best.number in runs:
            version = children.register_best(client, record.folder.name, runs[best.number])
        if version is not None:
            facts["model"] = f"models:/{record.folder.name}@{children.BEST} (version {version})"
    children.describe(client, parent, render_markdown(board))
    status = MLFLOW_STATUS_OF_STOP.get(stop_reason, "FINISHED")
    children.end_parent(client, parent, status, tags, metrics, files)
    return facts


def _say_counts(counts: dict[str, int], asked: int, total: int) -> str:
    parts = [f"{count} {name}" for name, count in counts.items()]
    unfinished = asked - sum(counts.values())
    parts += [f"{unfinished} unfinished, kept for resuming"] if unfinished else []
    parts += [f"{total - asked} not asked"] if total > asked else []
    return ", ".join(parts)
