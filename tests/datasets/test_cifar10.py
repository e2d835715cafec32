from __future__ import annotations

import numpy as np
import pytest
from picture_files import CIFAR_NAMES, write_cifar10

from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.config.schema import BuiltInData
from dcgan_sweeps.datasets.loading import load_images


def load(folder):
    return load_images(BuiltInData("cifar10", str(folder), None, None, None, None, None), print)


@pytest.fixture
def arrays(random):
    return random.integers(0, 256, (72, 32, 32, 3), np.uint8), np.arange(72, dtype=np.uint8) % 5


def test_planes_become_colour_images_with_their_labels(tmp_path, arrays):
    images = load(write_cifar10(tmp_path, *arrays))
    assert images.shape == (32, 32, 3)
    assert np.array_equal(images.train_u8, arrays[0][:60])
    assert np.array_equal(images.test_u8, arrays[0][60:])
    assert np.array_equal(images.train_labels, arrays[1][:60])
    assert np.array_equal(images.test_labels, arrays[1][60:])
    assert images.class_names == CIFAR_NAMES


def refusal(folder):
    with pytest.raises(RequestError) as error:
        load(folder)
    return str(error.value)


def test_a_missing_batch_is_named(tmp_path, arrays):
    (write_cifar10(tmp_path, *arrays) / "data_batch_3.bin").unlink()
    text = refusal(tmp_path)
    assert text.startswith(f"data.dir: got {tmp_path}, which has no data_batch_3.bin; allowed: ")


def test_a_truncated_batch_is_named_with_what_was_expected(tmp_path, arrays):
    path = write_cifar10(tmp_path, *arrays) / "test_batch.bin"
    path.write_bytes(path.read_bytes()[:-1])
    assert refusal(tmp_path) == f"{path}: has 36,875 bytes; expected a multiple of 3,073"


def test_a_label_without_a_name_is_named(tmp_path, arrays):
    labels = arrays[1].copy()
    labels[3] = 9
    path = write_cifar10(tmp_path, arrays[0], labels) / "data_batch_1.bin"
    assert refusal(tmp_path).startswith(f"{path}: has the label 9; expected 0 to 4")
