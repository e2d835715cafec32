from __future__ import annotations

import numpy as np
import pytest
from picture_files import write_idx, write_idx_set

from dcgan_sweeps.config.compose import compose
from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.config.schema import Config
from dcgan_sweeps.datasets.loading import load_images


def load(folder):
    return load_images(compose("config", ["data=idx", f"data.dir={folder}"], Config).data, print)


@pytest.fixture
def arrays(random):
    """Training images and labels, test images and labels, as in EMNIST's letters."""
    train, test = (random.integers(0, 256, (n, 20, 24), np.uint8) for n in (60, 12))
    return train, (np.arange(60) % 26 + 1).astype(np.uint8), test, np.arange(1, 13, dtype=np.uint8)


def test_a_data_set_is_read_with_its_own_shape_and_classes(tmp_path, arrays):
    images = load(write_idx_set(tmp_path, *arrays))
    assert images.shape == (20, 24, 1)
    assert np.array_equal(images.train_u8[..., 0], arrays[0])
    assert np.array_equal(images.test_u8[..., 0], arrays[2])
    assert images.class_names == tuple(str(number) for number in range(1, 27))
    assert np.array_equal(images.train_labels, arrays[1] - 1)
    assert np.array_equal(images.test_labels, arrays[3] - 1)


def test_labels_are_optional(tmp_path, arrays):
    images = load(write_idx_set(tmp_path, arrays[0], None, arrays[2]))
    assert (images.train_labels, images.test_labels, images.class_names) == (None, None, ())
    assert len(images.digest) == 64


def test_without_test_images_a_sixth_are_test_images(tmp_path, arrays):
    images = load(write_idx_set(tmp_path, *arrays[:2]))
    assert (len(images.train_u8), len(images.test_u8)) == (50, 10)
    both = np.concatenate([images.train_u8, images.test_u8])[..., 0]
    labels = np.concatenate([images.train_labels, images.test_labels])
    order = [int(np.flatnonzero((arrays[0] == each).all(axis=(1, 2)))[0]) for each in both]
    assert sorted(order) == list(range(60))
    assert np.array_equal(labels, arrays[1][order] - 1)
    assert load(tmp_path).digest == images.digest


def refusal(folder):
    with pytest.raises(RequestError) as error:
        load(folder)
    return str(error.value)


def test_a_missing_file_is_named(tmp_path):
    text = refusal(tmp_path)
    assert text.startswith(f"data.dir: got {tmp_path}, which has no train-images-idx3-ubyte; allow")


def test_data_dir_is_needed():
    with pytest.raises(RequestError, match=r"data\.dir: got null; allowed: a folder with train-"):
        load_images(compose("config", ["data=idx"], Config).data, print)


def test_a_truncated_file_is_named_with_both_sizes(tmp_path, arrays):
    write_idx_set(tmp_path, *arrays)
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    assert refusal(tmp_path).startswith(
        f"{path}: has 28815 bytes unpacked; expected 28816 for shape (60, 20, 24)"
    )


def test_a_file_of_another_kind_is_named_with_what_was_expected(tmp_path, arrays):
    write_idx_set(tmp_path, *arrays)
    path = write_idx(tmp_path, "train-images-idx3-ubyte", arrays[1])
    text = refusal(tmp_path)
    assert f"{path}: starts with '00 00 08 01" in text
    assert "expected '00 00 08 03', unsigned bytes of 3 dimensions" in text


@pytest.mark.parametrize(
    ("parts", "line"),
    [
        ((0, 3, 2, 3), "has 12 labels; expected 60, as many as images"),
        ((0, 1, 2), "which has no t10k-labels-idx1-ubyte; allowed: labels of both parts, or"),
    ],
)
def test_labels_that_do_not_fit_are_named(tmp_path, arrays, parts, line):
    assert line in refusal(write_idx_set(tmp_path, *(arrays[part] for part in parts)))


def test_test_images_of_another_size_are_named(tmp_path, arrays):
    write_idx_set(tmp_path, arrays[0], None, arrays[2][:, :16])
    assert "its training images are 20x24, its test images 16x24" in refusal(tmp_path)


def test_too_few_images_are_refused(tmp_path, arrays):
    text = refusal(write_idx_set(tmp_path, arrays[0][:20]))
    assert text == "data: got 17 training and 3 test images; allowed: at least 36 and 2"
