"""A classifier scores the data that it was trained on, and no other."""

from __future__ import annotations

import dataclasses
import shutil

import numpy as np
import pytest
from picture_files import write_picture_folder

from dcgan_sweeps.config.compose import compose
from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.config.schema import ClassifierConfig, Config
from dcgan_sweeps.datasets.loading import load_images
from dcgan_sweeps.datasets.synthetic import draw_synthetic
from dcgan_sweeps.doctor import run_check
from dcgan_sweeps.randomness import LatentSpace
from dcgan_sweeps.scoring.classifier.network import encode_weights, load_classifier
from dcgan_sweeps.scoring.classifier.training import (
    build_for,
    measure_accuracy,
    require_labels,
    require_size,
    train_classifier,
)
from dcgan_sweeps.scoring.fcd import prepare_scorer
from dcgan_sweeps.scoring.identity import SHIPPED, WEIGHTS_FILE
from dcgan_sweeps.scoring.trained_on import DATA_FILE, encode_trained_on, require_fitting

WORDS = ["filters=[4,8]", "hidden=8", "epochs=6", "batch_size=8", "distort=false"]


@pytest.fixture(scope="module")
def colours(tmp_path_factory):
    """A request for red, green and blue pictures, and their images."""
    folder = tmp_path_factory.mktemp("colours")
    write_picture_folder(folder, {"red": 30, "green": 30, "blue": 30}, np.random.default_rng(0))
    data = compose("config", ["data=folder", f"data.dir={folder}", "data.size=16"], Config).data
    return data, load_images(data, print)


@pytest.fixture(scope="module")
def trained(colours, tmp_path_factory):
    """The folder of a classifier of these pictures."""
    _, images = colours
    folder = tmp_path_factory.mktemp("classifier")
    config = compose("classifier", [*WORDS, "data=synthetic"], ClassifierConfig)
    labelled = require_labels(images)
    model = build_for(config, images.shape, labelled.classes)
    for _ in train_classifier(model, images, labelled, config):
        pass
    (folder / WEIGHTS_FILE).write_bytes(encode_weights(model))
    (folder / DATA_FILE).write_bytes(encode_trained_on(images))
    return folder


def ask(folder, *words):
    named = f"score.classifier={folder or 'null'}"
    return compose("config", [named, "score.count=40", *words], Config).score


def test_a_classifier_of_colour_pictures_tells_the_colours_apart(colours, trained):
    _, images = colours
    classifier = load_classifier(str(trained))
    features, logits = classifier.read(images.test_u8, 7)
    assert (features.shape, logits.shape) == ((15, 8), (15, 3))
    assert measure_accuracy(classifier, images, images.test_labels, 7) > 0.9


def test_colour_pictures_are_scored_and_noise_scores_worse(colours, trained):
    data, images = colours
    require_fitting(ask(trained), data, images)
    scorer = prepare_scorer(ask(trained), images)
    order = np.random.default_rng(0).permutation(len(images.train_u8))
    fakes = scorer.draw(
        lambda latents: images.train_u8[order[: len(latents)]], LatentSpace(1, "normal"), iter
    )
    assert scorer.score(fakes).fcd < 0.5 * scorer.reference.ceiling
    seen = scorer.examine(fakes, np.arange(len(images.train_u8)), print)
    assert (seen.shares.shape, seen.metrics["dropped_classes"]) == ((3,), 0)


def refusal(settings, data, images):
    with pytest.raises(RequestError) as error:
        require_fitting(settings, data, images)
    return str(error.value)


def test_the_shipped_classifier_refuses_other_data_and_says_how_to_train_one(colours):
    data, images = colours
    text = refusal(ask(None), data, images)
    assert text.startswith("score.classifier: got null, the shipped classifier, which is for Fash")
    command = "`python -m dcgan_sweeps.score.classifier data=folder "
    assert f"{command}data.dir={data.dir} data.size=16 data.channels=3`" in text
    assert text.endswith("or set score=none")
    require_fitting(ask(None, "score=none"), data, images)


def test_images_without_labels_cannot_be_scored(colours):
    data, images = colours
    bare = dataclasses.replace(images, train_labels=None, test_labels=None, class_names=())
    assert refusal(ask(None), data, bare).startswith("score: got fcd; data=folder has no labels")
    with pytest.raises(RequestError, match="data: got folder with no labels; allowed: labels of 2"):
        require_labels(bare)


def test_a_classifier_of_other_images_of_the_same_kind_is_refused(colours, trained):
    data, images = colours
    changed = dataclasses.replace(images, test_u8=images.test_u8 ^ 1)
    text = refusal(ask(trained), data, changed)
    assert f"got {trained}, which was trained on folder (16x16, colour, digest " in text


def test_a_classifier_of_other_data_is_refused_for_fashion_mnist(trained):
    data = compose("config", ["data=synthetic"], Config).data
    text = refusal(ask(trained), data, draw_synthetic(600))
    assert text.endswith("; allowed: null, for the shipped classifier")


def test_a_classifier_of_an_earlier_version_is_one_of_fashion_mnist(colours, tmp_path):
    shutil.copy(SHIPPED / WEIGHTS_FILE, tmp_path)
    require_fitting(ask(tmp_path), colours[0], draw_synthetic(600))
    assert "which was trained on Fashion-MNIST; allowed" in refusal(ask(tmp_path), *colours)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"shape": [1, 2], "name": "x"}'])
def test_a_damaged_description_is_named(tmp_path, colours, content):
    (tmp_path / DATA_FILE).write_bytes(content)
    text = refusal(ask(tmp_path), *colours)
    assert text.startswith(f"score.classifier: got {tmp_path / DATA_FILE}, which does not descr")


def test_images_that_are_too_small_for_the_filters_are_refused(colours):
    words = ["filters=[1,1,1,1,1]", "data=synthetic"]
    config = compose("classifier", words, ClassifierConfig)
    require_size(colours[1], config)  # 16 pixels can be halved four times
    small = dataclasses.replace(colours[1], train_u8=colours[1].train_u8[:, :8, :8])
    with pytest.raises(RequestError, match=r"filters: got \[1, 1, 1, 1, 1\]; allowed: at most 4"):
        require_size(small, config)


def test_doctor_says_what_data_it_found_and_whether_they_can_be_scored(colours, trained):
    words = ["data=folder", f"data.dir={colours[0].dir}", "data.size=16"]
    config = compose("config", [*words, f"score.classifier={trained}"], Config)
    works, _, found, _ = run_check("data", config)
    assert works == "ok"
    assert found.startswith("folder: 75 training and 15 test images, 16x16, colour, 3 classes (")
    unscored = compose("config", words, Config)
    assert run_check("classifier", unscored)[0] == "NO"
    nowhere = compose("config", ["data=svhn", f"data.dir={colours[0].dir}"], Config)
    works, _, _, remedy = run_check("data", nowhere)
    assert (works, remedy) == ("NO", "set data.dir=FOLDER with the files of data=svhn")
