"""Finds the runs, studies and trials that are not delivered to MLflow yet, and delivers them.

for each in find_pending(Where("mlruns")):
    each.update()
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dcgan_sweeps.config.compose import read_defaults
from dcgan_sweeps.config.faults import Fault, RequestError, refuse
from dcgan_sweeps.config.schema import Tracking
from dcgan_sweeps.paths import resolve_folder
from dcgan_sweeps.secrets import MASK
from dcgan_sweeps.sweep.folder import STUDY_FILE, StudyFolder
from dcgan_sweeps.tracking.best_model import BestModel
from dcgan_sweeps.tracking.courier import Deliverable
from dcgan_sweeps.tracking.edits import CONFIG
from dcgan_sweeps.tracking.folder import RUN_FILE, RunFolder
from dcgan_sweeps.tracking.mirror import Mirror, is_delivered

STUDY = "study:"
BELOW = ("runs", "studies", "trials")  # names of the folders that contain run folders


@dataclass(frozen=True)
class Where:
    """The folder to search for runs, and the tracker to deliver to.

    Where `uri` or `experiment` is None, that of each run's own record is used.
    """

    dir: str
    uri: str | None = None
    experiment: str | None = None


@dataclass(frozen=True)
class Pending:
    """A run or a registered model to deliver, and the folder of its run or study."""

    folder: RunFolder
    part: Deliverable

    def update(self) -> None:
        """Deliver it; raises RequestError while a process uses the folder, and MLflow's errors."""
        try:
            lock = self.folder.lock()
        except BlockingIOError as error:
            raise refuse(str(self.folder.root), f"is still running, as {error}") from error
        with lock:
            self.part.update()


def find_pending(where: Where) -> list[Pending]:
    """Return the tracked runs below a folder that are not delivered.

    Runs and studies that are still running deliver themselves, and are left out.
    """
    root = resolve_folder("--dir", where.dir)
    runs = [RunFolder(path) for path in sorted((root / "runs").glob("*/")) if is_run(path)]
    due = [run for run in runs if is_tracked(run) and not is_delivered(run)]
    found = [make_pending(run, where) for run in due if not run.is_held()]
    for path in sorted((root / "studies").glob("*/")):
        study, record = StudyFolder(path), RunFolder(path)
        if study.has_begun and is_tracked(record) and not record.is_held():
            found += [each for each in list_study(study, where) if not each.part.is_delivered]
    return found


def is_run(path: Path) -> bool:
    """Return whether a folder is the folder of a run or of a study."""
    return (path / RUN_FILE).is_file()


def is_tracked(folder: RunFolder) -> bool:
    """Return whether a run is tracked in MLflow, by its own record."""
    return is_run(folder.root) and read_tracking(folder).get("name") != "none"


def read_targets(targets: Sequence[str], where: Where) -> list[Pending]:
    """Return the runs that `targets` name, delivered or not.

    Raises RequestError with a fault for each target that is neither a run's folder nor a study.
    """
    found: list[Pending] = []
    faults: list[Fault] = []
    for target in targets:
        if target.startswith(STUDY):
            root = StudyFolder.at(Path(where.dir), target.removeprefix(STUDY)).root
        else:
            root = resolve_folder("RUN_FOLDER", target)
        if (root / STUDY_FILE).is_file():
            found += list_study(StudyFolder(root), where)
        elif is_run(root):
            found.append(make_pending(RunFolder(root), where))
        else:
            problem = f"got {target}; allowed: a run's folder, or {STUDY}NAME for a study"
            faults.append(Fault("RUN_FOLDER", f"{problem} in {where.dir}"))
    if faults:
        raise RequestError(faults)
    return found


def list_study(study: StudyFolder, where: Where) -> list[Pending]:
    """Return a study's parent run, then its trials, and its best model."""
    record = RunFolder(study.root)
    found = [make_pending(each, where) for each in (record, *study.list_trials())]
    tags = record.read_description().get("tags", {})
    best = tags.get("best_trial", "")
    if best.isdecimal():
        tracking = find_tracking(record, where)
        model = BestModel(
            record, study.find_trial(int(best)), tracking, tags.get("best_run") or None
        )
        found.append(Pending(record, model))
    return found


def make_pending(folder: RunFolder, where: Where) -> Pending:
    """Return the pending delivery of one run."""
    return Pending(folder, Mirror(folder, find_tracking(folder, where)))


def find_tracking(folder: RunFolder, where: Where) -> Tracking:
    """Return the tracker to deliver a run to: that of `where`, or else that of its own record.

    A local store is found next to the run, as both may have been moved. Raises RequestError where
    the record has the tracker's address with a masked password.
    """
    logged = read_tracking(folder)
    uri = where.uri or logged.get("uri")
    if uri is not None and MASK in uri:
        problem = f"the record of {folder.root} has it without the password: {uri}"
        raise refuse("--uri", problem)
    experiment = where.experiment or logged.get("experiment")
    usual = read_defaults().tracking
    found = replace(usual, uri=uri, dir=find_store_dir(folder.root, where.dir), name="mlflow")
    return found if experiment is None else replace(found, experiment=experiment)


def read_tracking(folder: RunFolder) -> dict[str, str | None]:
    """Return the tracking settings in the run's description, or else in its configuration."""
    known = folder.read_description()
    tracking = known.get("tracking") or folder.read_mapping(CONFIG).get("tracking", {})
    return dict(tracking)


def find_store_dir(root: Path, usual: str) -> str:
    """Return the folder whose runs/ or studies/ contains a run, `usual` where there is none."""
    parent = root.parent
    while parent.name in BELOW:
        if parent.name != "trials":
            return str(parent.parent)
        parent = parent.parent.parent
    return usual
