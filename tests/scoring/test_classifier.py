from __future__ import annotations

import hashlib

import numpy as np
import pytest

from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.scoring.classifier.network import (
    build_classifier,
    decode_weights,
    encode_weights,
    load_classifier,
)
from dcgan_sweeps.scoring.classifier.training import distort, flip_some, measure_accuracy
from dcgan_sweeps.scoring.identity import SHIPPED, WEIGHTS_FILE


def test_the_shipped_classifier_is_small_and_accurate(fashion):
    path = SHIPPED / WEIGHTS_FILE
    classifier = load_classifier(None)
    assert path.stat().st_size < 1_000_000
    assert classifier.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert measure_accuracy(classifier, fashion, fashion.test_labels, 500) >= 0.92


def test_features_are_128_means_after_the_relu_of_the_same_size_for_every_image(fashion):
    features, logits = load_classifier(None).read(fashion.test_u8[:100], 30)
    assert features.shape == (100, 128)
    assert logits.shape == (100, 10)
    assert features.min() >= 0
    np.testing.assert_allclose((features**2).mean(axis=1), 1, rtol=1e-5)


def test_weights_come_back_as_they_were_stored():
    model = build_classifier((28, 28, 1), 10, [3, 4], 8, dropout=0.1, seed=5)
    content = encode_weights(model)
    assert encode_weights(model) == content
    images = np.arange(784, dtype=np.uint8).reshape(1, 28, 28, 1)
    stored = [each.astype(np.float16).astype(np.float32) for each in model.get_weights()]
    model.set_weights(stored)
    expected = model(images.astype(np.float32) / 127.5 - 1)
    for a, b in zip(decode_weights(content, (28, 28, 1)).read(images, 1), expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("content", [b"", b"nonsense"])
def test_a_file_that_is_no_classifier_is_named(tmp_path, content):
    (tmp_path / WEIGHTS_FILE).write_bytes(content)
    with pytest.raises(RequestError, match=r"score\.classifier: got .*is not a classifier"):
        load_classifier(str(tmp_path))


def test_a_missing_classifier_is_named(tmp_path):
    with pytest.raises(RequestError, match=r"score\.classifier"):
        load_classifier(str(tmp_path))


def test_flips_mirror_about_half_and_leave_the_rest(random):
    images = random.random((400, 4, 4, 1)).astype(np.float32)
    flipped = flip_some(images, random)
    mirrored = (flipped == images[:, :, ::-1]).all(axis=(1, 2, 3))
    kept = (flipped == images).all(axis=(1, 2, 3))
    assert (mirrored ^ kept).all()
    # 400 coins: five standard deviations are 50.
    assert abs(mirrored.sum() - 200) < 50


def test_distorted_images_stay_in_range_and_differ_from_each_other():
    images = np.full((200, 28, 28, 1), -1, np.float32)
    images[:, 12:17, 12:17] = 1
    distorted = distort(images, np.random.default_rng(0))
    assert distorted.dtype == np.float32
    assert (distorted.min(), distorted.max()) == (-1, 1)
    places = {np.unravel_index(each[..., 0].argmax(), (28, 28)) for each in distorted[:50]}
    assert len(places) > 10
    assert all(abs(row - 14) <= 5 and abs(column - 14) <= 5 for row, column in places)
    # Around the square: half of the images are blurred, and a blur of one pixel reaches two.
    near = distorted[:, 14, 8:21, 0]
    assert 0.1 < (np.abs(near) < 0.5).any(axis=1).mean() < 0.9
    assert len(np.unique(distorted[:, 0, 0])) > 50  # noise
    assert np.array_equal(distorted, distort(images, np.random.default_rng(0)))
