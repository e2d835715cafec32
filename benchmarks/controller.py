"""Measures the controller's own work per trial: `python -m benchmarks.controller`.

It runs whole studies whose trials have no work: a launcher in the controlling process writes the
folder that a trial would write. So all that is left is asking, composing, launching, reading the
result and telling, with each storage, and no tracker. The rate of the last tenth of the trials says
whether it falls as a study grows.

    python -m benchmarks.controller --trials 1000 10000 --storage postgresql+psycopg://HOST/NAME
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from dcgan_sweeps.tracking.provenance import describe_machine

OWN = Path(__file__).parents[1]
QUIET = ("tracking=none", "experiment=tiny", "hydra.sweeper.n_jobs=1", "hydra.sweeper.study_name=s")
LAUNCHER = "hydra.launcher._target_=hydra_plugins.dcgan_sweeps_idle.IdleLauncher"
KINDS = {
    "grid": ("score=none", "seed=range({trials})"),
    "random search": (
        "search=random",
        "pruner=none",
        "data=synthetic",
        "data.count=500",
        "hydra.sweeper.n_trials={trials}",
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser("benchmarks.controller", description=__doc__)
    parser.add_argument("--trials", type=int, nargs="+", default=[1000], help="(1000)")
    parser.add_argument("--storage", nargs="*", default=[], help="URLs of further storages")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    options = parser.parse_args()
    machine = describe_machine()
    print(f"{machine['cpu']}, {machine['cores']} cores; one trial at a time")
    print("| study | trials | storage | trials/s | last tenth | CPU ms a trial | peak MiB |")
    print("|---|---|---|---|---|---|---|")
    for trials in options.trials:
        for kind in options.kinds:
            for name, words in list_storages(options.storage).items():
                print(
                    f"| {kind} | {trials} | {name} | {measure(kind, trials, words)} |", flush=True
                )


def list_storages(urls: Sequence[str]) -> dict[str, list[str]]:
    """Return {name: overrides} of the storages."""
    own = {"journal file": [], "SQLite": ["hydra.sweeper.storage=sqlite:///study.db"]}
    named = {url.partition(":")[0]: [f"hydra.sweeper.storage={url}"] for url in urls}
    return own | named


def measure(kind: str, trials: int, words: Sequence[str]) -> str:
    """Run one study, and return its cells of the table."""
    asked = [word.format(trials=trials) for word in KINDS[kind]]
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder) / "notes.jsonl"
        command = [sys.executable, "-m", "dcgan_sweeps.run", "-m", *QUIET, *asked, *words, LAUNCHER]
        path = f"{OWN}{os.pathsep}{OWN / 'benchmarks'}"
        environment = os.environ | {"PYTHONPATH": path, "NOTES": str(notes)}
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(done.stdout[-2000:] + done.stderr[-2000:])
        return tabulate([json.loads(line) for line in notes.read_text().splitlines()])


def tabulate(notes: Sequence[dict[str, float]]) -> str:
    """Return the rates, the CPU time a trial and the peak memory of a study."""
    first, last = notes[0], notes[-1]
    late = notes[-max(2, len(notes) // 10) :]
    trials = last["trial"] - first["trial"]
    whole = trials / (last["wall_s"] - first["wall_s"])
    end = (last["trial"] - late[0]["trial"]) / (last["wall_s"] - late[0]["wall_s"])
    cpu_ms = 1000 * (last["cpu_s"] - first["cpu_s"]) / trials
    return f"{whole:.1f} | {end:.1f} | {cpu_ms:.1f} | {last['memory_mib']:.0f}"


if __name__ == "__main__":
    main()
