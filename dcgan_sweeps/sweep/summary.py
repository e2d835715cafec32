"""The summary of a study: leaderboard, best trial, and the commands to use next.

counts = conclude(console, live, launch, stop_reason="", is_stopped=lambda: False, resume="")
"""

from __future__ import annotations

import dataclasses
import json
import shlex
import statistics
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial, TrialState
from rich.console import Console

from dcgan_sweeps.config.compose import find_conf_dir
from dcgan_sweeps.config.parts import list_conf_folders
from dcgan_sweeps.metrics import BEST_SCORE, METRICS
from dcgan_sweeps.paths import show_path
from dcgan_sweeps.place import name_place
from dcgan_sweeps.reporting.export import (
    SEED_COLUMNS,
    make_board_table,
    make_columns,
    make_legend,
    render_csv,
    render_markdown,
)
from dcgan_sweeps.reporting.leaderboard import Board, Row, describe_spread
from dcgan_sweeps.reporting.optuna_study import compute_importances
from dcgan_sweeps.runs.scores import describe_mixed
from dcgan_sweeps.scoring.noise import TRAINING_NOISE
from dcgan_sweeps.sweep.best import list_overrides
from dcgan_sweeps.sweep.confirmation.command import name_command
from dcgan_sweeps.sweep.folder import StudyFolder
from dcgan_sweeps.sweep.launch import Composers
from dcgan_sweeps.sweep.live_study import LiveStudy
from dcgan_sweeps.sweep.ranking import rank_trials
from dcgan_sweeps.sweep.request import StudyRequest
from dcgan_sweeps.sweep.result import SCORE
from dcgan_sweeps.sweep.view import count_states
from dcgan_sweeps.terminal import format_duration, make_say, print_facts, print_table, shorten_keys
from dcgan_sweeps.tracking.best_model import BestModel
from dcgan_sweeps.tracking.folder import TRIAL

USUAL_LOOK = 3  # seeds of each configuration after which a gain of a fifth is usually confirmed
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
    resumes the study, "" where it has ended. Below the leaderboard there are at most ten lines.
    """
    request, folder = live.request, live.folder
    trials = live.study.get_trials(deepcopy=False)
    board = rank_trials(trials, folder.name, folder.find_run_ids())
    counts, comparable = count_states(trials), not board.others
    best = trials[int(board.rows[0].run.tags[TRIAL])] if board.has_ranks else None
    # A confirmation varies nothing but its arms.
    importances = compute_importances(trials if comparable and not request.confirmation else [])
    every_trial = rank_trials(trials, folder.name, folder.find_run_ids(), by_run=True)
    folder.write_text("leaderboard.csv", render_csv(every_trial))
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
        of = describe_mean(board.rows[0])
        facts["best trial"] = f"trial {best.number}, {SCORE} {best.value:.2f}{of}{address}"
    if not request.confirmation:
        facts |= say_certainty(board, trials, request)
    facts |= _name_commands(live, best_file, resume)
    facts |= live.delivery.describe([live.record, *folder.list_trials()], f"study:{folder.name}")
    console.print()
    print_facts(console, facts)
    return counts


def say_certainty(
    board: Board, trials: Sequence[FrozenTrial], request: StudyRequest
) -> dict[str, str]:
    """Say how sure the ranking of a study is, and how long it takes to confirm its best.

    Nothing is said of a study with fewer than two complete trials.
    """
    ended = [each for each in trials if each.state == TrialState.COMPLETE]
    tied = sum(row.rank == board.rows[0].rank for row in board.rows)
    if len(ended) < 2 or not board.has_ranks:
        return {}
    seconds = [each.duration.total_seconds() for each in ended if each.duration is not None]
    runs = (1 + request.settings.confirmation.finalists) * USUAL_LOOK
    time = format_duration(runs * statistics.median(seconds))
    spread = TRAINING_NOISE if board.spread is None else board.spread.sd
    noise = f"{2**0.5 * spread:.0%}"
    first = f"{tied} of {len(board.rows)} are tied" if tied > 1 else "the first one leads"
    said = f"{first}, as two seeds differ by up to {noise}; to confirm: about {runs} runs"
    return {"ranking": f"{said}, {time} of a slot"}


def describe_mean(row: Row) -> str:
    """Return the mean of the best configuration after the score of its best trial."""
    if not row.interval or row.score is None:
        return ""
    return f" (mean of {row.count} seeds {METRICS[SCORE].show(row.score)})"


def _name_commands(live: LiveStudy, best_file: Path | None, resume: str) -> dict[str, str]:
    """Return {label: command} of the commands that are useful after the study, at most five."""
    commands: dict[str, str] = {}
    if live.request.config.tracking.name != "none":
        commands["report"] = _name_command("report", live, "--html")
        if best_file is not None:
            commands["reproduce"] = _name_command("reproduce", live)
        commands["ui"] = _name_command("ui", live)
    if best_file is not None and not resume and not live.request.confirmation:
        commands["confirm"] = name_command(live.folder.name, sys.argv[1:])
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
    own = folder.keep_own_configs([find_conf_dir(), *(each for _, each in list_conf_folders())])
    overrides = list_overrides(trial, own, composers)
    return folder.write_text("best.txt", "\n".join(overrides) + "\n")


def note_board(study: optuna.Study, board: Board) -> None:
    """Write the leaderboard into the note that optuna-dashboard shows with the study."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the warning that a part of it is experimental
        from optuna_dashboard import save_note

        save_note(study, render_note(board))


def render_note(board: Board) -> str:
    """Return the leaderboard as Markdown, with the meaning of its means where it has any."""
    legend = make_legend(make_columns(board)) if board.spread is not None else ""
    lines = [legend, board.tie_rule, *board.notes] if legend else []
    return "\n\n".join([render_markdown(board), *filter(None, lines)])


def print_board(console: Console, folder: StudyFolder, board: Board) -> None:
    """Print the first rows of the leaderboard, and the reason where it is not ranked.

    Where rows are means of several seeds, two lines say so.
    """
    console.print()
    print_table(console, make_board_table(dataclasses.replace(board, rows=board.rows[:MOST_ROWS])))
    if board.spread is not None:
        make_say(console)(make_legend(SEED_COLUMNS))
        make_say(console)(describe_spread(board.spread))
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
    tags = {NOTE: render_note(board)}
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
