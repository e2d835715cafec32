"""The summary of a study: leaderboard, best trial, and the commands to use next.

counts = conclude(console, live, launch, stop_reason="", is_stopped=lambda: False, resume="")
"""

from __future__ import annotations

import dataclasses
import json
import shlex
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial
from rich.console import Console

from dcgan_sweeps.config import find_conf_dir
from dcgan_sweeps.metrics import BEST_SCORE
from dcgan_sweeps.paths import show_path
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
    resume: str,
) -> dict[str, int]:
    """Print and record the summary; return how many trials are complete, pruned and failed.

    `is_stopped` ends the wait for a tracker that is slow or gone. `resume` is the command that
    resumes the study, "" where it has ended. Below the leaderboard there are at most eight lines.
    """
    request, folder = live.request, live.folder
    trials = live.study.get_trials(deepcopy=False)
    board = rank_trials(trials, folder.name, folder.find_run_ids())
    counts, comparable = count_states(trials), not board.others
    best = trials[int(board.rows[0].run.tags[TRIAL])] if board.has_ranks else None
    importances = compute_importances(trials if comparable else [])
    folder.write_text("leaderboard.csv", render_csv(board))
    folder.write_text(
        "importances.json", json.dumps(dataclasses.asdict(importances), indent=2) + "\n"
    )
    best_file = None if best is None else record_best(live, best, composers)
    note_board(live.study, board)
    record_end(live, board, best, counts, importances.shares, stop_reason)
    model = follow_best(live, best)
    limit_s = request.config.tracking.flush_timeout_s
    live.delivery.flush(limit_s, is_stopped, make_say(console))
    # Again, because a run has its id only once it is delivered.
    print_board(console, folder, rank_trials(trials, folder.name, folder.find_run_ids()))
    facts = {"result": f"study {folder.name}: {_say_counts(counts, len(trials), request.total)}"}
    if best is not None:
        address = f", {model.address}" if model is not None and model.address else ""
        facts["best trial"] = f"trial {best.number}, {SCORE} {best.value:.2f}{address}"
    facts |= _name_commands(live, best_file, resume)
    facts |= live.delivery.describe([live.record, *folder.list_trials()], f"study:{folder.name}")
    console.print()
    print_facts(console, facts)
    return counts


def _name_commands(live: LiveStudy, best_file: Path | None, resume: str) -> dict[str, str]:
    """Return {label: command} of the commands that are useful after the study, at most four."""
    commands: dict[str, str] = {}
    if live.request.config.tracking.name != "none":
        commands["report"] = _name_command("report", live, "--html")
        if best_file is not None:
            commands["reproduce"] = _name_command("reproduce", live)
        commands["ui"] = _name_command("ui", live)
    if resume:
        commands["resume with"] = resume
    elif best_file is not None:
        run = ["python", "-m", "dcgan_sweeps.run", f"@{show_path(str(best_file))}"]
        commands["run best"] = shlex.join(run)
    return commands


def record_best(live: LiveStudy, best: FrozenTrial, composers: Composers) -> Path:
    """Write the file of overrides that runs the best configuration alone; return its path."""
    folder = live.folder
    trial = [*live.request.fixed, *best.user_attrs["varied"]]
    own = folder.keep_own_configs(find_conf_dir())
    overrides = list_overrides(trial, own, composers)
    return folder.write_text("best.txt", "\n".join(overrides) + "\n")


def note_board(study: optuna.Study, board: Board) -> None:
    """Write the leaderboard into the note that optuna-dashboard shows with the study."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the warning that a part of it is experimental
        from optuna_dashboard import save_note

        save_note(study, render_markdown(board))


def print_board(console: Console, folder: StudyFolder, board: Board) -> None:
    """Print the first rows of the leaderboard, and the reason where it is not ranked."""
    console.print()
    print_table(console, make_board_table(dataclasses.replace(board, rows=board.rows[:MOST_ROWS])))
    if board.others:
        make_say(console)(f"not ranked: {describe_mixed(board.others)}")
    left = len(board.rows) - MOST_ROWS
    if left > 0:
        make_say(console)(f"and {left} more in {folder.root / 'leaderboard.csv'}")


def _name_command(verb: str, live: LiveStudy, *options: str) -> str:
    tracking = live.request.config.tracking
    place = name_place(tracking.dir, tracking.uri, tracking.experiment)
    command = ["python", "-m", f"dcgan_sweeps.{verb}", f"study:{live.folder.name}"]
    return shlex.join([*command, *options, *place])


def record_end(
    live: LiveStudy,
    board: Board,
    best: FrozenTrial | None,
    counts: Mapping[str, int],
    importances: Mapping[str, float],
    stop_reason: str,
) -> None:
    """Record the end of a study in its parent run."""
    metrics = {f"study/{name}": float(count) for name, count in counts.items()}
    names = shorten_keys([*importances])  # the UI cuts long ones off
    metrics |= {f"importance/{names[key]}": value for key, value in importances.items()}
    tags = {NOTE: render_markdown(board)}
    if best is not None and best.value is not None:
        # Under another name than that of the trials, so that the UI does not rank it with them.
        metrics[BEST_SCORE] = best.value
        tags["best_trial"] = str(best.number)
        tags["best_run"] = find_earlier_run(live.folder, best) or ""
    live.end(stop_reason, metrics, tags)


def follow_best(live: LiveStudy, best: FrozenTrial | None) -> BestModel | None:
    """Register the generator of the best trial once it is delivered; return the registration."""
    if best is None:
        return None
    trial = live.folder.find_trial(best.number)
    run_id = find_earlier_run(live.folder, best)
    model = BestModel(live.record, trial, live.request.config.tracking, run_id)
    live.delivery.add(model)
    return model


def find_earlier_run(folder: StudyFolder, trial: FrozenTrial) -> str | None:
    """Return the id of the earlier run that finished a trial, None where the trial itself ran."""
    ran = folder.find_trial(trial.number).root.is_dir()
    return None if ran else trial.user_attrs.get("run_id")


def _say_counts(counts: dict[str, int], asked: int, total: int) -> str:
    parts = [f"{count} {name}" for name, count in counts.items()]
    unfinished = asked - sum(counts.values())
    parts += [f"{unfinished} unfinished"] if unfinished else []
    parts += [f"{total - asked} not started"] if total > asked else []
    return ", ".join(parts)
