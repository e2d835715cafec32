"""The folder of a study: its request, its journal, its conf/, and the folders of its trials.

folder = StudyFolder.at(Path("mlruns"), "fcd_2026-11-25_13-00-00")
with folder.lock(): ...
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from dcgan_sweeps.config.faults import refuse
from dcgan_sweeps.paths import STUDY_NAME, STUDY_NAMES, resolve_folder
from dcgan_sweeps.secrets import mask_secrets
from dcgan_sweeps.tracking.documents import read_mapping
from dcgan_sweeps.tracking.folder import RunFolder

Configs = Mapping[str, bytes]  # of a search path: {path below its folder: content}
STUDY_FILE = "study.json"  # written last; with it the study has started


@dataclass(frozen=True)
class StudyFolder:
    """The folder of a study, and the paths of its files."""

    root: Path

    @classmethod
    def at(cls, parent: Path, name: str) -> StudyFolder:
        """Return the folder of the study with a name; raises RequestError for an invalid name."""
        if not STUDY_NAME.fullmatch(name):
            problem = f"got {name}; allowed: {STUDY_NAMES}"
            raise refuse("hydra.sweeper.study_name", problem)
        return cls(resolve_folder("tracking.dir", str(parent)) / "studies" / name)

    @property
    def name(self) -> str:
        return self.root.name

    @property
    def journal(self) -> Path:
        return self.root / "journal.log"

    @property
    def conf(self) -> Path:
        return self.root / "conf"

    @property
    def own_conf(self) -> Path:
        return self.root / "own_conf"

    @property
    def has_begun(self) -> bool:
        return (self.root / STUDY_FILE).is_file()

    def find_trial(self, number: int) -> RunFolder:
        """Return the folder of a trial, which may not exist yet."""
        return RunFolder(self.root / "trials" / f"{number:04d}")

    def find_heartbeat(self, number: int) -> Path:
        """Return the path of the heartbeat of a trial, which exists while the trial runs."""
        return self.root / "trials" / f"{number:04d}.alive"

    def find_log(self, number: int) -> Path:
        """Return the path of the log of a trial, which has what the trial prints."""
        return self.root / "trials" / f"{number:04d}.log"

    def open_log(self, number: int) -> IO[str]:
        """Open the log of a trial to append to it."""
        path = self.find_log(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("a", buffering=1)

    def lock(self) -> IO[str]:
        """Lock the study, and return the lock, which is held until it is closed.

        Raises RequestError that names the process that holds it.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        try:
            return RunFolder(self.root).lock()
        except BlockingIOError as error:
            problem = f"got {self.name}; the study is still running, as {error}"
            raise refuse("hydra.sweeper.study_name", problem) from error

    def copy_conf(self, configs: Configs) -> None:
        """Copy every config file, so that later edits do not affect the study."""
        shutil.rmtree(self.conf, ignore_errors=True)  # of a start that was killed
        for name, content in configs.items():
            path = self.conf / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def keep_own_configs(self, shipped: Sequence[Path]) -> Path:
        """Copy the user's own config files, which no shipped folder has, for --config-dir.

        Returns that folder, which exists only if there are such files.
        """
        for path in self.conf.rglob("*.yaml"):
            name = path.relative_to(self.conf)
            if not any((folder / name).is_file() for folder in shipped):
                own = self.own_conf / name
                own.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, own)
        return self.own_conf

    def find_changed_configs(self, configs: Configs) -> list[str]:
        """Return the names of the config files that have changed since the study started."""
        copied = {
            str(path.relative_to(self.conf)): path.read_bytes()
            for path in self.conf.rglob("*.yaml")
        }
        names = sorted(copied.keys() | configs.keys())
        return [name for name in names if copied.get(name) != configs.get(name)]

    def read(self) -> dict[str, Any]:
        """Return the recorded request of the study; raises RequestError for a damaged file."""
        return read_mapping(self.root / STUDY_FILE)

    def list_trials(self) -> list[RunFolder]:
        """Return the folders of all existing trials."""
        return [RunFolder(path) for path in sorted((self.root / "trials").glob("[0-9]*/"))]

    def find_run_ids(self) -> dict[int, str]:
        """Return {trial number: run id} of the trials that have an MLflow run."""
        found = {int(each.root.name): each.read_run_id() for each in self.list_trials()}
        return {number: run_id for number, run_id in found.items() if run_id is not None}

    def write(self, content: Mapping[str, Any]) -> None:
        """Write the request of the study."""
        RunFolder(self.root).write_json(STUDY_FILE, content)

    def write_text(self, name: str, text: str) -> Path:
        """Write a file of the study atomically, and return its path."""
        return RunFolder(self.root).write_text(name, text)


def name_study(overrides: Sequence[str], search: str) -> str:
    """Return the name of a new study, made of its search, its overrides and the time."""
    quiet = ("hydra.", "hydra/", "tracking.", "tracking=", "runner.", "runner=", "search=")
    stripped = [mask_secrets(word.lstrip("+~")) for word in overrides]
    said = [word for word in stripped if not word.startswith(quiet)]
    parts = ([] if search == "none" else [search]) + said
    slug = re.sub(r"[^A-Za-z0-9.-]+", "_", "_".join(parts))[:80].strip("_.-") or "study"
    return f"{slug}_{time.strftime('%Y-%m-%d_%H-%M-%S')}"
