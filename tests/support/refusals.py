"""Asks a verb for something wrong, in this process, and checks how it refuses.

answer = ask(monkeypatch, capsys, tmp_path, "run", "optimizer.lr=5")
require_refusal(answer, ["optimizer.lr: got 5.0; allowed: a number, above 0, at most 1"])
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dcgan_sweeps.cli import VERBS
from dcgan_sweeps.command import USAGE


@dataclass(frozen=True)
class Answer:
    """What a command did: its exit status, what it printed, and the files it left or changed."""

    status: int
    out: str
    err: str
    left: tuple[str, ...]


def ask(monkeypatch, capsys, folder: Path, verb: str, *words: str, **environment: str) -> Answer:
    """Run `dcgan-sweeps VERB WORDS` in `folder`, in this process."""
    monkeypatch.chdir(folder)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", [f"dcgan_sweeps.{verb}", *words])
    before = list_files(folder)
    capsys.readouterr()
    try:
        status = importlib.import_module(VERBS[verb][0]).main()
    except SystemExit as ended:  # argparse
        status = int(ended.code or 0)
    printed = capsys.readouterr()
    after = list_files(folder)
    touched = {path for path in before | after if before.get(path) != after.get(path)}
    return Answer(status, printed.out, printed.err, tuple(sorted(touched)))


def list_files(folder: Path) -> dict[str, tuple[int, int]]:
    """Return {path: (size, time of the last change)} of everything in a folder."""
    found = {}
    for root, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = Path(root) / name
            stat = path.lstat()
            is_folder = path.is_dir() and not path.is_symlink()
            # What is in a folder is looked at by itself.
            stamp = (0, 0) if is_folder else (stat.st_size, stat.st_mtime_ns)
            found[str(path.relative_to(folder))] = stamp
    return found


def require_refusal(answer: Answer, faults: Sequence[str]) -> None:
    """Assert exit status 2, one line for each fault, which begins as told, and nothing left behind.

    A usage error of argparse is one line too, after its usage.
    """
    assert answer.status == USAGE, answer
    assert "Traceback" not in answer.out + answer.err, answer
    lines = [line for line in answer.err.splitlines() if not line.startswith(("usage:", " " * 10))]
    found = [line.strip() for line in lines[1:]] if "in the request" in lines[0] else lines
    assert len(found) == len(faults), answer
    for fault in faults:
        assert any(line.startswith(fault) for line in found), answer
    assert answer.left == (), answer
