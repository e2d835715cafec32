"""The folder of one run: everything that is logged, also without a tracker.

folder = RunFolder.make(Path("mlruns"), "article")
folder.append({"epoch": 1, "score/fcd": 99.8})
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from dcgan_sweeps.tracking.secrets import mask_secrets


@dataclass(frozen=True)
class RunFolder:
    """Paths of a run's own files."""

    root: Path

    @classmethod
    def make(cls, parent: Path, name: str) -> RunFolder:
        """Make a new folder under `parent`/runs, named by the time and by `name`."""
        slug = re.sub(r"[^A-Za-z0-9.=-]+", "_", name)[:60].strip("_")
        stem = f"{time.strftime('%Y-%m-%d_%H-%M-%S')}_{slug}"
        runs = parent.expanduser().resolve() / "runs"
        for attempt in range(1, 1000):
            root = runs / (stem if attempt == 1 else f"{stem}_{attempt}")
            try:
                root.mkdir(parents=True)
            except FileExistsError:
                continue
            (root / "samples").mkdir()
            return cls(root)
        raise FileExistsError(f"{runs / stem} and 998 more")

    @property
    def samples(self) -> Path:
        return self.root / "samples"

    @property
    def history(self) -> Path:
        return self.root / "history.jsonl"

    def find_frames(self) -> list[Path]:
        """Return the sample grids of this run, in the order of their epochs."""
        return sorted(self.samples.glob("epoch_*.png"))

    def append(self, record: Mapping[str, Any]) -> None:
        """Add one line to history.jsonl."""
        with self.history.open("a") as file:
            file.write(json.dumps(record) + "\n")

    def write_text(self, name: str, text: str) -> Path:
        """Write a file of the run, secrets masked, and return its path."""
        path = self.root / name
        path.write_text(mask_secrets(text))
        return path

    def write_yaml(self, name: str, content: Any) -> Path:
        """Write a file of the run as YAML, and return its path."""
        return self.write_text(name, yaml.safe_dump(content, sort_keys=False))

    def write_json(self, name: str, content: Any) -> Path:
        """Write a file of the run as JSON, and return its path."""
        return self.write_text(name, json.dumps(content, indent=2) + "\n")
