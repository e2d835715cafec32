"""Finds the GPUs and cores that this process may use.

devices = read_devices("auto")
devices.gpus[0].used_mib
"""

from __future__ import annotations

import os
from pathlib import Path

import pynvml

from dcgan_sweeps.config.faults import refuse
from dcgan_sweeps.config.schema import Runner
from dcgan_sweeps.slots.slots import Devices, Gpu, Slots, divide

MIB = 2**20


def build_slots(runner: Runner) -> Slots:
    """Return the slots of this machine for the settings in `runner`; raises RequestError."""
    count = None if runner.slots == "auto" else int(runner.slots)
    devices = read_devices(runner.device)
    if runner.device == "gpu" and not devices.gpus:
        raise refuse("runner.device", "got gpu; no GPU is visible to this process")
    return divide(devices, count, runner.slots_per_gpu, runner.threads)


def read_devices(device: str) -> Devices:
    """Return the devices that this process may use; with `device` "cpu", no GPUs are listed.

    Raises RequestError if CUDA_VISIBLE_DEVICES is ambiguous, or a GPU exists that NVML does not
    list.
    """
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    count = os.cpu_count() or 1
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    listed = [] if device == "cpu" else read_gpus()
    by_index = any(each.strip().isdecimal() for each in (visible or "").split(","))
    by_bus = os.environ.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID"
    if by_index and not by_bus and len({gpu.name for gpu in listed}) > 1:
        # CUDA numbers GPUs from the fastest, the driver by their PCI bus.
        problem = (
            f"got {visible}; the GPUs of this machine differ, so set"
            " CUDA_DEVICE_ORDER=PCI_BUS_ID, or use UUIDs"
        )
        raise refuse("CUDA_VISIBLE_DEVICES", problem)
    gpus = choose_visible(listed, visible)
    unlisted = sorted(Path("/dev").glob("nvidia[0-9]*"))
    if not gpus and visible is None and device != "cpu" and unlisted:
        # Slots on cores would hide the GPU, or share it without being asked to.
        problem = f"got {device}; NVML lists no GPU, but {unlisted[0]} exists"
        remedy = "use runner.device=cpu, or set CUDA_VISIBLE_DEVICES"
        raise refuse("runner.device", f"{problem}; {remedy}")
    return Devices(gpus, cores if cores is not None else list(range(count)))


def read_gpus() -> list[Gpu]:
    """Return every GPU of this machine in the driver's order; none if there is no driver.

    A GPU that is partitioned (MIG) is replaced by its instances.
    """
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        handles = [
            pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())
        ]
        return [_read(part, index) for index, each in enumerate(handles) for part in _split(each)]
    finally:
        pynvml.nvmlShutdown()


def _split(handle: object) -> list[object]:
    try:
        mode, _ = pynvml.nvmlDeviceGetMigMode(handle)
    except pynvml.NVMLError:  # a GPU without MIG
        return [handle]
    if mode != pynvml.NVML_DEVICE_MIG_ENABLE:
        return [handle]
    parts = []
    for index in range(pynvml.nvmlDeviceGetMaxMigDeviceCount(handle)):
        try:
            parts.append(pynvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, index))
        except pynvml.NVMLError:  # an index without an instance
            continue
    return parts


def _read(handle: object, index: int) -> Gpu:
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    return Gpu(
        pynvml.nvmlDeviceGetUUID(handle),
        pynvml.nvmlDeviceGetName(handle),
        memory.total // MIB,
        memory.used // MIB,
        index,
    )


def choose_visible(gpus: list[Gpu], visible: str | None) -> list[Gpu]:
    """Return the GPUs that CUDA_VISIBLE_DEVICES makes visible, in its order.

    It names GPUs by index or by the beginning of a UUID (GPU-..., MIG-...). As in CUDA, the first
    name that matches no GPU ends the list.
    """
    if visible is None:
        return gpus
    chosen: list[Gpu] = []
    for name in (each.strip() for each in visible.split(",")):
        if name.isdecimal():
            fitting = [gpu for gpu in gpus if gpu.index == int(name)]
        else:
            fitting = [gpu for gpu in gpus if name and gpu.uuid.startswith(name)]
        if not fitting or fitting[0] in chosen:
            break
        chosen.append(fitting[0])
    return chosen
