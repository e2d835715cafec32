"""The folder of a run, which is its record; the MLflow run is derived from it.

folder = RunFolder.make(Path("mlruns"), "baseline")
folder.append({"epoch": 1, "score/fcd": 99.8, "time_s": time.time()})
folder.end(Outcome.COMPLETE, reason="")
"""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import yaml

from dcgan_sweeps.config.faults import refuse
from dcgan_sweeps.config.schema import Tracking
from dcgan_sweeps.files import read_text, write_whole
from dcgan_sweeps.paths import resolve_folder
from dcgan_sweeps.secrets import mask_nested, mask_secrets
from dcgan_sweeps.tracking.documents import LARGEST_TEXT, read_mapping
from dcgan_sweeps.tracking.history import parse_last, parse_lines
from dcgan_sweeps.tracking.outcome import Ending, Outcome

RUN_FILE = "run.json"  # name and tags of the run, and the logged content of its files
MLFLOW_FILE = "mlflow.json"  # id of the MLflow run, and what was delivered to it
# The files that name the MLflow run: the current one, and those of earlier versions.
OWNERS = ((MLFLOW_FILE, "run_id"), (RUN_FILE, "run_id"), ("study.json", "parent_run_id"))
PAUSED = "paused_s"  # tag of a resumed run: the time in which nothing worked on it
STUDY, TRIAL = "study", "trial"  # tags of a trial; the parent run of a study has only the first
# The types of the values in run.json.
KINDS = {"name": str, "tags": dict, "params": dict, "data": dict, "tracking": dict, "logged": dict}
SOURCE = {"mlflow.source.name": "dcgan_sweeps.run", "mlflow.source.type": "LOCAL"}
GRID = re.compile(r"epoch_([0-9]{4,9})\.png")


def read_user() -> dict[str, str]:
    """Return the tag that names the user, {} in a container where the user has no name."""
    try:
        return {"mlflow.user": getpass.getuser()}
    except (OSError, KeyError, ImportError):  # OSError alone from Python 3.13 on
        return {}


@dataclass(frozen=True)
class RunFolder:
    """The folder of a run, with the paths of its files."""

    root: Path

    @classmethod
    def make(cls, parent: Path, name: str) -> RunFolder:
        """Create a new folder in `parent`/runs, named after the time and `name`.

        Raises RequestError if it cannot be created.
        """
        slug = re.sub(r"[^A-Za-z0-9.-]+", "_", mask_secrets(name))[:60].strip("_")
        stem = f"{time.strftime('%Y-%m-%d_%H-%M-%S')}_{slug}"
        runs = resolve_folder("tracking.dir", str(parent)) / "runs"
        for attempt in range(1, 1000):
            root = runs / (stem if attempt == 1 else f"{stem}_{attempt}")
            try:
                root.mkdir(parents=True)
                (root / "samples").mkdir()
            except FileExistsError:
                continue
            except OSError as error:
                problem = f"got {parent}; no folder can be created there ({error.strerror})"
                raise refuse("tracking.dir", problem) from error
            return cls(root)
        raise FileExistsError(f"{runs / stem} and 998 more")

    @classmethod
    def make_at(cls, root: Path) -> RunFolder:
        """Create the folder of a run at `root`, which may exist already.

        Raises RequestError if it cannot be created.
        """
        try:
            (root / "samples").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            problem = f"got {root}; no folder can be created there ({error.strerror})"
            raise refuse("tracking.dir", problem) from error
        return cls(root)

    def begin(
        self, name: str, tags: Mapping[str, str], params: Mapping[str, Any], tracking: Tracking
    ) -> None:
        """Record the name of the run, its start time and user, and where it is tracked.

        `record` is a unique id by which its MLflow run is found if the answer to its creation was
        lost.
        """
        known = self.read_description()  # from an earlier start of a trial
        self.write_json(RUN_FILE, {"record": uuid.uuid4().hex, "began_s": time.time(), **known})
        tracked = {"name": tracking.name, "uri": tracking.uri, "experiment": tracking.experiment}
        located = {**SOURCE, **read_user(), **tags, "folder": str(self.root)}
        self.describe(name=name, tags=located, params=params, tracking=tracked)

    def describe(self, *, name: str | None = None, **parts: Mapping[str, Any]) -> None:
        """Set the name of the run, or add to its tags, params, data set or tracker."""
        known = self.read_description()
        merged = {key: {**known.get(key, {}), **mask_nested(part)} for key, part in parts.items()}
        name = mask_secrets(name) if name else known.get("name", "")
        self.write_json(RUN_FILE, {**known, **merged, "name": name})

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def samples(self) -> Path:
        return self.root / "samples"

    @property
    def history(self) -> Path:
        return self.root / "history.jsonl"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    def lock(self) -> IO[str]:
        """Lock this run; the lock is held until the returned file is closed or this process ends.

        Raises BlockingIOError, which names the process that holds the lock and works on the run.
        """
        file = (self.root / ".lock").open("a+", errors="replace")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip()
            file.close()
            raise BlockingIOError(f"process {holder}") from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        return file

    def break_lock(self) -> None:
        """Take the lock of this run from the process that holds it, which must not write any more.

        A file system that hosts share may keep the locks of a host that is gone.
        """
        (self.root / ".lock").unlink(missing_ok=True)

    def find_provenances(self) -> list[Path]:
        """Return the provenance file of each part of the run; a resumed run has several."""
        return sorted(self.root.glob("provenance*.json"))

    def is_held(self) -> bool:
        """Return whether a process holds the lock of this folder."""
        try:
            self.lock().close()
        except BlockingIOError:
            return True
        return False

    def rewind(self, history: str, epoch: int) -> None:
        """Reset history.jsonl to `history`, and remove the grids of epochs after `epoch`."""
        write_whole(self.history, history)
        for number, frame in self.find_frames().items():
            if number > epoch:
                frame.unlink()

    def find_frames(self) -> dict[int, Path]:
        """Return {epoch: path of the sample grid} of this run, in the order of the epochs.

        Pictures with other names are ignored.
        """
        named = (GRID.fullmatch(path.name) for path in self.samples.glob("epoch_*.png"))
        epochs = sorted(int(match[1]) for match in named if match is not None)
        frames = {epoch: self.find_frame(epoch) for epoch in epochs}
        return {epoch: path for epoch, path in frames.items() if path.is_file()}

    def find_frame(self, epoch: int) -> Path:
        """Return the path of the sample grid of an epoch, which need not exist."""
        return self.samples / f"epoch_{epoch:04d}.png"

    def append(self, record: Mapping[str, Any]) -> None:
        """Append a record to history.jsonl, with the time."""
        timed = {**record, "time_s": round(time.time(), 3)}
        with self.history.open("a") as file:
            file.write(json.dumps(timed) + "\n")

    def end(self, outcome: Outcome, reason: str) -> None:
        """Append the outcome as the last line of the history; an incomplete line is dropped."""
        text = self.read_history()
        if not text.endswith("\n"):
            write_whole(self.history, text[: text.rfind("\n") + 1])
        self.append({"outcome": outcome, "reason": mask_secrets(reason)})

    def read_ending(self) -> Ending | None:
        """Return how the run ended, or None if it is still running or died.

        Raises RequestError for a damaged last line.
        """
        last = self.read_last()
        if "outcome" not in last:
            return None
        if last["outcome"] not in {*Outcome}:
            problem = f"outcome is {last['outcome']}; allowed: {', '.join(Outcome)}"
            raise refuse(str(self.history), problem)
        return Ending(Outcome(last["outcome"]), last.get("reason", ""), last.get("time_s", 0.0))

    def read_history(self) -> str:
        """Return the text of history.jsonl; raises RequestError if it is not text."""
        return self.read_text(self.history.name)

    def read_records(self) -> list[dict[str, Any]]:
        """Return the records of history.jsonl; raises RequestError for a damaged one."""
        return parse_lines(self.read_history(), str(self.history))

    def read_last(self) -> dict[str, Any]:
        """Return the last record of history.jsonl, {} if there is none; raises RequestError."""
        return parse_last(self.read_history(), str(self.history))

    def read_text(self, name: str) -> str:
        """Return the text of a run's file, "" if it is missing; raises RequestError."""
        path = self.root / name
        return read_text(path, LARGEST_TEXT) if path.is_file() else ""

    def read_mapping(self, name: str) -> dict[str, Any]:
        """Return the mapping in a JSON or YAML file of the run, {} if there is no such file.

        Raises RequestError for a damaged file.
        """
        path = self.root / name
        return read_mapping(path) if path.is_file() else {}

    def read_description(self) -> dict[str, Any]:
        """Return the content of run.json, {} if it is missing.

        Raises RequestError for values of other types than `describe` writes.
        """
        known = self.read_mapping(RUN_FILE)
        for key, kind in KINDS.items():
            if not isinstance(known.get(key, kind()), kind):
                allowed = "a mapping" if kind is dict else "text"
                problem = f"{key} is {known[key]}; allowed: {allowed}"
                raise refuse(str(self.root / RUN_FILE), problem)
        return known

    def read_name(self) -> str:
        """Return the name of the run, or of its folder if an earlier version recorded no name."""
        return str(self.read_description().get("name") or self.root.name)

    def read_run_id(self) -> str | None:
        """Return the id of the MLflow run of this folder, None if it has none.

        Raises RequestError for a damaged file.
        """
        for name, key in OWNERS:
            if (self.root / name).is_file():
                run_id = self.read_mapping(name).get(key)
                if run_id is not None and not isinstance(run_id, str):
                    problem = f"{key} is {run_id}; allowed: text, or null"
                    raise refuse(str(self.root / name), problem)
                if run_id is not None or name == MLFLOW_FILE:
                    return run_id
        return None

    def write_text(self, name: str, text: str) -> Path:
        """Write a file of the run atomically, with secrets masked, and return its path."""
        path = self.root / name
        write_whole(path, mask_secrets(text))
        return path

    def write_yaml(self, name: str, content: Any) -> Path:
        """Write a file of the run as YAML, and return its path."""
        return self.write_text(name, yaml.safe_dump(content, sort_keys=False))

    def write_json(self, name: str, content: Any) -> Path:
        """Write a file of the run as JSON, and return its path."""
        return self.write_text(name, json.dumps(content, indent=2) + "\n")
