"""The summary of a study: leaderboard, best configuration, importances, the registered generator.

counts = conclude(console, live, launch, stop_reason="", is_stopped=interrupts.listen())
"""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Callable, Mapping

from optuna.trial import FrozenTrial
from rich.console import Console

from dcgan_sweeps.config import find_conf_dir
from dcgan_sweeps.place import name_place
from dcgan_sweeps.reporting.export import make_board_table, render_csv, render_markdown
from dcgan_sweeps.reporting.leaderboard import Board
from dcgan_sweeps.reporting.optuna_study import compute_importances
from dcgan_sweeps.runs.scores import describe_mixed
from dcgan_sweeps.sweep.best import list_overrides
from dcgan_sweeps.sweep.folder import StudyFolder
from dcgan_sweeps.sweep.launch import Composers
from dcgan_sweeps.sweep.live_study import LiveStudy
from dcgan_sweeps.sweep.ranking import rank_trials
from dcgan_sweeps.sweep.request import StudyRequest
from dcgan_sweeps.sweep.result import SCORE
from dcgan_sweeps.sweep.view import count_states
from dcgan_sweeps.terminal import make_say, print_facts, print_table, shorten_keys
from dcgan_sweeps.tracking.best_model import BestModel
from dcgan_sweeps.tracking.folder import TRIAL

MOST_ROWS = 20  # rows in the terminal
NOTE = "mlflow.note.content"  # what the UI shows as a run's description


def conclude(
    console: Console,
    live: LiveStudy,
    composers: Composers,
    stop_reason: str,
    is_stopped: Callable[[], bool],
) -> dict[str, int]:
    """Print and record what came out; return how many trials are complete, pruned, failed.

    `is_stopped` ends the wait for a tracker that is slow or gone.
    """
    request, folder = live.request, live.folder
    trials = live.study.get_trials(deepcopy=False)
    board = rank_trials(trials, folder.name, folder.find_run_ids())
    counts, comparable = count_states(trials), not board.others
    best = trials[int(board.rows[0].run.tags[TRIAL])] if board.has_ranks else None
    importances = compute_importances(live.study, request.settings.seed) if comparable else {}
    folder.write_text("leaderboard.csv", render_csv(board))
    folder.write_text("importances.json", json.dumps(importances, indent=2) + "\n")
    facts = {"study": folder.name, "trials": _say_counts(counts, len(trials), request.total)}
    if best is not None:
        facts |= record_best(live, best, composers)
    if importances:
        facts["importances"] = ", ".join(f"{key} {x:.2f}" for key, x in importances.items())
    record_end(live, board, best, counts, importances, stop_reason)
    model = follow_best(live, best)
    say = make_say(console)
    live.delivery.flush(request.config.tracking.flush_timeout_s, is_stopped, say)
    if live.delivery.run_id is not None:
        facts["parent run"] = live.delivery.run_id
    if model is not None and model.address:
        facts["model"] = model.address
    print_board(console, folder, board)
    if request.config.tracking.name != "none":
        facts["look"] = _name_command("report", folder, request, "--html")
    facts |= live.delivery.describe([live.record, *folder.list_trials()], f"study:{folder.name}")
    console.print()
    print_facts(console, facts)
    return counts


def record_best(live: LiveStudy, best: FrozenTrial, composers: Composers) -> dict[str, str]:
    """Write the file that runs the best configuration alone; return what people want to know."""
    folder = live.folder
    trial = [*live.request.fixed, *best.user_attrs["varied"]]
    own = folder.keep_own_configs(find_conf_dir())
    overrides = list_overrides(trial, own, composers)
    path = folder.write_text("best.txt", "\n".join(overrides) + "\n")
    return {
        "best": f"trial {best.number}, {SCORE} {best.value:.2f}",
        "run it": shlex.join(["python", "-m", "dcgan_sweeps.run", f"@{path}"]),
        "reproduce": _name_command("reproduce", folder, live.request),
    }


def print_board(console: Console, folder: StudyFolder, board: Board) -> None:
    """Print the first rows, and why they are not ranked where they cannot be."""
    console.print()
    print_table(console, make_board_table(dataclasses.replace(board, rows=board.rows[:MOST_ROWS])))
    if board.others:
        make_say(console)(f"not ranked: {describe_mixed(board.others)}")
    left = len(board.rows) - MOST_ROWS
    if left > 0:
        make_say(console)(f"and {left} more in {folder.root / 'leaderboard.csv'}")


def _name_command(verb: str, folder: StudyFolder, request: StudyRequest, *overrides: str) -> str:
    tracking = request.config.tracking
    place = name_place(tracking.dir, tracking.uri, tracking.experiment)
    command = ["python", "-m", f"dcgan_sweeps.{verb}", f"study:{folder.name}"]
    return shlex.join([*command, *overrides, *place])


def record_end(
    live: LiveStudy,
    board: Board,
    best: FrozenTrial | None,
    counts: Mapping[str, int],
    importances: Mapping[str, float],
    stop_reason: str,
) -> None:
    """Record the end of a study, as its parent run has it."""
    metrics = {f"study/{name}": float(count) for name, count in counts.items()}
    names = shorten_keys([*importances])  # the UI cuts long ones off
    metrics |= {f"importance/{names[key]}": value for key, value in importances.items()}
    tags = {NOTE: render_markdown(board)}
    if best is not None and best.value is not None:
        metrics[SCORE] = best.value
        tags["best_trial"] = str(best.number)
        tags["best_run"] = find_earlier_run(live.folder, best) or ""
    live.end(stop_reason, metrics, tags)


def follow_best(live: LiveStudy, best: FrozenTrial | None) -> BestModel | None:
    """Have the generator of the best trial registered, and return its registration."""
    if best is None:
        return None
    trial = live.folder.find_trial(best.number)
    run_id = find_earlier_run(live.folder, best)
    model = BestModel(live.record, trial, live.request.config.tracking, run_id)
    live.delivery.add(model)
    return model


def find_earlier_run(folder: StudyFolder, trial: FrozenTrial) -> str | None:
    """Return the id of the run that had finished a trial before it began; None where it ran."""
    ran = folder.find_trial(trial.number).root.is_dir()
    return None if ran else trial.user_attrs.get("run_id")


def _say_counts(counts: dict[str, int], asked: int, total: int) -> str:
    parts = [f"{count} {name}" for name, count in counts.items()]
    unfinished = asked - sum(counts.values())
    parts += [f"{unfinished} unfinished, kept for resuming"] if unfinished else []
    parts += [f"{total - asked} not asked"] if total > asked else []
    return ", ".join(parts)
