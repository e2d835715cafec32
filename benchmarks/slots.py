"""Compares one trial on two cores with two trials on one core each: `python -m benchmarks.slots`.

Three processes train the documented networks: one with two threads and two with one thread. In
each turn the first one runs alone, and then the other two run together.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import time
from multiprocessing.connection import Connection

from dcgan_sweeps.config.compose import compose
from dcgan_sweeps.config.schema import Config
from dcgan_sweeps.tracking.provenance import describe_machine


def train(connection: Connection, threads: int, core: int | None) -> None:
    """Run the number of optimizer steps that each message asks for, and answer when done."""
    import os

    if core is not None:
        os.sched_setaffinity(0, [core])
    from benchmarks.training import make_loop
    from dcgan_sweeps.datasets.loading import load_images
    from dcgan_sweeps.device import set_up_device

    words = ["train.epochs=1000000", "runner.device=cpu", f"runner.threads={threads}"]
    config = compose("config", words, Config)
    set_up_device(config.runner)
    loop = make_loop(config, load_images(config.data, lambda line: None).train_u8[:6400])
    # None ends the process.
    for steps in iter(connection.recv, None):
        loop(steps)
        connection.send(True)


class Trainer:
    """A process that trains on request."""

    def __init__(self, threads: int, core: int | None):
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe()
        context.Process(target=train, args=(other, threads, core), daemon=True).start()

    def start(self, steps: int) -> None:
        self.connection.send(steps)

    def end(self) -> None:
        self.connection.send(None)

    def wait(self) -> None:
        self.connection.recv()


def measure(trainers: list[Trainer], steps: int, batch_size: int) -> float:
    """Return the images per second of all trainers together, each running `steps` steps."""
    begin = time.perf_counter()
    for trainer in trainers:
        trainer.start(steps)
    for trainer in trainers:
        trainer.wait()
    return len(trainers) * steps * batch_size / (time.perf_counter() - begin)


def main() -> None:
    parser = argparse.ArgumentParser("benchmarks.slots", description=__doc__)
    parser.add_argument("--turns", type=int, default=7, help="counted turns (7)")
    parser.add_argument("--steps", type=int, default=100, help="optimizer steps a turn (100)")
    options = parser.parse_args()
    machine = describe_machine()
    print(f"{machine['cpu']}, {machine['cores']} cores")
    wide, narrow = [Trainer(2, None)], [Trainer(1, 0), Trainer(1, 1)]
    batch_size = compose("config", [], Config).train.batch_size
    speeds: dict[str, list[float]] = {"one of two threads": [], "two of one thread": []}
    for turn in range(options.turns + 1):
        for name, trainers in zip(speeds, (wide, narrow), strict=True):
            speed = measure(trainers, options.steps, batch_size)
            if turn > 0:  # the first turn includes compilation
                speeds[name].append(speed)
    for trainer in (*wide, *narrow):
        trainer.end()
    for name, values in speeds.items():
        median = statistics.median(values)
        print(f"{name:<18} {median:5.0f} images/s, from {min(values):.0f} to {max(values):.0f}")
    one, two = speeds.values()
    ratios = [b / a for a, b in zip(one, two, strict=True)]
    print(
        f"ratio {statistics.median(ratios):.2f}, turn by turn from {min(ratios):.2f} "
        f"to {max(ratios):.2f}"
    )


if __name__ == "__main__":
    main()
