"""Runs as processes of their own, and what they leave: what the slow tests share."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from mlflow import MlflowClient

ROOT = Path(__file__).parents[2]
TINY = ["experiment=tiny", "runner.threads=2", "tracking.system_metrics_s=0"]
PROGRAM = [sys.executable, "-m", "dcgan_sweeps.run"]
KILL = [sys.executable, str(Path(__file__).with_name("kill_at.py"))]
# Not what this process set for itself.
INHERITED = {k: v for k, v in os.environ.items() if not k.startswith(("CUDA_", "TF_"))}


def start(folder, command, *, tree=ROOT, hash_seed="random", **environment):
    """Start a command in `folder`, on the package in `tree`; its output is one stream of lines."""
    own = {"PYTHONPATH": str(tree), "PYTHONHASHSEED": hash_seed, "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        command,
        cwd=folder,
        env=INHERITED | own | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(folder, command, *, status=0, **how):
    """Run a command to its end, with the exit status that is expected; return what it printed."""
    process = start(folder, command, **how)
    try:
        printed, _ = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == status, printed
    return printed


def stop_in_epoch(process, epoch, number):
    """Send a signal once an epoch was printed; return the rest of the output."""
    lines = iter(process.stdout.readline, "")
    next(line for line in lines if line.startswith(f"epoch {epoch:>2}"))
    process.send_signal(number)
    rest = "".join(lines)
    process.stdout.close()
    assert process.wait(120) == 130, rest
    return rest


def open_store(folder):
    return MlflowClient(f"sqlite:///{folder / 'mlruns' / 'mlflow.db'}")


def list_runs(client):
    """Return the runs of the default experiment, oldest first."""
    experiment = client.get_experiment_by_name("dcgan_sweeps")
    return client.search_runs([experiment.experiment_id], order_by=["start_time ASC"])
