"""docs/notebook.ipynb, executed in a kernel of its own, on the tiny configuration."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from processes import ROOT

pytestmark = pytest.mark.slow

NOTEBOOK = ROOT / "docs" / "notebook.ipynb"
SMALL = "experiment=tiny", "data.limit=320"


@pytest.fixture
def notebook():
    """The notebook, with seconds of training in place of minutes."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    for cell in notebook.cells:
        for asked, small in zip(("experiment=quick", "data.limit=4000"), SMALL, strict=True):
            cell.source = cell.source.replace(asked, small)
    return notebook


def test_the_notebook_runs_to_its_end(notebook, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    before = [set_of_kinds(cell) for cell in notebook.cells]
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": tmp_path}}).execute()
    # What a reader of the documentation sees is what comes out.
    assert [set_of_kinds(cell) for cell in notebook.cells] == before
    assert list(tmp_path.iterdir()) == [tmp_path / "mlruns"]


def set_of_kinds(cell):
    """Return the media types that a cell shows."""
    outputs = cell.get("outputs", [])
    return {kind for output in outputs for kind in output.get("data", {"text/plain": ""})}
