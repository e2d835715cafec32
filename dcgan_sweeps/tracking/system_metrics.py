"""Samples CPU, memory, disk, network and GPU into the folder of a run while it is running.

with sampling(folder, every_s=15): ...
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor
from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor

from dcgan_sweeps.tracking.folder import RunFolder

SYSTEM_FILE = "system_metrics.jsonl"


@contextmanager
def sampling(folder: RunFolder, every_s: float) -> Iterator[None]:
    """Sample this machine every `every_s` seconds with MLflow's monitors; 0 turns it off."""
    if every_s == 0:
        yield
        return
    ended = threading.Event()
    arguments = (folder, every_s, ended)
    thread = threading.Thread(target=_sample, args=arguments, name="system-metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _sample(folder: RunFolder, every_s: float, ended: threading.Event) -> None:
    monitors = _make_monitors()
    path = folder.root / SYSTEM_FILE
    step = path.read_bytes().count(b"\n") if path.is_file() else 0
    while not ended.wait(every_s):
        values: dict[str, float] = {}
        for monitor in monitors:
            monitor.collect_metrics()
            values |= monitor.aggregate_metrics()
            monitor.clear_metrics()
        named = {f"system/{name}": float(value) for name, value in values.items()}
        record = {"step": step, **named, "time_s": round(time.time(), 3)}
        with suppress(OSError), path.open("a") as file:  # a full disk is reported by the run
            file.write(json.dumps(record) + "\n")
        step += 1


def _make_monitors() -> list[Any]:
    monitors: list[Any] = [CPUMonitor(), DiskMonitor(), NetworkMonitor()]
    with suppress(Exception):  # anything that NVML raises if there is no GPU
        monitors.append(GPUMonitor())
    return monitors
