"""Divides this machine into slots, each of which runs one trial at a time.

slots = divide(devices, count=None, slots_per_gpu=1, threads=None).slots
slots[0].environment  # {"CUDA_VISIBLE_DEVICES": "GPU-8f..."}
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dcgan_sweeps.config.faults import refuse

# Memory per slot of a shared GPU that driver and libraries use in addition to TensorFlow's limit.
RESERVE_MIB = 600
LEAST_MIB = 512
# A GPU is left out if other processes use more than this share of its memory.
BUSY_SHARE = 0.2


@dataclass(frozen=True)
class Gpu:
    """A GPU that this process may use, as NVML reports it."""

    uuid: str
    name: str
    memory_mib: int
    used_mib: int  # by all processes
    index: int = 0  # the driver's


@dataclass(frozen=True)
class Devices:
    """The GPUs and cores that this process may use."""

    gpus: Sequence[Gpu]
    cores: Sequence[int]


@dataclass(frozen=True)
class Slot:
    """The resources of one trial: a GPU, a share of a GPU, or some cores."""

    number: int
    threads: int
    cores: Sequence[int]
    gpu: str | None = None  # UUID
    memory_mib: int | None = None  # limit on that GPU; None: no limit, memory grows as needed

    def __str__(self) -> str:
        if self.gpu is None:
            return f"slot {self.number}: {self.threads} thread{'' if self.threads == 1 else 's'}"
        share = "" if self.memory_mib is None else f", {self.memory_mib:,} MiB of it"
        return f"slot {self.number}: {self.gpu}{share}"

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables to set before TensorFlow is imported."""
        return {"CUDA_VISIBLE_DEVICES": "-1" if self.gpu is None else self.gpu}


@dataclass(frozen=True)
class Slots:
    """The slots of a machine, and {UUID: reason} of the GPUs that were left out."""

    slots: Sequence[Slot]
    left_out: Mapping[str, str] = field(default_factory=dict)


def divide(devices: Devices, count: int | None, slots_per_gpu: int, threads: int | None) -> Slots:
    """Divide the GPUs into slots, or the cores if there are no GPUs.

    With `count` None there are as many slots as possible. On cores, `threads` None then gives each
    slot one thread: two trials with one thread each train more images per second than one trial
    with two (make bench). Raises RequestError for more slots than possible.
    """
    if devices.gpus:
        return _divide_gpus(devices, count, slots_per_gpu, threads)
    return _divide_cores(devices.cores, count, threads)


def _divide_gpus(
    devices: Devices, count: int | None, slots_per_gpu: int, threads: int | None
) -> Slots:
    free = [gpu for gpu in devices.gpus if gpu.used_mib <= BUSY_SHARE * gpu.memory_mib]
    left_out = {
        gpu.uuid: f"{gpu.name}: {gpu.used_mib:,} of {gpu.memory_mib:,} MiB are in use"
        for gpu in devices.gpus
        if gpu not in free
    }
    places = [gpu for _ in range(slots_per_gpu) for gpu in free]
    wanted = len(places) if count is None else count
    if not places or wanted > len(places):
        got = "auto" if count is None else count
        allowed = f"at most {len(places)}: {slots_per_gpu} on each of {len(free)} free GPUs"
        problem = "; ".join([f"got {got}; allowed: {allowed}", *left_out.values()])
        raise refuse("runner.slots", problem)
    width = threads or max(1, len(devices.cores) // wanted)
    parts = _share_cores(devices.cores, wanted, width)
    return Slots(
        [
            Slot(number, width, part, gpu.uuid, _limit(gpu, slots_per_gpu))
            for number, (gpu, part) in enumerate(zip(places, parts, strict=False))
        ],
        left_out,
    )


def _limit(gpu: Gpu, slots_per_gpu: int) -> int | None:
    if slots_per_gpu == 1:
        return None
    limit = (gpu.memory_mib - gpu.used_mib) // slots_per_gpu - RESERVE_MIB
    if limit < LEAST_MIB:
        problem = f"got {slots_per_gpu}; each slot would have {limit:,} MiB of {gpu.name}"
        allowed = f"at least {LEAST_MIB:,} MiB each, plus {RESERVE_MIB:,} for driver and libraries"
        raise refuse("runner.slots_per_gpu", f"{problem}; allowed: {allowed}")
    return limit


def _divide_cores(cores: Sequence[int], count: int | None, threads: int | None) -> Slots:
    width = threads or 1
    wanted = max(1, len(cores) // width) if count is None else count
    if wanted > len(cores):
        allowed = f"at most one for each of the {len(cores)} cores"
        raise refuse("runner.slots", f"got {count}; allowed: {allowed}")
    width = threads or max(1, len(cores) // wanted)
    parts = _share_cores(cores, wanted, width)
    return Slots([Slot(number, width, part) for number, part in enumerate(parts)])


def _share_cores(cores: Sequence[int], slots: int, width: int) -> list[Sequence[int]]:
    """Return the cores of each slot; if there are not enough, every slot gets all of them."""
    if slots * width > len(cores):
        return [cores] * slots
    return [cores[number * width : (number + 1) * width] for number in range(slots)]


def widen(slot: Slot) -> Slot:
    """Return the slot with its whole GPU, for a trial that ran out of memory in its share."""
    return dataclasses.replace(slot, memory_mib=None)
