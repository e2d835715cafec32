"""Removes a run or a study: its runs in MLflow go to the trash there, its folder is deleted.

removal = plan_removal(client, place, "study:lr")
removal.describe()    # "study lr: 12 runs in MLflow, folder mlruns/studies/lr (34.1 MB)"
removal.remove()
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dcgan_sweeps.config.faults import refuse
from dcgan_sweeps.paths import show_path
from dcgan_sweeps.runs.logged_run import LoggedRun
from dcgan_sweeps.runs.selection import STUDY, Place, find_of_study, find_run
from dcgan_sweeps.runs.stale import find_own_folder
from dcgan_sweeps.sweep.folder import StudyFolder
from dcgan_sweeps.sweep.pending import is_run
from dcgan_sweeps.tracking.folder import STUDY as STUDY_TAG
from dcgan_sweeps.tracking.folder import RunFolder
from dcgan_sweeps.tracking.store import Client


@dataclass(frozen=True)
class Removal:
    """The parts of a run or a study: its runs in MLflow, and its folder, if there is one.

    In each folder of `records` a process could still be working.
    """

    name: str
    client: Client | None
    runs: Sequence[LoggedRun]
    root: Path | None
    records: Sequence[RunFolder]

    def describe(self) -> str:
        """Return one line that says what would be removed."""
        count = "1 run" if len(self.runs) == 1 else f"{len(self.runs)} runs"
        if self.root is None:
            return f"{self.name}: {count} in MLflow, no folder in this place"
        size = sum(each.lstat().st_size for each in self.root.rglob("*")) / 1e6
        return f"{self.name}: {count} in MLflow, folder {show_path(str(self.root))} ({size:.1f} MB)"

    def remove(self) -> None:
        """Move the runs to MLflow's trash, then delete the folder.

        After a failure or a kill, removing again goes on with what is left. Raises RequestError,
        with nothing removed, while a process works on one of the runs; OSError; and what MLflow
        raises.
        """
        with contextlib.ExitStack() as locks:
            for each in self.records:
                locks.enter_context(_hold(each, self.name))
            for run in self.runs:
                assert self.client is not None
                self.client.delete_run(run.run_id)
            if self.root is not None:
                shutil.rmtree(self.root)


@contextlib.contextmanager
def _hold(folder: RunFolder, name: str) -> Iterator[None]:
    try:
        lock = folder.lock()
    except BlockingIOError as error:
        raise refuse("TARGET", f"got {name}; it is still running, as {error}") from error
    with lock:
        yield


def plan_removal(client: Client | None, place: Place, target: str) -> Removal:
    """Return the removal of a run id, a run's folder or a study; raises RequestError.

    `client` is None where there is no store, which is allowed for what `is_local`. The runs of a
    study are those of its own folder: another study of the same name, in somebody else's folder,
    may share the store.
    """
    if target.startswith(STUDY):
        return _plan_study(client, place, target.removeprefix(STUDY))
    if is_local(target):
        return _plan_folder(client, place, Path(target).absolute())
    assert client is not None
    run, _ = find_run(client, place.experiment, target)
    if STUDY_TAG in run.tags:
        study = run.tags[STUDY_TAG]
        problem = f"got {target}, a trial of study {study}; allowed: {STUDY}{study}"
        raise refuse("TARGET", problem)
    folder = find_own_folder(run, Path(place.dir))
    records = [] if folder is None else [folder]
    root_of_run = None if folder is None else folder.root
    return Removal(f"run {run.run_id}, {run.name}", client, [run], root_of_run, records)


def is_local(target: str) -> bool:
    """Return whether a target can be found without a store: a study, or the folder of a run."""
    if target.startswith(STUDY):
        return True
    root = Path(target).absolute()
    return target != "" and is_run(root) and root.parent.name != "trials"


def _plan_study(client: Client | None, place: Place, name: str) -> Removal:
    tagged = [] if client is None else find_of_study(client, place.experiment, name)
    study = StudyFolder.at(Path(place.dir), name)
    if not (study.has_begun or study.journal.is_file() or study.conf.is_dir()):
        if not tagged:
            nowhere = f"experiment {place.experiment} has no such study, nor has {place.dir}"
            raise refuse("TARGET", f"got {STUDY}{name}; {nowhere}")
        return Removal(f"study {name}", client, tagged, None, [])
    record = RunFolder(study.root)
    mine = {record.read_run_id(), *study.find_run_ids().values()}
    runs = [run for run in tagged if run.run_id in mine or _is_inside(run, study.root)]
    return Removal(f"study {name}", client, runs, study.root, [record, *study.list_trials()])


def _is_inside(run: LoggedRun, root: Path) -> bool:
    return Path(run.tags.get("folder", "")).is_relative_to(root)


def _plan_folder(client: Client | None, place: Place, root: Path) -> Removal:
    folder = RunFolder(root)
    run_id = folder.read_run_id()
    runs = []
    if client is not None and run_id is not None:
        runs = [find_run(client, place.experiment, run_id)[0]]
    return Removal(f"run {folder.read_name()}", client, runs, root, [folder])
