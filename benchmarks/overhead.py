"""Measures the launch overhead per trial: `python -m benchmarks.overhead`.

First times jobs that import everything that a trial needs, and only open and close an MLflow run,
two at a time. Our slots, submitit's local executor and a new interpreter start a new process for
each job; joblib reuses two processes. Then times real trials of experiment=tiny, from the request
for the trial to its first optimizer step.
"""

from __future__ import annotations

import argparse
import functools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import optuna

from dcgan_sweeps.config.schema import Runner
from dcgan_sweeps.slots.devices import build_slots
from dcgan_sweeps.slots.processes import Processes
from dcgan_sweeps.sweep.storage import open_storage
from dcgan_sweeps.tracking.provenance import describe_machine
from dcgan_sweeps.tracking.store import connect, find_experiment, find_store

AT_A_TIME = 2


def open_and_close(folder: str, slot: object = None) -> None:
    """Run a job: open an MLflow run in the store of a folder, and end it."""
    import dcgan_sweeps.sweep.preload  # noqa: F401 - the imports of a trial

    store = find_store(None, folder)
    client = connect(store)
    run = client.create_run(find_experiment(client, store, "overhead"))
    client.set_terminated(run.info.run_id)


def with_slots(folder: str, jobs: int) -> None:
    runner = Runner("cpu", "float32", "off", 1, True, None, str(AT_A_TIME), 1, None)
    processes = Processes(build_slots(runner).slots)
    work = functools.partial(open_and_close, folder)
    log = Path(folder) / "jobs.log"
    with ThreadPoolExecutor(AT_A_TIME) as threads:
        list(threads.map(lambda _: processes.run(work, log, None), range(jobs)))


def with_submitit(folder: str, jobs: int) -> None:
    import submitit

    def one(_: int) -> None:
        executor = submitit.LocalExecutor(folder=f"{folder}/submitit")
        executor.submit(open_and_close, folder).result()

    with ThreadPoolExecutor(AT_A_TIME) as threads:
        list(threads.map(one, range(jobs)))


def with_interpreters(folder: str, jobs: int) -> None:
    code = f"from benchmarks.overhead import open_and_close; open_and_close({folder!r})"

    def one(_: int) -> None:
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)

    with ThreadPoolExecutor(AT_A_TIME) as threads:
        list(threads.map(one, range(jobs)))


def with_joblib(folder: str, jobs: int) -> None:
    from joblib import Parallel, delayed

    Parallel(AT_A_TIME)(delayed(open_and_close)(folder) for _ in range(jobs))


WAYS: dict[str, Callable[[str, int], None]] = {
    "slots": with_slots,
    "submitit_local": with_submitit,
    "new interpreter": with_interpreters,
    "joblib (reuses)": with_joblib,
}


def main() -> None:
    parser = argparse.ArgumentParser("benchmarks.overhead", description=__doc__)
    parser.add_argument("--jobs", type=int, default=32, help="jobs of each way (32)")
    options = parser.parse_args()
    machine = describe_machine()
    print(f"{machine['cpu']}, {machine['cores']} cores; {options.jobs} jobs, {AT_A_TIME} at a time")
    each_s: dict[str, float] = {}
    for name, way in WAYS.items():
        with tempfile.TemporaryDirectory() as folder:
            connect(find_store(None, folder))
            begin = time.perf_counter()
            way(folder, options.jobs)
            each_s[name] = (time.perf_counter() - begin) / options.jobs
        ratio = each_s[name] / each_s["slots"]
        print(f"{name:<16} {each_s[name]:5.2f} s a job, {ratio:5.2f} times slots", flush=True)
    print_first_steps()


def print_first_steps() -> None:
    """Print the time of real trials from their start to their first optimizer step."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["experiment=tiny", "train.steps_per_call=1", "tracking.log_every=1"]
        command = [sys.executable, "-m", "dcgan_sweeps.run", "-m", *words, "seed=range(6)"]
        named = [*command, "runner.slots=2", "hydra.sweeper.study_name=s"]
        own = Path(__file__).parents[1]
        subprocess.run(
            named, cwd=folder, check=True, capture_output=True, env={"PYTHONPATH": str(own)}
        )
        root = Path(folder) / "mlruns" / "studies" / "s"
        study = optuna.load_study(study_name="s", storage=open_storage(None, root / "journal.log"))
        waits = [measure_wait(trial, root) for trial in study.trials]
    later = waits[AT_A_TIME:]
    print(
        f"first step {statistics.median(later):.2f} s after a trial is asked, median of "
        f"{len(later)} (from {min(later):.2f} to {max(later):.2f}); the first {AT_A_TIME}, with "
        f"the imports: {', '.join(f'{each:.2f}' for each in waits[:AT_A_TIME])}"
    )


def measure_wait(trial: optuna.trial.FrozenTrial, root: Path) -> float:
    """Return the seconds from the start of a trial to its first optimizer step."""
    history = root / "trials" / f"{trial.number:04d}" / "history.jsonl"
    records = map(json.loads, history.read_text().splitlines())
    first = next(record["time_s"] for record in records if "step" in record)
    return float(first - trial.datetime_start.timestamp())


if __name__ == "__main__":
    main()
