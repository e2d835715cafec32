"""The folder of one run: everything that is logged, also without a tracker.

folder = RunFolder.make(Path("mlruns"), "baseline")
folder.append({"epoch": 1, "score/fcd": 99.8})
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import yaml

from dcgan_sweeps.config import Fault, RequestError
from dcgan_sweeps.paths import resolve_folder
from dcgan_sweeps.tracking.documents import LARGEST_TEXT, read_mapping, read_text
from dcgan_sweeps.tracking.history import parse_last, parse_lines
from dcgan_sweeps.tracking.secrets import mask_secrets

RUN_FILE = "run.json"  # whose folder it is, and what was logged in it
GRID = re.compile(r"epoch_([0-9]{4,9})\.png")


@dataclass(frozen=True)
class RunFolder:
    """Paths of a run's own files."""

    root: Path

    @classmethod
    def make(cls, parent: Path, name: str) -> RunFolder:
        """Make a new folder under `parent`/runs, named by the time and by `name`.

        Raises RequestError where none can be made.
        """
        slug = re.sub(r"[^A-Za-z0-9.-]+", "_", name)[:60].strip("_")
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
                problem = f"got {parent}; no folder can be made there ({error.strerror})"
                raise RequestError([Fault("tracking.dir", problem)]) from error
            return cls(root)
        raise FileExistsError(f"{runs / stem} and 998 more")

    @classmethod
    def make_at(cls, root: Path) -> RunFolder:
        """Make the folder of a run whose place is known; an empty one may be there already."""
        try:
            (root / "samples").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            problem = f"no folder can be made at {root} ({error.strerror})"
            raise RequestError([Fault("tracking.dir", problem)]) from error
        return cls(root)

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
        """Return the open lock of this run, held until it is closed or this process ends.

        Raises BlockingIOError naming the process that holds it: the run is still going on.
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

    def rewind(self, history: str, epoch: int) -> None:
        """Put history.jsonl back to `history`, and remove the grids of epochs after `epoch`."""
        unfinished = self.root / ".history.jsonl"
        unfinished.write_text(history)
        unfinished.replace(self.history)
        for number, frame in self.find_frames().items():
            if number > epoch:
                frame.unlink()

    def find_frames(self) -> dict[int, Path]:
        """Return {epoch: sample grid} of this run, in the order of the epochs.

        A picture of another name is somebody else's, and is left alone.
        """
        named = (GRID.fullmatch(path.name) for path in self.samples.glob("epoch_*.png"))
        epochs = sorted(int(match[1]) for match in named if match is not None)
        frames = {epoch: self.find_frame(epoch) for epoch in epochs}
        return {epoch: path for epoch, path in frames.items() if path.is_file()}

    def find_frame(self, epoch: int) -> Path:
        """Return the path of the sample grid of an epoch, there or not."""
        return self.samples / f"epoch_{epoch:04d}.png"

    def append(self, record: Mapping[str, Any]) -> None:
        """Add one line to history.jsonl."""
        with self.history.open("a") as file:
            file.write(json.dumps(record) + "\n")

    def read_history(self) -> str:
        """Return the lines of history.jsonl; raises RequestError where they are no text."""
        return self.read_text(self.history.name)

    def read_records(self) -> list[dict[str, Any]]:
        """Return the records of history.jsonl; raises RequestError for a damaged one."""
        return parse_lines(self.read_history(), str(self.history))

    def read_last(self) -> dict[str, Any]:
        """Return the last record of history.jsonl, {} where there is none; raises RequestError."""
        return parse_last(self.read_history(), str(self.history))

    def read_text(self, name: str) -> str:
        """Return a text of the run, "" where there is none; raises RequestError for no text."""
        path = self.root / name
        return read_text(path, LARGEST_TEXT) if path.is_file() else ""

    def read_mapping(self, name: str) -> dict[str, Any]:
        """Return the mapping in a JSON or YAML file of the run, {} where there is no such file.

        Raises RequestError for one that is damaged.
        """
        path = self.root / name
        return read_mapping(path) if path.is_file() else {}

    def read_run_id(self) -> str | None:
        """Return the run of this folder in the tracker, None where it has none.

        Raises RequestError for a damaged run.json.
        """
        run_id = self.read_mapping(RUN_FILE).get("run_id")
        if run_id is not None and not isinstance(run_id, str):
            problem = f"run_id is {run_id}; allowed: text, or null"
            raise RequestError([Fault(str(self.root / RUN_FILE), problem)])
        return run_id

    def write_text(self, name: str, text: str) -> Path:
        """Write a file of the run whole or not at all, secrets masked, and return its path."""
        path = self.root / name
        unfinished = path.with_name("." + name)
        unfinished.write_text(mask_secrets(text))
        unfinished.replace(path)
        return path

    def write_yaml(self, name: str, content: Any) -> Path:
        """Write a file of the run as YAML, and return its path."""
        return self.write_text(name, yaml.safe_dump(content, sort_keys=False))

    def write_json(self, name: str, content: Any) -> Path:
        """Write a file of the run as JSON, and return its path."""
        return self.write_text(name, json.dumps(content, indent=2) + "\n")
