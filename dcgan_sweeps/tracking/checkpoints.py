"""Writes checkpoints of a run atomically, keeps the last ones, and detects damaged ones.

    write_checkpoint(folder, Checkpoint(step, arrays, history, facts), keep=2)
    checkpoint = read_newest(folder, say=print)

A checkpoint is one npz file without pickles, with arrays, history and facts. Its name ends in the
SHA-256 of its content, so a single rename makes the file and its checksum appear together.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dcgan_sweeps.config.faults import Fault, RequestError, refuse
from dcgan_sweeps.files import write_whole

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]

VERSION = 1
FILE_NAME = re.compile(r"step_(?P<step>\d{9})_(?P<sha256>[0-9a-f]{64})\.npz")


class CheckpointError(Exception):
    """A checkpoint could not be written; the earlier ones are unchanged."""


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run after an optimizer step."""

    step: int
    arrays: Arrays
    history: str  # the lines of history.jsonl up to this step
    facts: Mapping[str, Any]  # JSON, such as the config hash of the run


def write_checkpoint(folder: Path, checkpoint: Checkpoint, keep: int | None) -> Path:
    """Write a checkpoint, remove all but the last `keep` (None: none), and return its path.

    Raises CheckpointError if it cannot be written.
    """
    content = _encode(checkpoint)
    digest = hashlib.sha256(content).hexdigest()
    path = folder / f"step_{checkpoint.step:09d}_{digest}.npz"
    try:
        for half in folder.glob(".*.npz"):  # left by a run that was killed while writing
            half.unlink()
        write_whole(path, content, sync=True)
    except OSError as error:
        problem = f"the checkpoint of step {checkpoint.step} cannot be written: {error.strerror}"
        raise CheckpointError(f"{problem} ({len(content):,} bytes in {folder})") from error
    if keep is not None:
        for old in list_checkpoints(folder)[keep:]:
            old.unlink()
    return path


def list_checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints in a folder, newest first."""
    named = (path for path in folder.glob("step_*.npz") if FILE_NAME.fullmatch(path.name))
    return sorted((path for path in named if path.is_file()), reverse=True)


def read_newest(folder: Path, say: Callable[[str], None]) -> Checkpoint | None:
    """Return the newest intact checkpoint, or None if there are no checkpoints.

    Damaged ones are reported to `say` and renamed, so that they do not count among the last ones.
    Raises RequestError, and leaves the folder unchanged, if all checkpoints are damaged or one has
    the format of another version.
    """
    damages: dict[Path, ValueError] = {}
    for path in list_checkpoints(folder):
        try:
            checkpoint = read_checkpoint(path)
        except ValueError as error:
            damages[path] = error
            continue
        for damaged, damage in damages.items():
            aside = damaged.replace(damaged.with_name(f"damaged_{damaged.name}"))
            say(f"skipped a damaged checkpoint, now {aside} ({damage})")
        return checkpoint
    if damages:
        problem = "is damaged, and there is no intact checkpoint; start a new run"
        raise RequestError(
            [Fault(str(path), f"{problem} ({damage})") for path, damage in damages.items()]
        )
    return None


def read_checkpoint(path: Path) -> Checkpoint:
    """Return the checkpoint in a file; raises ValueError if the file is damaged."""
    content = path.read_bytes()
    named = FILE_NAME.fullmatch(path.name)
    if named is None or hashlib.sha256(content).hexdigest() != named["sha256"]:
        raise ValueError(f"its {len(content):,} bytes do not match the checksum in its name")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        facts = json.loads(arrays.pop("facts").tobytes())
        version = facts["version"]
        history = arrays.pop("history").tobytes().decode()
    except (KeyError, TypeError, AttributeError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"it is not a checkpoint: {type(error).__name__}: {error}") from error
    if version != VERSION:
        raise refuse("resume", f"{path} has format {version}; this version reads {VERSION}")
    return Checkpoint(int(named["step"]), arrays, history, facts)


def read_grids(checkpoint: Checkpoint) -> dict[int, str]:
    """Return {epoch: SHA-256} of the sample grids that a run had drawn up to a checkpoint.

    It is empty for a checkpoint of an earlier version, which does not record them.
    """
    return {int(epoch): sha256 for epoch, sha256 in checkpoint.facts.get("grids", {}).items()}


def _encode(checkpoint: Checkpoint) -> bytes:
    file = io.BytesIO()
    texts = {
        "history": checkpoint.history,
        "facts": json.dumps({"version": VERSION, **checkpoint.facts}),
    }
    encoded = {name: np.frombuffer(text.encode(), np.uint8) for name, text in texts.items()}
    arrays: dict[str, Any] = {**checkpoint.arrays, **encoded}
    np.savez(file, **arrays)
    return file.getvalue()
