"""Slots as a pure function of an devices."""

from __future__ import annotations

import pytest

from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.slots.slots import RESERVE_MIB, Devices, Gpu, divide

CORES = range(16)


def make_gpus(count, used_mib=0):
    return [Gpu(f"GPU-{i}", "H100", 80_000, used_mib, i) for i in range(count)]


@pytest.mark.parametrize("count", [1, 2, 8])
def test_each_free_gpu_is_one_slot_with_its_share_of_the_cores(count):
    slots = divide(Devices(make_gpus(count), CORES), None, 1, None).slots
    assert [slot.gpu for slot in slots] == [f"GPU-{i}" for i in range(count)]
    assert all(slot.threads == 16 // count and slot.memory_mib is None for slot in slots)
    cores = [core for slot in slots for core in slot.cores]
    assert sorted(cores) == list(CORES)


def test_a_full_gpu_is_left_out_and_named():
    gpus = [*make_gpus(1), Gpu("GPU-full", "H100", 80_000, 70_000, 1)]
    found = divide(Devices(gpus, CORES), None, 1, None)
    assert [slot.gpu for slot in found.slots] == ["GPU-0"]
    assert found.left_out == {"GPU-full": "H100: 70,000 of 80,000 MiB are in use"}


def test_full_gpus_alone_are_refused_and_not_replaced_by_cores():
    with pytest.raises(RequestError, match="70,000 of 80,000 MiB are in use"):
        divide(Devices(make_gpus(2, used_mib=70_000), CORES), None, 1, None)


def test_never_two_trials_on_a_gpu_unless_asked():
    with pytest.raises(RequestError, match="at most 2: 1 on each of 2 free GPUs"):
        divide(Devices(make_gpus(2), CORES), 3, 1, None)


def test_a_shared_gpu_leaves_room_for_the_driver_of_each():
    slots = divide(Devices(make_gpus(2), CORES), None, 2, None).slots
    assert [slot.gpu for slot in slots] == ["GPU-0", "GPU-1", "GPU-0", "GPU-1"]
    assert {slot.memory_mib for slot in slots} == {40_000 - RESERVE_MIB}


def test_a_gpu_too_small_to_share_is_refused():
    small = [Gpu("GPU-0", "T4", 4_000, 0, 0)]
    with pytest.raises(RequestError, match="slots_per_gpu: got 8"):
        divide(Devices(small, CORES), None, 8, None)


@pytest.mark.parametrize(
    ("cores", "count", "threads", "widths"),
    [
        (2, None, None, [1, 1]),
        (8, None, None, [1] * 8),
        (8, None, 4, [4, 4]),
        (8, 2, None, [4, 4]),
        (1, None, 4, [4]),
        (3, 2, 1, [1, 1]),
    ],
)
def test_without_gpus_the_cores_are_divided(cores, count, threads, widths):
    slots = divide(Devices([], range(cores)), count, 1, threads).slots
    assert [slot.threads for slot in slots] == widths
    assert all(slot.environment == {"CUDA_VISIBLE_DEVICES": "-1"} for slot in slots)


def test_more_slots_than_cores_are_refused():
    with pytest.raises(RequestError, match="got 3; allowed: at most one for each of the 2 cores"):
        divide(Devices([], range(2)), 3, 1, None)
