from __future__ import annotations

import numpy as np
import pytest

from dcgan_sweeps.scoring import cache
from dcgan_sweeps.scoring.cache import load_metrics, name_arrays

METRICS = {"recall": 0.1 + 0.2, "dropped_classes": 0.0}


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "find_features_dir", lambda: tmp_path / "features")
    return tmp_path / "features"


def refuse():
    pytest.fail("measured a second time")


def test_metrics_come_back_to_the_bit_and_are_not_measured_again(kept):
    assert load_metrics("a", lambda: METRICS) == METRICS
    assert load_metrics("a", refuse) == METRICS


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"recall": "much"}', '{"recall": null}'])
def test_a_damaged_file_is_measured_and_written_again(kept, content):
    kept.mkdir()
    (kept / "a.npz").write_text(content)
    assert load_metrics("a", lambda: METRICS) == METRICS
    assert load_metrics("a", refuse) == METRICS


def test_without_a_folder_they_are_measured_each_time(kept):
    kept.write_text("a file, where the folder should be")
    assert load_metrics("a", lambda: METRICS) == METRICS


def test_a_name_changes_with_every_bit():
    array = np.arange(6, dtype=np.float32)
    other = array.copy()
    other[3] = np.nextafter(other[3], np.float32(9))
    names = {name_arrays(array), name_arrays(other), name_arrays(array.reshape(2, 3))}
    assert len(names) == 3
