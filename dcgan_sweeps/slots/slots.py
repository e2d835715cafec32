"""Which trials may run side by side: one for each slot of this machine.

slots = divide(devices, count=None, slots_per_gpu=1, threads=None).slots
slots[0].environment  # {"CUDA_VISIBLE_DEVICES": "GPU-8f..."}
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dcgan_sweeps.config import refuse

# Of a shared GPU's memory, what the driver and the libraries take beside TensorFlow's limit.
RESERVE_MIB = 600
LEAST_MIB = 512
# A GPU of whose memory others use more than this share is no slot.
BUSY_SHARE = 0.2


@dataclass(frozen=True)
class Gpu:
    """One GPU that this process may use, as NVML sees it."""

    uuid: str
    name: str
    memory_mib: int
    used_mib: int  # by anybody
    index: int = 0  # the driver's


@dataclass(frozen=True)
class Devices:
    """What this process may use of its machine."""

    gpus: Sequence[Gpu]
    cores: Sequence[int]


@dataclass(frozen=True)
class Slot:
    """Room for one trial: a GPU or a share of one, or some cores."""

    number: int
    threads: int
    cores: Sequence[int]
    gpu: str | None = None  # UUID
    memory_mib: int | None = None  # limit on that GPU; None: all of it, as it grows

    def __str__(self) -> str:
        if self.gpu is None:
            return f"slot {self.number}: {self.threads} threads"
        share = "" if self.memory_mib is None else f", {self.memory_mib:,} MiB of it"
        return f"slot {self.number}: {self.gpu}{share}"

    @property
    def environment(self) -> dict[str, str]:
        """What has to be set before TensorFlow sees a device."""
        return {"CUDA_VISIBLE_DEVICES": "-1" if self.gpu is None else self.gpu}


@dataclass(frozen=True)
class Slots:
    """The slots of a machine, and what was left out of them, in words."""

    slots: Sequence[Slot]
    left_out: Mapping[str, str] = field(default_factory=dict)


def divide(devices: Devices, count: int | None, slots_per_gpu: int, threads: int | None) -> Slots:
    """Return the slots of an devices: of its GPUs where there are any, else of its cores.

    `count` None takes all of them. Without GPUs `threads` None makes them one thread wide: two
    narrow trials side by side train more images a second than one wide one (make bench). Raises
    RequestError for more slots than there is room for.
    """
    if devices.gpus:
        return _divide_gpus(devices, count, slots_per_gpu, threads)
    return _divide_cores(devices.cores, count, threads)


def _divide_gpus(
    devices: Devices, count: int | None, slots_per_gpu: int, threads: int | None
) -> Slots:
    free = [gpu for gpu in devices.gpus if gpu.used_mib <= BUSY_SHARE * gpu.memory_mib]
    left_out = {
        gpu.uuid: f"{gpu.name}: others use {gpu.used_mib:,} of {gpu.memory_mib:,} MiB"
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
        problem = f"got {slots_per_gpu}; of {gpu.name} each would have {limit:,} MiB"
        allowed = f"{LEAST_MIB:,} MiB each, beside {RESERVE_MIB:,} for driver and libraries"
        raise refuse("runner.slots_per_gpu", f"{problem}; allowed: {allowed}")
    return limit


def _divide_cores(cores: Sequence[int], count: int | None, threads: int | None) -> Slots:
    width = threads or 1
    wanted = max(1, len(cores) // width) if count is None else count
    if wanted > len(cores):
        allowed = f"at most one for each of {len(cores)} cores"
        raise refuse("runner.slots", f"got {count}; allowed: {allowed}")
    width = threads or max(1, len(cores) // wanted)
    parts = _share_cores(cores, wanted, width)
    return Slots([Slot(number, width, part) for number, part in enumerate(parts)])


def _share_cores(cores: Sequence[int], slots: int, width: int) -> list[Sequence[int]]:
    """Return the cores of each slot: its own, or all of them where they do not go round."""
    if slots * width > len(cores):
        return [cores] * slots
    return [cores[number * width : (number + 1) * width] for number in range(slots)]


def widen(slot: Slot) -> Slot:
    """Return a slot with the whole of its GPU, for a trial that ran out of memory in its share."""
    return dataclasses.replace(slot, memory_mib=None)
