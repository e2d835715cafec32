"""What `make` installs is what its targets import."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[1]


def plan(target):
    """Return the commands that `make` would run in a fresh clone."""
    words = ["make", "--dry-run", "--always-make", target, "VENV=nowhere"]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


OWN = ("benchmarks", "dcgan_sweeps", "tests")


def test_bench_installs_what_its_benchmarks_import():
    planned = plan("bench")
    started = re.findall(r"-m benchmarks\.(\w+)", planned)
    assert started
    locks = re.findall(r"--requirement (\S+)", planned.partition("-m benchmarks.")[0])
    locked = "".join((ROOT / lock).read_text() for lock in locks).lower().replace("_", "-")
    known = packages_distributions()
    for name in started:
        for module in imports_of(ROOT / "benchmarks" / f"{name}.py"):
            top = module.partition(".")[0]
            if top in sys.stdlib_module_names or top in OWN:
                continue
            names = [each.lower().replace("_", "-") for each in known[top]]
            assert any(f"\n{each}==" in f"\n{locked}" for each in names), (name, module)
