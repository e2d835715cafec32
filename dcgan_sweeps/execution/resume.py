"""Finds the run that `resume=` names, and builds the spec that resumes it.

spec = build_resumed_spec(request, say=print)
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from dcgan_sweeps.command import Request
from dcgan_sweeps.config.faults import Fault, RequestError, refuse, require_none
from dcgan_sweeps.config.flat import flatten
from dcgan_sweeps.config.schema import Config, Tracking
from dcgan_sweeps.execution.spec import (
    ResumePoint,
    RunSpec,
    is_examined,
    is_scored,
    restore_runner,
)
from dcgan_sweeps.logged_config import (
    compute_config_hash,
    find_changes,
    flatten_defaults,
    is_hashed,
    rename_logged,
    replace_keys,
)
from dcgan_sweeps.paths import resolve_folder
from dcgan_sweeps.runs.logged_run import LoggedRun
from dcgan_sweeps.runs.selection import ALLOWED, find_run, is_run_name
from dcgan_sweeps.tracking.checkpoints import Checkpoint, read_grids, read_newest
from dcgan_sweeps.tracking.delivery import is_mirrored
from dcgan_sweeps.tracking.edits import CONFIG, OVERRIDES
from dcgan_sweeps.tracking.folder import RUN_FILE, RunFolder
from dcgan_sweeps.tracking.logged_files import (
    read_files,
    read_provenance,
    require_provenance,
)
from dcgan_sweeps.tracking.mirror import is_delivered
from dcgan_sweeps.tracking.outcome import Outcome
from dcgan_sweeps.tracking.present import find_own_run
from dcgan_sweeps.tracking.store import Client, answering, open_store

# Keys that may change when a run is resumed: places, and how often system metrics are sampled.
MAY_CHANGE = (
    "tracking.uri",
    "tracking.dir",
    "tracking.offline",
    "tracking.flush_timeout_s",
    "tracking.system_metrics_s",
    "data.dir",
)


def build_resumed_spec(request: Request, say: Callable[[str], None]) -> RunSpec:
    """Return the spec that resumes the run that `resume` names.

    With more epochs than that run has, the spec is that of a new run that starts from the
    checkpoint. Raises RequestError for a run that cannot be resumed, and for every other key that
    is changed.
    """
    folder = find_recorded(str(request.config.resume), request.config.tracking)
    files = read_files(folder)
    require_none(files.edits)
    with released_on_refusal(hold(folder)) as lock:
        logged = files.config
        changes = find_changed_keys(request, logged)
        epochs = changes.get("train.epochs", logged.train.epochs)
        is_longer = epochs > logged.train.epochs
        if not is_longer:
            require_resumable(folder, request.config.tracking, epochs)
        checkpoint = read_own_checkpoint(folder, logged, say)
        where = "its start" if checkpoint is None else f"step {checkpoint.step}"
        say(f"resuming {folder.root.name} from {where}")
        resume_point = ResumePoint(folder, lock, files.provenance, checkpoint, same=not is_longer)
        config = replace_keys(logged, changes)
        runner = restore_runner(logged.runner, files.provenance)
        spec = RunSpec(config, files.overrides, folder.read_name(), runner, {}, resume_point)
        return build_longer_spec(spec) if is_longer else spec


def read_unedited(config: Config, folder: RunFolder) -> Mapping[str, Any]:
    """Return the provenance of a trial that starts again, {} where none was written.

    `config` is the configuration that the study gives the trial. Raises RequestError where a file
    of an earlier start is damaged or was edited, or where `config` differs from the logged one.
    """
    if not all((folder.root / name).is_file() for name in (CONFIG, OVERRIDES)):
        return read_provenance(folder)
    files = read_files(folder)
    require_none(files.edits)
    changes = find_changes(flatten(files.config), flatten(config))
    faults = [
        Fault(key, f"got {now}; the trial started with {before}, which cannot change")
        for key, (before, now) in changes.items()
        if is_hashed(key)
    ]
    if faults:
        raise RequestError(faults)
    return files.provenance


@contextmanager
def released_on_refusal(lock: IO[str]) -> Iterator[IO[str]]:
    """Release the lock where the run cannot be resumed, and raise the error again."""
    try:
        yield lock
    except BaseException:
        lock.close()
        raise


def read_own_checkpoint(
    folder: RunFolder, config: Config, say: Callable[[str], None]
) -> Checkpoint | None:
    """Return the newest undamaged checkpoint of a run, None where it has none.

    `say` gets a line for each damaged checkpoint, and for each missing sample grid. Raises
    RequestError for a checkpoint of a run with another configuration, and where the provenance or
    a sample grid, which the resumed run keeps, was changed.
    """
    checkpoint = read_newest(folder.checkpoints, say)
    if checkpoint is None:
        return None
    require_provenance(folder)
    mine = compute_config_hash(flatten(config))
    its = rename_logged(checkpoint.facts).get("config_hash")
    if its not in (None, mine):
        problem = f"step {checkpoint.step} has config hash {its}; the run has {mine}"
        raise refuse(str(folder.checkpoints), problem)
    frames, faults = folder.find_frames(), []
    for epoch, sha256 in read_grids(checkpoint).items():
        if epoch not in frames:
            say(f"the sample grid of epoch {epoch} is missing: {folder.find_frame(epoch)}")
        elif hashlib.sha256(frames[epoch].read_bytes()).hexdigest() != sha256:
            problem = "was changed since the run wrote it; restore the file, or remove it"
            faults.append(Fault(str(frames[epoch]), problem))
    if faults:
        raise RequestError(faults)
    before = checkpoint.history.encode()
    if not folder.history.is_file() or not begins_with(folder.history, before):
        say(f"{folder.history} was changed; it is restored from the checkpoint")
    return checkpoint


def begins_with(path: Path, content: bytes) -> bool:
    """Return whether a file begins with `content`."""
    with path.open("rb") as file:
        return file.read(len(content)) == content


def build_longer_spec(spec: RunSpec) -> RunSpec:
    """Return the spec of a new run that trains longer than the run that `spec` resumes.

    Raises RequestError where that run has no checkpoint.
    """
    resume_point, config = spec.resume_point, spec.config
    if resume_point is None or resume_point.checkpoint is None:
        raise refuse("resume", "the run has no checkpoint from which it could train longer")
    word = f"train.epochs={config.train.epochs}"
    words = [each for each in spec.overrides if not each.startswith("train.epochs=")]
    name = f"{spec.name.partition(' train.epochs=')[0]} {word}"
    return dataclasses.replace(
        spec,
        overrides=(*words, word),
        name=config.tracking.run_name or name,
        tags={"continues": resume_point.name},
        resume_point=dataclasses.replace(
            resume_point, checkpoint=drop_scores(resume_point.checkpoint, config)
        ),
    )


def find_recorded(target: str, tracking: Tracking) -> RunFolder:
    """Return the folder of the run that `target` names; raises RequestError.

    `target` is best, latest, study:NAME, a run id or its start, or the folder of a run.
    """
    if is_run_name(target) and not Path(target).is_dir():
        with answering():
            client = open_store(tracking.uri, tracking.dir)
            return find_folder(_find_logged(client, tracking.experiment, target), tracking)
    folder = RunFolder(resolve_folder("resume", target))
    if not (folder.root / RUN_FILE).is_file():
        problem = f"got {target}; {ALLOWED}, or a run's folder"
        raise refuse("resume", problem)
    _require_files(folder)
    if is_mirrored(tracking) and folder.read_run_id() is not None:
        with answering():
            find_own_run(open_store(tracking.uri, tracking.dir), folder)
    return folder


def _find_logged(client: Client, experiment: str, target: str) -> LoggedRun:
    try:
        return find_run(client, experiment, target)[0]
    except RequestError as error:
        raise RequestError([Fault("resume", each.problem) for each in error.faults]) from error


def find_folder(run: LoggedRun, tracking: Tracking) -> RunFolder:
    """Return the folder of a tracked run; raises RequestError where it is not on this machine."""
    named = Path(run.tags.get("folder", ""))
    # The second is for a store that was moved with its runs.
    for root in (named, Path(tracking.dir).expanduser().resolve() / "runs" / named.name):
        folder = RunFolder(root)
        if named.name and folder.read_run_id() == run.run_id:
            _require_files(folder)
            return folder
    where = f" ({named})" if run.tags.get("folder") else "; it logged none"
    problem = f"the folder of run {run.run_id} is not on this machine{where}"
    raise refuse("resume", problem)


def _require_files(folder: RunFolder) -> None:
    for name in (CONFIG, OVERRIDES):
        if not (folder.root / name).is_file():
            problem = f"the run died before it wrote {name}; start a new run"
            raise refuse("resume", f"{problem} ({folder.root})")


def hold(folder: RunFolder) -> IO[str]:
    """Lock a run and return the lock; raises RequestError that names a process that runs it."""
    try:
        return folder.lock()
    except BlockingIOError as error:
        raise refuse("resume", f"the run is still running, as {error}") from error


def find_changed_keys(request: Request, logged: Config) -> dict[str, Any]:
    """Return {key: value} of the keys that the request sets in addition to `resume`.

    Raises RequestError with a fault for every key that may not change.
    """
    asked = flatten(request.config)
    named = {word.lstrip("+~").partition("=")[0] for word in request.overrides}
    wanted = named | set(find_changes(asked, flatten_defaults()))
    before = flatten(logged)
    changes = {key: asked[key] for key in wanted - {"resume"} if key in asked}
    # The run was found in the store of this request, which may have moved.
    changes |= {key: asked[key] for key in ("tracking.uri", "tracking.dir")}
    faults = [
        Fault(key, f"got {value}; the run started with {before[key]}, which cannot change")
        for key, value in sorted(changes.items())
        if value != before[key] and not _may_change(key, value, before[key])
    ]
    if faults:
        longer = f"train.epochs above {logged.train.epochs}, which trains longer as a new run"
        raise RequestError([*faults, Fault("allowed", f"{longer}; {', '.join(MAY_CHANGE)}")])
    return changes


def _may_change(key: str, value: Any, before: Any) -> bool:
    return key in MAY_CHANGE or (key == "train.epochs" and value > before)


def require_resumable(folder: RunFolder, tracking: Tracking, epochs: int) -> None:
    """Raise RequestError for a run that is complete or has diverged, as its folder says.

    One that is not yet delivered to its tracker may be resumed from its last checkpoint.
    """
    ending = folder.read_ending()
    if ending is None or (is_mirrored(tracking) and not is_delivered(folder)):
        return
    if ending.outcome == Outcome.COMPLETE:
        problem = f"the run is complete; train.epochs above {epochs} trains it longer"
        raise refuse("resume", problem)
    if ending.outcome == Outcome.DIVERGED:
        raise refuse("resume", "the run diverged, and would diverge again")


def drop_scores(checkpoint: Checkpoint, config: Config) -> Checkpoint:
    """Return a checkpoint without the scores and extra metrics that `config` does not ask for.

    A run is always scored at its last epoch, which need not be one of `score.every`.
    """
    lines = [
        line
        for line in checkpoint.history.splitlines(keepends=True)
        if _is_wanted(json.loads(line), config)
    ]
    return dataclasses.replace(checkpoint, history="".join(lines))


def _is_wanted(record: Mapping[str, Any], config: Config) -> bool:
    if "score/fcd" in record:
        return is_scored(config, record["epoch"])
    return "score/kid" not in record or is_examined(config, record["epoch"])
