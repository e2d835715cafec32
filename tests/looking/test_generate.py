"""`generate` on a real generator."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlparse

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.slow


def read(folder, ending):
    (path,) = folder.glob(f"*{ending}")
    return path


def test_the_images_are_those_of_the_seed(gallery, tmp_path):
    for folder, seed in (("one", 0), ("again", 0), ("other", 1)):
        gallery.do(
            "generate", "study:demo", "--count", "7", f"--seed={seed}", f"--out={tmp_path / folder}"
        )
    one, again, other = (
        np.load(read(tmp_path / folder, ".npz")) for folder in ("one", "again", "other")
    )
    assert one["images_u8"].shape == (7, 28, 28)
    assert one["images_u8"].dtype == np.uint8
    assert one["latents"].shape == (7, int(gallery.best.params["model.latent_dim"]))
    assert np.array_equal(one["images_u8"], again["images_u8"])
    assert not np.array_equal(one["images_u8"], other["images_u8"])
    with Image.open(read(tmp_path / "one", ".png")) as grid:
        assert grid.size == (3 * 88 + 4, 3 * 88 + 4)  # three rows of 28 pixels, each thrice


def test_a_walk_moves_and_comes_back(gallery, tmp_path):
    words = ["--count", "4", "--interpolate", f"--out={tmp_path}"]
    gallery.do("generate", gallery.best.run_id[:8], *words)
    with Image.open(read(tmp_path, ".gif")) as gif:
        frames = []
        for index in range(gif.n_frames):
            gif.seek(index)
            frames.append(np.asarray(gif.convert("L"), np.float32))
    assert len(frames) == 48
    steps = [np.abs(one - other).mean() for one, other in itertools.pairwise(frames)]
    # From the last frame to the first is one step more, no jump.
    assert np.abs(frames[-1] - frames[0]).mean() < 3 * max(steps)
    assert min(steps) > 0


def test_the_parent_of_a_study_is_refused_by_name(gallery):
    parent = gallery.parent.run_id
    printed = gallery.do("generate", parent, status=2)
    assert f"got {parent}, the parent run of study demo; allowed: study:demo" in printed


@contextmanager
def replaced_generator(gallery, run, change):
    """Change the bytes of a run's generator, and put them back in the end."""
    (model,) = gallery.client.search_logged_models(
        [run.experiment_id],
        filter_string=f"source_run_id = '{run.run_id}' and name = 'generator'",
    )
    path = Path(urlparse(model.artifact_location).path) / "data" / "model.keras"
    whole = path.read_bytes()
    try:
        path.write_bytes(change(whole))
        yield
    finally:
        path.write_bytes(whole)


def make_lambda(path, canary):
    """Return the bytes of a generator that touches a file when its Lambda layer is built."""
    import keras

    code = eval(f"lambda x: open({str(canary)!r}, 'w') and x")  # the path is part of the code
    layers = [keras.Input((100,)), keras.layers.Lambda(code, output_shape=(100,))]
    keras.Sequential([*layers, keras.layers.Reshape((10, 10, 1))]).save(path)
    canary.unlink(missing_ok=True)  # made when Keras built it here
    return path.read_bytes()


def test_a_lambda_layer_is_refused_and_does_not_run(gallery, tmp_path):
    canary = tmp_path / "canary"
    content = make_lambda(tmp_path / "model.keras", canary)
    with replaced_generator(gallery, gallery.best, lambda whole: content):
        words = [gallery.best.run_id, f"--out={tmp_path / 'no'}"]
        printed = gallery.do("generate", *words, status=2)
    assert f"got {gallery.best.run_id}, whose generator cannot be loaded" in printed
    assert "safe_mode" in printed or "unsafe" in printed
    assert not canary.exists()


def test_a_generator_that_cannot_be_loaded_is_refused_by_name(gallery, tmp_path):
    run = next(run for run in gallery.trials if run.outcome == "complete" and run != gallery.best)
    with replaced_generator(gallery, run, lambda whole: whole[:1000]):
        printed = gallery.do("generate", run.run_id, f"--out={tmp_path / 'no'}", status=2)
    assert f"got {run.run_id}, whose generator cannot be loaded" in printed
    assert not (tmp_path / "no").exists()
