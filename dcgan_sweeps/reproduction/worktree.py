"""Runs the code of a logged run, its commit and its diff, in a temporary git worktree.

This code comes from the tracking server, so the user must read it and confirm before it runs.
"""

from __future__ import annotations

import hashlib
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dcgan_sweeps.config.faults import refuse
from dcgan_sweeps.reproduction.target import Original
from dcgan_sweeps.tracking.provenance import find_tree

COMMIT = re.compile(r"[0-9a-f]{40}")


def show_code(original: Original) -> str:
    """Return the commit and the diff of a run, as the user has to read them before they run."""
    commit = require_commit(original)
    lines = _git("show", "--no-patch", "--format=commit %H%nauthor %an, %ad%n%n    %s", commit)
    diff = original.diff or "(there were no uncommitted changes)\n"
    return f"{lines}\nuncommitted changes, as the run logged them:\n\n{diff}"


def require_commit(original: Original) -> str:
    """Return the commit of a run; raises RequestError where its code cannot be restored here."""
    commit = str(original.provenance.get("commit"))
    if not COMMIT.fullmatch(commit):
        raise refuse("--code", f"{original.name} logged no commit (got {commit})")
    try:
        _git("cat-file", "-e", f"{commit}^{{commit}}")
    except (subprocess.CalledProcessError, OSError) as error:
        problem = f"commit {commit} is not in {find_tree()}; fetch it first"
        raise refuse("--code", problem) from error
    if original.diff.startswith(("# cut:", "# masked:")):
        problem = f"the run's diff was not logged whole ({original.diff.splitlines()[0]})"
        raise refuse("--code", problem)
    return commit


def digest_code(original: Original) -> str:
    """Return a digest of the commit and the diff of a run: 16 hex digits."""
    shown = require_commit(original) + original.diff
    return hashlib.sha256(shown.encode()).hexdigest()[:16]


def run_code(original: Original, words: Sequence[str]) -> int:
    """Run `python -m dcgan_sweeps.reproduce WORDS` with the code of a run; return its exit code."""
    with checked_out(require_commit(original), original.diff) as tree:
        # -P keeps a package in the current folder from taking the place of that in the worktree.
        command = [sys.executable, "-P", "-m", "dcgan_sweeps.reproduce", *words]
        process = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(tree)})
        with handing_on(process):
            return process.wait()


@contextmanager
def handing_on(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Leave signals to a child process: Ctrl-C reaches it directly, SIGTERM is forwarded."""
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, lambda signum, frame: None),
        signal.SIGTERM: signal.signal(signal.SIGTERM, lambda signum, frame: process.terminate()),
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def checked_out(commit: str, diff: str) -> Iterator[Path]:
    """Create a worktree of `commit` with `diff` applied, and remove it afterwards.

    Raises RequestError where the diff does not apply.
    """
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "code"
        _git("worktree", "add", "--quiet", "--detach", str(tree), commit)
        try:
            if any(line.startswith("diff ") for line in diff.splitlines()):
                _apply(tree, diff)
            yield tree
        finally:
            _git("worktree", "remove", "--force", str(tree))


def _apply(tree: Path, diff: str) -> None:
    try:
        _git("apply", "--index", "-", tree=tree, content=diff)
    except subprocess.CalledProcessError as error:
        problem = f"the run's diff does not apply: {error.stderr.strip()}"
        raise refuse("--code", problem) from error


def _git(*words: str, tree: Path | None = None, content: str | None = None) -> str:
    command = ["git", "-C", str(tree or find_tree()), *words]
    done = subprocess.run(
        command, input=content, capture_output=True, encoding="utf-8", errors="replace", check=True
    )
    return done.stdout
