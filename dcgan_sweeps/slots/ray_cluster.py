"""Connects to a Ray cluster, or starts Ray on this machine, and counts the jobs that fit on it.

with connected(settings, is_counted=True):   # settings are {"init": ..., "remote": ...}
    count_places(settings["remote"])

Ray is imported only where it is used: it is an optional package, and reads its environment then.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dcgan_sweeps.config.faults import refuse

PREFIX = "hydra.launcher.ray."
# Not sent and not shown: usage statistics, and Ray's messages about every node and task.
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS_SKIP_REGEX": "."}
# Makes Ray listen on 127.0.0.1. Otherwise it replaces that address by one that others can reach.
LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
# Arguments of ray.init that Ray refuses for a cluster which is running.
OF_NODE = ("num_cpus", "num_gpus", "object_store_memory", "include_dashboard")
RESOURCES = {"num_cpus": "CPU", "num_gpus": "GPU", "memory": "memory"}  # Ray's names of arguments
# `ray start --head` makes a token, and only it uses the token unasked.
HINT = "a cluster with a token needs RAY_AUTH_MODE=token and the token here, too"
CONNECT_S = 5  # Ray tries for minutes to reach an address where nothing listens

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class RaySlot:
    """The GPUs that Ray assigned to a job, by their indices on its node."""

    gpus: tuple[str, ...]
    memory_mib: int | None = None  # runner.gpu_memory_mib is used as it is

    def __str__(self) -> str:
        return f"GPU {', '.join(self.gpus)}" if self.gpus else ""

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables to set before TensorFlow is imported.

        Ray itself hides the GPUs of other jobs, but none from a job that asked for no GPU.
        """
        return {} if self.gpus else {"CUDA_VISIBLE_DEVICES": "-1"}


@contextlib.contextmanager
def connected(settings: Settings, *, is_counted: bool) -> Iterator[None]:
    """Connect to Ray or start it; a Ray that was started here ends with this context.

    `is_counted` says that as many jobs run as there are places. Raises RequestError if there is
    no Ray to connect to, or no place for a job.
    """
    start_ray(settings)
    import ray

    try:
        if is_counted and count_places(settings["remote"]) == 0:
            asked = list_resources(settings["remote"])
            problem = f"got {asked}; no node of the Ray cluster has these resources"
            remedy = "with hydra.sweeper.n_jobs=NUMBER, trials wait for such a node"
            raise refuse(f"{PREFIX}remote", f"{problem}; {remedy}")
        yield
    finally:
        ray.shutdown()


def start_ray(settings: Settings) -> None:
    """Connect this process to Ray, or start Ray on this machine, unless that is done already.

    Raises RequestError if there is no Ray to connect to.
    """
    address = settings["init"]["address"] or os.environ.get("RAY_ADDRESS") or "local"
    is_local = address == "local"
    os.environ |= {**QUIET, **(LOOPBACK if is_local else {}), **os.environ}
    import ray

    if ray.is_initialized():
        return
    require_listener(address)
    of_cluster = {key: value for key, value in settings["init"].items() if key not in OF_NODE}
    arguments = settings["init"] if is_local else of_cluster
    with kept_signals():
        try:
            ray.init(**{**arguments, "address": address})
        except (ConnectionError, RuntimeError, ValueError) as error:
            reason = str(error).strip().partition("\n")[0]
            problem = f"got address {address}; {reason}; {HINT}"
            raise refuse(f"{PREFIX}init", problem) from error


def require_listener(address: str) -> None:
    """Raise RequestError if `address` is HOST:PORT and nothing accepts connections there."""
    host, colon, port = address.rpartition(":")
    if not (colon and port.isdecimal()):
        return
    try:
        socket.create_connection((host, int(port)), CONNECT_S).close()
    except (OSError, OverflowError) as error:
        problem = f"got {address}; it cannot be reached: {error}"
        raise refuse(f"{PREFIX}init.address", problem) from error


@contextlib.contextmanager
def kept_signals() -> Iterator[None]:
    """Keep the handler of SIGTERM, which Ray replaces by one that exits at once."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def count_places(remote: Settings) -> int:
    """Return how many tasks with these arguments of ray.remote fit on the nodes that are alive."""
    import ray

    asked = list_resources(remote)
    return sum(count_fitting(node["Resources"], asked) for node in ray.nodes() if node["Alive"])


def list_resources(remote: Settings) -> dict[str, float]:
    """Return {resource: amount} that the arguments of ray.remote ask for."""
    named = {name: remote.get(argument) or 0 for argument, name in RESOURCES.items()}
    asked = {**named, **remote["resources"]}
    return {name: amount for name, amount in asked.items() if amount > 0}


def count_fitting(resources: Mapping[str, float], asked: Mapping[str, float]) -> int:
    """Return how many jobs that ask for these resources fit on a node."""
    # 1e-6 is for rounding: Ray counts in steps of 1e-4.
    shares = [resources.get(name, 0) / amount + 1e-6 for name, amount in asked.items()]
    return math.floor(min(shares, default=0))


def describe_death(error: Exception) -> str:
    """Return in one line why Ray has no answer of a job; `error` is a RayError."""
    from ray.exceptions import NodeDiedError, OutOfMemoryError, TaskCancelledError

    if isinstance(error, TaskCancelledError):
        return "its process was killed by the study"
    if isinstance(error, NodeDiedError):
        return "its Ray node died"
    if isinstance(error, OutOfMemoryError):
        return "its process was killed by Ray, because its node has too little memory"
    return f"its process died: {str(error).strip().partition(chr(10))[0]}"


def find_slot() -> RaySlot:
    """Return the GPUs that Ray assigned to the job in this process."""
    import ray

    return RaySlot(tuple(ray.get_runtime_context().get_accelerator_ids()["GPU"]))
