"""Files of a run that are damaged or were edited: in each line the verb, the file, the damage, and
how the fault begins."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import pytest
from dcgan_sweeps import run
from processes import TINY, list_runs, open_store
from refusals import ask, require_refusal


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with one complete tracked run, a copy of it, and the run's id."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Keras, which saves a model
        patch.chdir(folder)
        patch.setattr("sys.argv", ["dcgan_sweeps.run", *TINY, "score.companions=never"])
        assert run.main() == 0
    (logged,) = list_runs(open_store(folder))
    copy = folder.with_name("copy")
    shutil.copytree(folder, copy)
    return folder, copy, logged.info.run_id


def test_x(made, monkeypatch, capsys):
    folder, copy, run_id = made
    import json
    r=next(folder.glob("mlruns/runs/*"))
    print(json.dumps(json.loads((r/"run.json").read_text()))[:1500])
    print(sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()))
    for words in (["run", f"resume={run_id}"], ["run", f"resume={run_id}", "train.epochs=3", "score=none", "data.dir=/nowhere"], ["reproduce", "best", "--check-only"], ["reproduce", str(r/"config.yaml"), "--check-only"]):
        print(ask(monkeypatch, capsys, folder, *words))
    assert 0
