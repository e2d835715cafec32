"""The summary of a study: leaderboard, best configuration, importances, the registered generator.

counts = conclude(console, live, launch, stop_reason="", is_stopped=interrupts.listen())
"""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Callable, Mapping, Sequence

from optuna.trial import FrozenTrial
from rich.console import Console

from dcgan_sweeps.config import find_conf_dir
from dcgan_sweeps.place import name_place
from dcgan_sweeps.runs.scores import describe_mixed
from dcgan_sweeps.sweep.best import Composers, find_best, list_overrides
from dcgan_sweeps.sweep.folder import StudyFolder
from dcgan_sweeps.sweep.importances import compute_importances
from dcgan_sweeps.sweep.leaderboard import (
    COLUMNS,
    Row,
    find_identities,
    rank,
    render_csv,
    render_markdown,
)
from dcgan_sweeps.sweep.live_study import LiveStudy
from dcgan_sweeps.sweep.request import StudyRequest
from dcgan_sweeps.sweep.result import SCORE
from dcgan_sweeps.sweep.view import count_states
from dcgan_sweeps.terminal import make_say, make_table, print_facts, shorten_keys
from dcgan_sweeps.tracking.best_model import BestModel
from dcgan_sweeps.tracking.secrets import mask_secrets

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
    rows, counts = rank(trials), count_states(trials)
    identities = find_identities(trials)
    comparable = len(identities) < 2
    best = find_best(trials) if comparable else None
    importances = compute_importances(live.study, request.settings.seed) if comparable else {}
    rows = [name_run(folder, row) for row in rows]
    folder.write_text("leaderboard.csv", render_csv(rows))
    folder.write_text("importances.json", json.dumps(importances, indent=2) + "\n")
    facts = {"study": folder.name, "trials": _say_counts(counts, len(trials), request.total)}
    if best is not None:
        facts |= record_best(live, best, composers)
    if importances:
        facts["importances"] = ", ".join(f"{key} {x:.2f}" for key, x in importances.items())
    record_end(live, rows, best, counts, importances, stop_reason)
    model = follow_best(live, best)
    say = make_say(console)
    live.delivery.flush(request.config.tracking.flush_timeout_s, is_stopped, say)
    if live.delivery.run_id is not None:
        facts["parent run"] = live.delivery.run_id
    if model is not None and model.address:
        facts["model"] = model.address
    print_board(console, folder, rows, identities)
    if request.config.tracking.name != "none":
        facts["look"] = _name_command("report", folder, request, "--html")
    facts |= live.delivery.describe([live.record, *folder.list_trials()], f"study:{folder.name}")
    console.print()
    print_facts(console, facts)
    return counts


def name_run(folder: StudyFolder, row: Row) -> Row:
    """Return a row with the MLflow run of its trial, which may have come after the trial's end."""
    run_id = folder.find_trial(row.trial).read_run_id()
    return row if run_id is None else dataclasses.replace(row, run_id=run_id)


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


def print_board(
    console: Console, folder: StudyFolder, rows: Sequence[Row], identities: Mapping[str, str]
) -> None:
    """Print the first rows, and why they are not ranked where they cannot be."""
    console.print()
    table = make_table(COLUMNS, [row.as_text() for row in rows[:MOST_ROWS]])
    table.columns[2].justify = "left"
    console.print(table)
    if len(identities) > 1:
        make_say(console)(f"not ranked: {describe_mixed(identities)}")
    if len(rows) > MOST_ROWS:
        make_say(console)(f"and {len(rows) - MOST_ROWS} more in {folder.root / 'leaderboard.csv'}")


def _name_command(verb: str, folder: StudyFolder, request: StudyRequest, *overrides: str) -> str:
    tracking = request.config.tracking
    uri = None if tracking.uri is None else mask_secrets(tracking.uri)
    place = name_place(tracking.dir, uri, tracking.experiment)
    command = ["python", "-m", f"dcgan_sweeps.{verb}", f"study:{folder.name}"]
    return shlex.join([*command, *overrides, *place])


def record_end(
    live: LiveStudy,
    rows: Sequence[Row],
    best: FrozenTrial | None,
    counts: Mapping[str, int],
    importances: Mapping[str, float],
    stop_reason: str,
) -> None:
    """Record the end of a study, as its parent run has it."""
    metrics = {f"study/{name}": float(count) for name, count in counts.items()}
    names = shorten_keys([*importances])  # the UI cuts long ones off
    metrics |= {f"importance/{names[key]}": value for key, value in importances.items()}
    tags = {NOTE: render_markdown(rows)}
    if best is not None and best.value is not None:
        metrics[SCORE] = best.value
        tags["best_trial"] = str(best.number)
    live.end(stop_reason, metrics, tags)


def follow_best(live: LiveStudy, best: FrozenTrial | None) -> BestModel | None:
    """Have the generator of the best trial registered, and return its registration."""
    if best is None:
        return None
    trial = live.folder.find_trial(best.number)
    model = BestModel(live.folder.name, trial, live.request.config.tracking)
    live.delivery.add(model)
    return model


def _say_counts(counts: dict[str, int], asked: int, total: int) -> str:
    parts = [f"{count} {name}" for name, count in counts.items()]
    unfinished = asked - sum(counts.values())
    parts += [f"{unfinished} unfinished, kept for resuming"] if unfinished else []
    parts += [f"{total - asked} not asked"] if total > asked else []
    return ", ".join(parts)
