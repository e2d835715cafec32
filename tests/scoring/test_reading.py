from __future__ import annotations

import numpy as np
import pytest

from dcgan_sweeps.scoring import cache
from dcgan_sweeps.scoring.classifier.network import load_classifier
from dcgan_sweeps.scoring.fcd import read_kept, read_rows


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "find_features_dir", lambda: tmp_path / "features")
    return tmp_path / "features"


@pytest.fixture(scope="module")
def classifier():
    return load_classifier(None)


def read(classifier, images_u8, batch_size=100):
    said = []
    return read_kept(classifier, images_u8, batch_size, said.append), said


def test_the_second_time_they_are_found_as_they_were_read(kept, classifier, fashion):
    images_u8 = fashion.test_u8[:300]
    first, said = read(classifier, images_u8)
    assert said[0] == "reading 300 real images, once on this machine ..."
    again, said = read(classifier, images_u8)
    assert said == []
    for a, b, direct in zip(first, again, classifier.read(images_u8, 100), strict=True):
        assert np.array_equal(a, b)
        assert np.array_equal(a, direct)


def test_other_images_and_batches_have_files_of_their_own(kept, classifier, fashion):
    read(classifier, fashion.test_u8[:300])
    read(classifier, fashion.test_u8[1:301])
    read(classifier, fashion.test_u8[:300], batch_size=70)
    assert len(list(kept.iterdir())) == 3


def test_a_file_that_was_cut_off_is_made_again(kept, classifier, fashion):
    first, _ = read(classifier, fashion.test_u8[:300])
    (path,) = kept.iterdir()
    path.write_bytes(path.read_bytes()[:1000])
    again, said = read(classifier, fashion.test_u8[:300])
    assert said
    assert np.array_equal(first[0], again[0])


def test_a_cache_that_cannot_be_written_is_told_and_does_not_stop(kept, classifier, fashion):
    kept.write_text("a file, where the folder should be")
    (features, _), said = read(classifier, fashion.test_u8[:300])
    assert len(features) == 300
    assert "cannot be written" in said[-1]


def test_a_few_rows_are_read_without_the_rest(kept, classifier, fashion):
    features, logits = read_rows(classifier, fashion.train_u8, np.array([5, 3]), 100, print)
    assert (len(features), len(logits)) == (2, 2)
    assert not kept.exists()
