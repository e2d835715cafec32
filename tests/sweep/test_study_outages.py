"""A study whose MLflow server is killed in its midst goes on, and everything arrives once."""

from __future__ import annotations

import re
import sys

import pytest
from mlflow import MlflowClient
from processes import finish
from server import Server
from studies import TINY, read_until, start
from studies import finish as finish_study
from tally import compare_folder, find_disagreements, tally

pytestmark = pytest.mark.slow

WORDS = [*TINY, "train.epochs=1", "seed=range(4)", "runner.slots=2"]


@pytest.fixture
def server(tmp_path):
    with Server(tmp_path / "server") as server:
        yield server


def find_all_differences(folder, server):
    client = MlflowClient(server.uri)
    rows = tally(folder, "s", server.uri)
    assert len(rows) == 4
    trials = sorted((folder / "mlruns" / "studies" / "s" / "trials").glob("????"))
    differences = [line for trial in trials for line in compare_folder(client, trial)]
    return find_disagreements(rows) + differences


@pytest.mark.parametrize("is_back", ["before the end", "after the end"])
def test_a_study_goes_on_and_all_arrives_once(tmp_path, server, is_back):
    go_on = tmp_path / "go_on"
    parts = {str(number): {"wait_for": str(go_on)} for number in (2, 3)}
    patience_s = 60 if is_back == "before the end" else 1
    words = [*WORDS, f"tracking.uri={server.uri}", f"tracking.flush_timeout_s={patience_s}"]
    process = start(tmp_path, *words, **parts)
    printed = read_until(process, "trial   [01] complete")
    server.kill()
    go_on.touch()
    if is_back == "before the end":
        printed += read_until(process, "trial   [23] complete")
        server.start()
    printed += finish_study(process)
    assert "4 complete, 0 pruned, 0 failed" in printed
    if is_back == "after the end":
        assert re.search(r"python -m dcgan_sweeps\.sync study:s", printed)
        server.start()
        finish(tmp_path, [sys.executable, "-m", "dcgan_sweeps.sync", "study:s"])
    assert find_all_differences(tmp_path, server) == []
    nothing = finish(tmp_path, [sys.executable, "-m", "dcgan_sweeps.sync"])
    assert "are delivered" in nothing
    parent = MlflowClient(server.uri).search_runs(["1"], "tags.study = 's'")[-1]
    assert parent.info.status == "FINISHED"
