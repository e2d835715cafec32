"""Which run `resume=` names, and what goes on from it.

plan = plan_resumed(request, say=print)
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from dcgan_sweeps.command import Request
from dcgan_sweeps.config import Config, Fault, RequestError, Tracking, flatten
from dcgan_sweeps.execution.plan import Origin, Plan, is_scored, restore_runner
from dcgan_sweeps.logged_config import find_changes, flatten_defaults, read_logged, replace_keys
from dcgan_sweeps.tracking.archive import RUN_ID, LoggedRun, read_run
from dcgan_sweeps.tracking.checkpoints import Checkpoint, read_newest
from dcgan_sweeps.tracking.folder import RunFolder
from dcgan_sweeps.tracking.store import connect, find_store

# May be given anew when a run goes on: where things are, and how often the machine is measured.
MAY_CHANGE = ("tracking.uri", "tracking.dir", "data.dir", "tracking.system_metrics_s")


def plan_resumed(request: Request, say: Callable[[str], None]) -> Plan:
    """Return the plan that goes on with the run that `resume` names.

    With more epochs than that run had, it is a new run that starts from the checkpoint. Raises
    RequestError for a run that cannot go on, and for every other key that is changed.
    """
    target = str(request.config.resume)
    folder, run = find_recorded(target, request.config.tracking)
    provenance = read_provenance(folder, run)
    require_ended(folder)
    logged = read_logged(
        yaml.safe_load((folder.root / "config.yaml").read_text()), provenance.get("meanings", {})
    )
    overrides = yaml.safe_load((folder.root / "overrides.yaml").read_text())
    changes = find_changed_keys(request, logged)
    epochs = changes.get("train.epochs", logged.train.epochs)
    checkpoint = read_newest(folder.checkpoints, say)
    longer = epochs > logged.train.epochs
    if longer:
        _require_checkpoint(folder, checkpoint)
    else:
        require_resumable(folder, run, epochs, logged)
    config = replace_keys(logged, changes)
    runner = restore_runner(logged.runner, provenance["device"])
    if not longer:
        origin = Origin(folder, run, checkpoint, same=True)
        name = folder.root.name if run is None else run.name
        return Plan(config, tuple(overrides), name, runner, {}, origin)
    origin = Origin(folder, run, drop_scores(checkpoint, config), same=False)
    base = (folder.root.name if run is None else run.name).partition(" train.epochs=")[0]
    words = [word for word in overrides if not word.startswith("train.epochs=")]
    words.append(f"train.epochs={epochs}")
    name = config.tracking.run_name or f"{base} train.epochs={epochs}"
    return Plan(config, tuple(words), name, runner, {"continues": origin.name}, origin)


def find_recorded(target: str, tracking: Tracking) -> tuple[RunFolder, LoggedRun | None]:
    """Return the folder of a run, and the run in its store; None where it was not tracked.

    `target` is a run id, or a run's folder. Raises RequestError.
    """
    run = None
    if RUN_ID.fullmatch(target):
        run = read_run(connect(find_store(tracking.uri, tracking.dir)), target, "resume")
        return _find_folder(run, tracking), run
    folder = RunFolder(Path(target).expanduser().resolve())
    if not (folder.root / "config.yaml").is_file():
        problem = f"got {target}; allowed: a run id (32 hexadecimal digits), or a run's folder"
        raise RequestError([Fault("resume", problem)])
    run_id = read_provenance(folder, None)["run_id"]
    if run_id is not None:
        run = read_run(connect(find_store(tracking.uri, tracking.dir)), run_id, "resume")
    return folder, run


def _find_folder(run: LoggedRun, tracking: Tracking) -> RunFolder:
    named = Path(run.tags.get("folder", ""))
    # The second: a store that was moved with its runs.
    for root in (named, Path(tracking.dir).expanduser().resolve() / "runs" / named.name):
        if named.name and (root / "config.yaml").is_file():
            return RunFolder(root)
    problem = f"the folder of run {run.run_id} is not on this machine: {named or 'none was logged'}"
    raise RequestError([Fault("resume", problem)])


def read_provenance(folder: RunFolder, run: LoggedRun | None) -> dict[str, Any]:
    """Return the provenance in a run's folder; raises RequestError where it is of another run."""
    path = folder.root / "provenance.json"
    if not path.is_file():
        problem = f"the run died before anything was trained; start it again ({folder.root})"
        raise RequestError([Fault("resume", problem)])
    provenance: dict[str, Any] = json.loads(path.read_text())
    if run is not None and provenance.get("run_id") != run.run_id:
        problem = f"{folder.root} is the folder of run {provenance.get('run_id')}, not {run.run_id}"
        raise RequestError([Fault("resume", problem)])
    return provenance


def require_ended(folder: RunFolder) -> None:
    """Raise RequestError, naming the process, while the run is still going on."""
    try:
        folder.lock().close()
    except BlockingIOError as error:
        raise RequestError([Fault("resume", f"the run is still going on, as {error}")]) from error


def find_changed_keys(request: Request, logged: Config) -> dict[str, Any]:
    """Return {key: value} of what the request asks beside `resume`; a run goes on unchanged.

    Raises RequestError with every key that may not change.
    """
    asked = flatten(request.config)
    named = {word.lstrip("+~").partition("=")[0] for word in request.overrides}
    wanted = named | set(find_changes(asked, flatten_defaults()))
    before = flatten(logged)
    changes = {key: asked[key] for key in wanted - {"resume"} if key in asked}
    # Where the store is, this request says: it was found there.
    changes |= {key: asked[key] for key in ("tracking.uri", "tracking.dir")}
    faults = [
        Fault(key, f"got {value}; the run has {before[key]}, and goes on unchanged")
        for key, value in sorted(changes.items())
        if value != before[key] and not _may_change(key, value, before[key])
    ]
    if faults:
        longer = f"train.epochs above {logged.train.epochs} trains it longer, as a new run"
        raise RequestError([*faults, Fault("allowed", f"{longer}; {', '.join(MAY_CHANGE)}")])
    return changes


def _may_change(key: str, value: Any, before: Any) -> bool:
    return key in MAY_CHANGE or (key == "train.epochs" and value > before)


def require_resumable(
    folder: RunFolder, run: LoggedRun | None, epochs: int, logged: Config
) -> None:
    """Raise RequestError for a run that has reached its end."""
    outcome = read_outcome(folder) if run is None else run.outcome
    if outcome == "complete":
        problem = f"the run is complete; train.epochs above {epochs} trains it longer"
        raise RequestError([Fault("resume", problem)])
    if outcome == "diverged":
        raise RequestError([Fault("resume", "the run diverged, and would do so again")])


def read_outcome(folder: RunFolder) -> str:
    """Return the outcome that a folder's history ends with, "" where it has none."""
    lines = folder.read_history().splitlines()
    return str(json.loads(lines[-1]).get("outcome", "")) if lines else ""


def _require_checkpoint(folder: RunFolder, checkpoint: Checkpoint | None) -> None:
    if checkpoint is None:
        problem = f"there is no checkpoint to train longer from in {folder.checkpoints}"
        raise RequestError([Fault("resume", problem)])


def drop_scores(checkpoint: Checkpoint | None, config: Config) -> Checkpoint | None:
    """Return a checkpoint without the scores that `config` would not have taken.

    A run is always scored at its last epoch, which need not be one of `score.every`.
    """
    if checkpoint is None:
        return None
    lines = [
        line
        for line in checkpoint.history.splitlines(keepends=True)
        if _is_wanted(json.loads(line), config)
    ]
    return dataclasses.replace(checkpoint, history="".join(lines))


def _is_wanted(record: Mapping[str, Any], config: Config) -> bool:
    return "score/fcd" not in record or is_scored(config, record["epoch"])
