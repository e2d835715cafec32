"""What NVML says, read through a fake that has the real module's functions and signatures."""

from __future__ import annotations

from types import SimpleNamespace
from unittest import mock

import pynvml
import pytest

from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.slots import devices
from dcgan_sweeps.slots.devices import choose_visible, read_devices, read_gpus
from dcgan_sweeps.slots.slots import Gpu

GIB = 2**30


@pytest.fixture
def nvml(monkeypatch):
    """A machine with two whole GPUs, and one that is split in two."""
    fake = mock.create_autospec(pynvml)
    fake.NVMLError = pynvml.NVMLError
    fake.NVML_DEVICE_MIG_ENABLE = pynvml.NVML_DEVICE_MIG_ENABLE
    fake.nvmlDeviceGetCount.return_value = 3
    fake.nvmlDeviceGetHandleByIndex.side_effect = lambda index: f"gpu {index}"
    fake.nvmlDeviceGetMigMode.side_effect = read_mig_mode
    fake.nvmlDeviceGetMaxMigDeviceCount.return_value = 7
    fake.nvmlDeviceGetMigDeviceHandleByIndex.side_effect = find_part
    fake.nvmlDeviceGetUUID.side_effect = lambda handle: {
        "gpu 0": "GPU-aaaa-1",
        "gpu 1": "GPU-bbbb-2",
        "part 0": "MIG-cccc-3",
        "part 1": "MIG-dddd-4",
    }[handle]
    fake.nvmlDeviceGetName.side_effect = lambda handle: f"a {handle}"
    memory = SimpleNamespace(total=80 * GIB, used=2 * GIB)
    fake.nvmlDeviceGetMemoryInfo.return_value = memory
    monkeypatch.setattr(devices, "pynvml", fake)
    return fake


def read_mig_mode(handle):
    if handle == "gpu 0":
        raise pynvml.NVMLError_NotSupported
    return [1 if handle == "gpu 2" else 0, 0]


def find_part(handle, index):
    if index > 1:
        raise pynvml.NVMLError_NotFound
    return f"part {index}"


def test_whole_gpus_and_the_parts_of_a_split_one_are_listed(nvml):
    gpus = read_gpus()
    assert [gpu.uuid for gpu in gpus] == ["GPU-aaaa-1", "GPU-bbbb-2", "MIG-cccc-3", "MIG-dddd-4"]
    assert (gpus[0].memory_mib, gpus[0].used_mib) == (80 * 1024, 2 * 1024)
    nvml.nvmlShutdown.assert_called_once_with()


def test_no_driver_is_no_gpu(nvml):
    nvml.nvmlInit.side_effect = pynvml.NVMLError_LibraryNotFound
    assert read_gpus() == []


@pytest.mark.parametrize(
    ("visible", "uuids"),
    [
        (None, ["GPU-aaaa-1", "GPU-bbbb-2", "MIG-cccc-3", "MIG-dddd-4"]),
        ("1", ["GPU-bbbb-2"]),
        ("1,0", ["GPU-bbbb-2", "GPU-aaaa-1"]),
        ("GPU-bb", ["GPU-bbbb-2"]),
        ("MIG-dddd-4", ["MIG-dddd-4"]),
        ("", []),
        ("-1", []),
        ("0,9,1", ["GPU-aaaa-1"]),
        ("0,0", ["GPU-aaaa-1"]),
    ],
)
def test_cuda_visible_devices_is_read_as_cuda_reads_it(nvml, visible, uuids):
    assert [gpu.uuid for gpu in choose_visible(read_gpus(), visible)] == uuids


def test_a_hidden_gpu_is_not_looked_for_on_the_cpu(nvml, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert read_devices("cpu").gpus == []
    assert len(read_devices("auto").gpus) == 4
    nvml.nvmlInit.assert_called_once_with()


def test_numbers_of_gpus_that_differ_need_an_order(nvml, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.delenv("CUDA_DEVICE_ORDER", raising=False)
    with pytest.raises(RequestError, match="CUDA_DEVICE_ORDER=PCI_BUS_ID"):
        read_devices("auto")
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    assert len(read_devices("auto").gpus) == 1


def test_an_index_names_the_whole_gpu():
    gpus = [Gpu("GPU-a", "one", 1, 0, 0), Gpu("GPU-b", "two", 1, 0, 1)]
    assert choose_visible(gpus, "1") == [gpus[1]]
