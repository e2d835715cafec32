"""A run on colour pictures of a user's own, from the files to the pictures of its score."""

from __future__ import annotations

import numpy as np
import pytest
from picture_files import write_picture_folder
from PIL import Image

from dcgan_sweeps.command import Request
from dcgan_sweeps.config.compose import compose
from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.config.schema import Config
from dcgan_sweeps.execution.components import require_shape
from dcgan_sweeps.execution.generation import Wish, draw_images, write_images
from dcgan_sweeps.execution.outcome import go_on
from dcgan_sweeps.execution.rescoring import load_file
from dcgan_sweeps.execution.spec import build_spec
from dcgan_sweeps.runs.logged_run import KERAS_FILE
from dcgan_sweeps.scoring.classifier.network import build_classifier, encode_weights
from dcgan_sweeps.scoring.identity import WEIGHTS_FILE
from dcgan_sweeps.scoring.trained_on import DATA_FILE, encode_trained_on
from dcgan_sweeps.sweep.request import check_inputs

TINY = ("experiment=tiny", "tracking=none", "tracking.system_metrics_s=0", "train.epochs=1")


def compose_folder(folder, *words):
    words = (*TINY, "data=folder", f"data.dir={folder}", "data.limit=null", *words)
    return Request(compose("config", words, Config), words, {"experiment": "tiny"})


@pytest.fixture(scope="module")
def complete(there):
    """A scored run of one epoch on 20x20 pictures in three colours."""
    colours = {"red": 30, "green": 30, "blue": 30}
    pictures = write_picture_folder(there.root / "pictures", colours, np.random.default_rng(0))
    classifier = there.root / "classifier"
    classifier.mkdir()
    words = ("data.size=20", f"score.classifier={classifier}", f"tracking.dir={there.root}/mlruns")
    request = compose_folder(pictures, *words)
    images = there.prepare(compose_folder(pictures, "data.size=20", "score=none").config).images
    model = build_classifier(images.shape, 3, [4, 4], 8, dropout=0.0, seed=0)
    (classifier / WEIGHTS_FILE).write_bytes(encode_weights(model))
    (classifier / DATA_FILE).write_bytes(encode_trained_on(images))
    return there._execute(build_spec(request), go_on)


def test_its_pictures_are_in_colour(complete):
    folder = complete.recorder.folder
    assert complete.reason == ""
    pictures = [*folder.samples.glob("*.png"), *(folder.root / "score").glob("*.png")]
    assert {path.name for path in pictures} >= {"real.png", "epoch_0001.png", "nearest.png"}
    for path in pictures:
        with Image.open(path) as picture:
            assert picture.mode == "RGB", path
    with Image.open(folder.samples / "real.png") as real:
        strongest = np.asarray(real).reshape(-1, 3).max(axis=0)
    assert strongest.min() > 180  # there are red, green and blue pictures
    with Image.open(folder.samples / "progress.gif") as gif:
        assert np.ptp(np.asarray(gif.convert("RGB")).astype(int), axis=2).max() > 5


def test_its_generator_draws_colour_images(complete, tmp_path):
    folder = complete.recorder.folder
    generator = load_file(folder.models / "generator" / KERAS_FILE, "here")
    assert draw_images(generator, 5, seed=0).shape == (5, 20, 20, 3)
    paths = write_images(generator, tmp_path / "images", Wish(5, 0, walk=False))
    assert np.load(paths[1])["images_u8"].shape == (5, 20, 20, 3)


def test_images_of_other_sides_than_multiples_of_four_are_refused(complete, there):
    config = compose_folder(there.root / "pictures", "data.size=18", "score=none").config
    images = there.prepare(compose_folder(there.root / "pictures", "score=none").config).images
    require_shape(config.model, images)
    with pytest.raises(RequestError, match=r"model: got dcgan28, for images with sides .* 18x18"):
        check_inputs([config], print)


def test_a_study_of_data_without_its_classifier_starts_no_trial(complete, there):
    config = compose_folder(there.root / "pictures", "data.size=20").config
    with pytest.raises(RequestError, match=r"score\.classifier: got null, the shipped classifier"):
        check_inputs([config], print)
