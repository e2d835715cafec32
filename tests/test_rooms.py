"""Imports flow one way, and each library has its rooms."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "dcgan_sweeps"
FILES = sorted(PACKAGE.rglob("*.py"))
# Lower floors know nothing of higher ones; a floor may import its own rooms' files alone.
VERBS = {
    *("run", "reproduce", "report", "compare", "generate", "score", "data", "sync", "ui", "doctor"),
    "confirm",
    "delete",
    "probe",
    *(
        "__init__",
        "api",
        "cli",
        "__main__",
        "lifeline",
        "dashboard",
    ),  # the last two are processes of ui
}
FLOORS = [
    {"config", "randomness", "interrupt", "metrics", "terminal", "logged_config"}
    | {"paths", "files", "secrets"},
    {"composition"},
    {"datasets", "tracking", "slots", "slurm", "device", "command", "place"},
    {"parts"},
    {"runs"},
    {"gan", "scoring"},
    {"execution", "probing"},
    {"reproduction", "sweep", "reporting"},
    VERBS,
]
NEIGHBOURS = (
    {"datasets", "tracking"},
    {"gan", "scoring"},
    {"execution", "probing"},
    {"reproduction", "sweep"},
)
KERAS = {"gan", "scoring/classifier", "device.py", "tracking/models.py"}
MAY_IMPORT = {
    "hydra": {"config", "composition", "command.py", "sweep/job.py", "sweep/overrides.py"},
    "mlflow": {"tracking", "runs", "ui.py"},
    "optuna": {"sweep", "dashboard.py", "reporting/optuna_study.py", "reporting/figures.py"},
    "pynvml": {"slots/devices.py"},
    "submitit": {"slurm/jobs.py"},
    "ray": {"slots/ray_cluster.py"},
    "tensorflow": {*KERAS, "probing/features.py"},
    "keras": {*KERAS, "probing/features.py", "probing/evaluation.py"},
}


def imports_of(path):
    """Return the modules that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            if node.module.startswith("dcgan_sweeps"):
                found |= {f"{node.module}.{name.name}" for name in node.names}
    return found


def floor_of(room):
    return next(i for i, rooms in enumerate(FLOORS) if room in rooms)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_imports_only_what_its_room_may(path):
    place = str(path.relative_to(PACKAGE))
    for module in imports_of(path):
        allowed = MAY_IMPORT.get(module.split(".")[0])
        assert allowed is None or any(place.startswith(each) for each in allowed), module


@pytest.mark.parametrize(
    "plugin",
    [
        "dcgan_sweeps_slots",
        "dcgan_sweeps_slurm",
        "dcgan_sweeps_ray",
        "dcgan_sweeps_study",
        "dcgan_sweeps_parts",
    ],
)
def test_hydra_scans_its_plugins_without_loading_optuna(plugin):
    heavy = "{'optuna', 'submitit', 'ray'} & {*sys.modules}"
    code = f"import hydra_plugins.{plugin}; import sys; print({heavy})"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_flow_one_way(path):
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for module in imports_of(path):
        if module.startswith("dcgan_sweeps."):
            other = module.split(".")[1]
            assert other == room or floor_of(other) <= floor_of(room), module
            assert {other, room} not in NEIGHBOURS, module


def list_imports():
    """Return {module: the modules of ours that it imports, anywhere in it}."""
    names = {
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path for path in FILES
    }
    return {name: imports_of(path) & names.keys() - {name} for name, path in names.items()}


def test_no_modules_import_each_other_in_a_circle():
    left = list_imports()
    while free := [name for name, imported in left.items() if not imported & left.keys()]:
        left = {name: imported for name, imported in left.items() if name not in free}
    assert left == {}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_library_room_has_a_verb(path):
    relative = path.relative_to(PACKAGE)
    functions = [node for node in ast.parse(path.read_text()).body if hasattr(node, "returns")]
    is_verb = "main" in [node.name for node in functions]
    assert not is_verb or relative.parts[0].removesuffix(".py") in VERBS


LIGHT = (
    "dcgan_sweeps",
    "dcgan_sweeps.cli",
    "dcgan_sweeps.run",
    "dcgan_sweeps.reproduce",
    "dcgan_sweeps.execution.resume",
    "dcgan_sweeps.report",
    "dcgan_sweeps.reporting.leaderboard_page",
    "dcgan_sweeps.compare",
    "dcgan_sweeps.generate",
    "dcgan_sweeps.probe",
    "dcgan_sweeps.probing.record",
    "dcgan_sweeps.probing.target",
    "dcgan_sweeps.delete",
    "dcgan_sweeps.doctor",
    "dcgan_sweeps.score.__main__",
    "dcgan_sweeps.ui",
    "dcgan_sweeps.tracking.recorder",
    "dcgan_sweeps.sweep.study",
    "hydra_plugins.dcgan_sweeps_slots",
)


def test_what_starts_fast_loads_no_tensorflow():
    # Imported one after another: the first that loads it is the last line.
    code = "; ".join(
        f"import {name}; print({name!r}, 'tensorflow' in sys.modules)" for name in LIGHT
    )
    words = [sys.executable, "-c", f"import sys; {code}"]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == [f"{name} False" for name in LIGHT]
