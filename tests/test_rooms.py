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
FLOORS = [
    {"config", "randomness", "interrupt", "metrics", "terminal", "logged_config"}
    | {"paths", "lifeline", "files", "secrets"},
    {"composition"},
    {"datasets", "tracking", "slots", "device", "command", "place"},
    {"runs"},
    {"gan", "scoring"},
    {"execution"},
    {"reproduction", "sweep", "reporting"},
    {"run", "reproduce", "report", "compare", "generate", "score"},
    {"data", "sync", "ui", "doctor", "cli"},
]
NEIGHBOURS = ({"datasets", "tracking"}, {"gan", "scoring"}, {"reproduction", "sweep"})
MAY_IMPORT = {
    "hydra": {"config.py", "composition", "command.py", "sweep/job.py", "sweep/overrides.py"},
    "mlflow": {"tracking", "runs", "ui.py"},
    "optuna": {"sweep", "reporting/optuna_study.py", "reporting/figures.py"},
    "plotly": {"reporting/page.py", "reporting/figures.py"},
    "pynvml": {"slots/devices.py"},
    "tensorflow": {"gan", "scoring/classifier", "device.py", "tracking/models.py"},
    "keras": {"gan", "scoring/classifier", "device.py", "tracking/models.py"},
}


def imports_of(path):
    """Return the modules that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            if node.module == "dcgan_sweeps":
                found |= {f"dcgan_sweeps.{name.name}" for name in node.names}
    return found


def floor_of(room):
    return next(i for i, rooms in enumerate(FLOORS) if room in rooms)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_imports_only_what_its_room_may(path):
    place = str(path.relative_to(PACKAGE))
    for module in imports_of(path):
        allowed = MAY_IMPORT.get(module.split(".")[0])
        assert allowed is None or any(place.startswith(each) for each in allowed), module


@pytest.mark.parametrize("plugin", ["dcgan_sweeps_slots", "dcgan_sweeps_study"])
def test_hydra_scans_its_plugins_without_loading_optuna(plugin):
    code = f"import hydra_plugins.{plugin}; import sys; print('optuna' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_flow_one_way(path):
    relative = path.relative_to(PACKAGE)
    if relative.name == "__main__.py" or (len(relative.parts) == 1 and relative.stem == "__init__"):
        pytest.skip("a verb: it may import every room")
    room = relative.parts[0].removesuffix(".py")
    for module in imports_of(path):
        if module.startswith("dcgan_sweeps."):
            other = module.split(".")[1]
            assert other == room or floor_of(other) <= floor_of(room), module
            if {other, room} in (
                {"datasets", "tracking"},
                {"gan", "scoring"},
                {"reproduction", "sweep"},
            ):
                pytest.fail(f"neighbours: {module}")


@pytest.mark.parametrize(
    "statement",
    [
        "import dcgan_sweeps",
        "import dcgan_sweeps.cli",
        "import dcgan_sweeps.run",
        "import dcgan_sweeps.reproduce",
        "import dcgan_sweeps.execution.resume",
        "import dcgan_sweeps.report",
        "import dcgan_sweeps.reporting.leaderboard_page",
        "import dcgan_sweeps.compare",
        "import dcgan_sweeps.generate",
        "import dcgan_sweeps.doctor",
        "import dcgan_sweeps.score.__main__",
        "import dcgan_sweeps.ui",
        "import dcgan_sweeps.tracking.recorder",
        "import dcgan_sweeps.sweep.study",
        "import hydra_plugins.dcgan_sweeps_slots",
    ],
)
def test_it_loads_no_tensorflow(statement):
    code = f"{statement}; import sys; print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"
