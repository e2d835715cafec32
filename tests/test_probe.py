"""The probe as a process: a real run, a real store."""

from __future__ import annotations

import signal

import pytest
from processes import PROGRAM, TINY, finish, list_runs, open_store, start

pytestmark = pytest.mark.slow

PROBE = [*PROGRAM[:2], "dcgan_sweeps.probe", "latest", "runner.threads=1"]
FEW = ["--labels-per-class=5", "--draws=3"]


def test_a_probe_is_interrupted_then_done_and_then_refused(tmp_path):
    images = ["data=synthetic", "data.count=600", "score=none"]
    finish(tmp_path, [*PROGRAM, *TINY, *images])
    (before,) = list_runs(open_store(tmp_path))
    process = start(tmp_path, [*PROBE, "--labels-per-class=40", "--draws=100000"])
    next(line for line in iter(process.stdout.readline, "") if line.startswith("cpu"))
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 130, printed
    assert printed.endswith("interrupted; nothing was logged, repeat the command to start again\n")
    printed = finish(tmp_path, [*PROBE, *FEW])
    (after,) = list_runs(open_store(tmp_path))
    accuracy = after.data.metrics["probe_5_labels_3_draws/accuracy"]
    assert f"trained discriminator: {accuracy:.2%}" in printed
    assert after.info.status == before.info.status == "FINISHED"
    assert before.data.metrics.items() <= after.data.metrics.items()
    named = {each for each in after.data.metrics if each.startswith("probe")}
    assert len(named) == len(after.data.metrics) - len(before.data.metrics) == 5
    printed = finish(tmp_path, [*PROBE, *FEW], status=2)
    assert "TARGET: got " in printed
    assert "was probed with these settings" in printed
