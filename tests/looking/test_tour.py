"""docs/tour.md, done: every command of it, in its order, as a newcomer types them.

The first run is the one of the page; those after it are of experiment=tiny.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys

import pytest
from processes import INHERITED, ROOT, call

pytestmark = pytest.mark.slow

TOUR = ROOT / "docs" / "tour.md"
NEEDED = (
    "Makefile",
    "conf",
    "dcgan_sweeps",
    "hydra_plugins",
    "pyproject.toml",
    "requirements",
    ".venv",
)
QUICK = "experiment=quick data.limit=2000"
SERVES = "dcgan_sweeps.ui"
TIMEOUT_S = 900


def read_commands():
    """Return the lines of the console blocks of the tour."""
    blocks = re.findall(r"^```console\n(.*?)^```", TOUR.read_text(), re.MULTILINE | re.DOTALL)
    first, *rest = [line for block in blocks for line in block.splitlines()]
    assert QUICK in first
    return [first, *(line.replace(QUICK, "experiment=tiny") for line in rest)]


@pytest.fixture
def checkout(tmp_path):
    """A folder that looks like a clone of this repository, with nothing in its mlruns/."""
    for name in NEEDED:
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def run(folder, command):
    """Run a line of a shell whose environment is active; return what it printed."""
    path = f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=INHERITED | {"PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def serve(folder, command):
    """Start a server, wait until it says where it is, and end it as Ctrl-C does."""
    words = shlex.split(command)
    words[0] = str(ROOT / ".venv" / "bin" / words[0])
    process = subprocess.Popen(
        words,
        cwd=folder,
        env=INHERITED | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    lines = []
    for line in iter(process.stdout.readline, ""):
        lines.append(line)
        if line.startswith("optuna-dashboard: "):
            break
    process.send_signal(signal.SIGINT)
    process.stdout.close()
    return process.wait(60), "".join(lines)


def test_every_command_does_what_the_tour_says(checkout):
    printed = {}
    for command in read_commands():
        if command.startswith("source "):
            assert (checkout / command.split()[1]).is_file()
        elif SERVES in command:
            status, printed[command] = serve(checkout, command)
            assert status == 0
            assert "MLflow UI: http://127.0.0.1:" in printed[command]
        else:
            _, *words = shlex.split(command)
            is_first = command.startswith("make")
            done = run(checkout, command) if is_first else call(checkout, [sys.executable, *words])
            printed[command] = done.stdout
            assert done.returncode == 0, f"{command}\n{done.stdout}"
    assert len(printed) == 10
    reports = {path.name for path in checkout.glob("mlruns/reports/*.html")}
    assert {"study_first.html"} < reports
    assert len(reports) == 2  # and that of the comparison
    assert {path.suffix for path in checkout.glob("mlruns/generated/*")} == {".png", ".npz", ".gif"}
    assert "verdict: identical" in printed["python -m dcgan_sweeps.reproduce best"]


def test_every_picture_of_the_documents_is_there():
    for page in (ROOT / "README.md", *ROOT.glob("docs/*.md")):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"
