"""Measures what tracking costs a run, also with a failing tracker: `python -m benchmarks.mirror`.

Repeats a short training without a tracker, with a healthy MLflow server, and with each kind of
server failure from the end of the first epoch. The server runs on the same cores as the training,
so the cost of a healthy server includes its own CPU time. The failures show the cost of the
harness alone.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dcgan_sweeps.tracking.provenance import describe_machine
from tests.support.proxy import FAULTS, Proxy
from tests.support.server import Server

NO_TRACKER, HEALTHY, STOPPED, KILLED = "no tracker", "healthy", "server stopped", "server killed"
WAYS = (NO_TRACKER, HEALTHY, *FAULTS, STOPPED, KILLED)
BATCH = 32


@dataclass(frozen=True)
class Cost:
    """The speed of a run after its first epoch, and the peak memory of its process."""

    images_per_s: float
    rss_mib: float
    writer_cpu: float  # CPU time of the thread that delivers, as a share of the training's time


def main() -> None:
    parser = argparse.ArgumentParser("benchmarks.mirror", description=__doc__)
    parser.add_argument("--turns", type=int, default=3, help="runs of each way (3)")
    parser.add_argument("--epochs", type=int, default=4, help="epochs of each run (4)")
    parser.add_argument("--images", type=int, default=2560, help="images of an epoch (2560)")
    options = parser.parse_args()
    machine = describe_machine()
    print(f"{machine['cpu']}, {machine['cores']} cores; {options.turns} runs of each")
    costs: dict[str, list[Cost]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder, "server")) as server:
        for turn in range(options.turns):
            for way in WAYS if turn % 2 == 0 else reversed(WAYS):
                place = Path(folder, f"{way} {turn}")
                place.mkdir()
                costs[way].append(measure(way, place, server, options.epochs, options.images))
                print(
                    f"{turn + 1} {way:<26} {costs[way][-1].images_per_s:6.0f} images/s", flush=True
                )
    print_table(costs)


def print_table(costs: dict[str, list[Cost]]) -> None:
    """Print a Markdown table that compares each way with no tracker, turn by turn."""
    print("\n| tracker | images/s | of those without | from, to | peak memory | delivering |")
    print("|---|---|---|---|---|---|")
    for way, values in costs.items():
        pairs = list(zip(values, costs[NO_TRACKER], strict=True))
        speeds = [one.images_per_s / other.images_per_s for one, other in pairs]
        memory = statistics.median(one.rss_mib / other.rss_mib for one, other in pairs)
        print(
            f"| {way} | {statistics.median(each.images_per_s for each in values):.0f} | "
            f"{statistics.median(speeds):.1%} | {min(speeds):.1%}, {max(speeds):.1%} | "
            f"{memory:.1%} | {statistics.median(each.writer_cpu for each in values):.1%} CPU |"
        )


def measure(way: str, place: Path, server: Server, epochs: int, images: int) -> Cost:
    """Return the cost of one training in a new process; the fault begins after epoch 1."""
    words = [f"train.epochs={epochs}", f"data.limit={images}", "score=none", "seed=0"]
    words += ["tracking.log_every=5", "tracking.system_metrics_s=1", "tracking.flush_timeout_s=2"]
    environment = {"PYTHONPATH": str(Path(__file__).parents[1]), "PYTHONUNBUFFERED": "1"}
    with Proxy(server.port) as proxy:
        words += ["tracking=none"] if way == NO_TRACKER else [f"tracking.uri={proxy.uri}"]
        process = subprocess.Popen(
            [sys.executable, "-m", "dcgan_sweeps.run", *words],
            cwd=place,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        printed = []
        for line in process.stdout:
            printed.append(line)
            if line.startswith("epoch  1"):
                break
        with fault(way, server, proxy):
            printed += process.stdout
            _, process.returncode, usage = os.wait4(process.pid, 0)
    if process.returncode:
        raise RuntimeError("".join(printed))
    (history,) = place.glob("mlruns/runs/*/history.jsonl")
    return read_cost(history, usage.ru_maxrss / 1024)


@contextmanager
def fault(way: str, server: Server, proxy: Proxy) -> Iterator[None]:
    """Make the server or its proxy fail in this context, and restore it afterwards."""
    if way == STOPPED:
        server.stop()
    elif way == KILLED:
        server.kill()
    elif way in FAULTS:
        proxy.behave(way)
    yield
    if way == STOPPED:
        server.go_on()
    elif way == KILLED:
        server.start()


def read_cost(history: Path, rss_mib: float) -> Cost:
    """Return the cost of a run, measured from its points after the first epoch."""
    records = [json.loads(line) for line in history.read_text().splitlines()]
    points = [each for each in records if "loss/generator" in each and each["epoch"] > 1]
    first, last = points[0], points[-1]
    wall_s = last["time_s"] - first["time_s"]
    cpu_s = next(
        (each["tracking/writer_cpu_s"] for each in records if "tracking/writer_cpu_s" in each), 0.0
    )
    return Cost((last["step"] - first["step"]) * BATCH / wall_s, rss_mib, cpu_s / wall_s)


if __name__ == "__main__":
    main()
