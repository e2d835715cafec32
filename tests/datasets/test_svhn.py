from __future__ import annotations

import numpy as np
import pytest
from picture_files import write_svhn
from scipy.io import savemat

from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.config.schema import BuiltInData
from dcgan_sweeps.datasets.loading import load_images


def load(folder):
    return load_images(BuiltInData("svhn", str(folder), None, None, None, None, None), print)


@pytest.fixture
def folder(tmp_path, random):
    for name, count in (("train_32x32.mat", 40), ("test_32x32.mat", 10)):
        images = random.integers(0, 256, (count, 32, 32, 3), np.uint8)
        write_svhn(tmp_path, name, images, np.arange(count) % 10 + 1)
    return tmp_path


def test_images_are_read_and_label_ten_is_the_digit_zero(folder):
    images = load(folder)
    drawn = np.random.default_rng(0).integers(0, 256, (40, 32, 32, 3), np.uint8)  # as above
    assert np.array_equal(images.train_u8, drawn)
    assert images.train_labels[:11].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert images.class_names == tuple("0123456789")


def refusal(folder):
    with pytest.raises(RequestError) as error:
        load(folder)
    return str(error.value)


@pytest.mark.parametrize("kept", [0, 100, 4000])
def test_a_damaged_file_is_named(folder, kept):
    path = folder / "train_32x32.mat"
    path.write_bytes(path.read_bytes()[:kept])
    assert refusal(folder).startswith(f"{path}: cannot be read as a .mat file (")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"X": np.zeros((32, 32, 3, 4), np.uint8)}, "has no variable y; expected X and y"),
        (
            {"X": np.zeros((4, 32, 32, 3), np.uint8), "y": np.ones((4, 1))},
            "has X of uint8 (4, 32, 32, 3); expected uint8 (32, 32, 3, n)",
        ),
        (
            {"X": np.zeros((32, 32, 3, 4), np.uint8), "y": np.ones((3, 1), np.uint8)},
            "has y of uint8 (3, 1); expected (4, 1)",
        ),
        (
            {"X": np.zeros((32, 32, 3, 4), np.uint8), "y": np.zeros((4, 1), np.uint8)},
            "has labels from 0 to 0; expected 1 to 10",
        ),
    ],
)
def test_another_content_is_named_with_what_was_expected(folder, content, problem):
    path = folder / "test_32x32.mat"
    savemat(path, content)
    assert refusal(folder) == f"{path}: {problem}"
