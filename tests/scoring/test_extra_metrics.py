from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from drawer import draw_in_order

from dcgan_sweeps.config.compose import compose
from dcgan_sweeps.config.schema import Config
from dcgan_sweeps.randomness import LatentSpace
from dcgan_sweeps.scoring.extra_metrics import EXAMPLES, NEIGHBOURS
from dcgan_sweeps.scoring.fcd import prepare_scorer

ROWS = np.arange(1000)  # of the training images, those that the generators have seen


@pytest.fixture(scope="module")
def scorer(fashion):
    return prepare_scorer(compose("config", ["score.count=1000"], Config).score, fashion)


def examine(scorer, images_u8):
    fakes = scorer.draw(draw_in_order(images_u8), LatentSpace(1, "normal"), iter)
    return scorer.examine(fakes, ROWS, print)


@pytest.fixture(scope="module")
def of_test_images(scorer, fashion):
    """The test images in their own order, as if a generator had drawn them."""
    return examine(scorer, fashion.test_u8)


@pytest.mark.parametrize("name", ["precision", "recall", "density", "coverage", "diversity"])
def test_real_images_look_as_real_images_do(of_test_images, name):
    metrics = of_test_images.metrics
    # Two sets of a thousand: their own sampling moves a share by some hundredths.
    assert metrics[name] == pytest.approx(metrics[f"{name}_real"], rel=0.12)


def test_real_images_are_at_no_kernel_distance(of_test_images):
    metrics = of_test_images.metrics
    assert abs(metrics["kid"]) < 10 * metrics["kid_error"]


def test_noise_is_neither_precise_nor_diverse(scorer, random, of_test_images):
    metrics = examine(scorer, random.integers(0, 256, (1000, 28, 28, 1), np.uint8)).metrics
    assert metrics["recall"] < 0.05
    assert metrics["coverage"] < 0.05
    assert metrics["dropped_classes"] >= 8
    assert metrics["class_js_bits"] > 0.5
    assert metrics["kid"] > 100 * of_test_images.metrics["kid_error"]


def test_a_copier_is_nearer_to_the_training_images_than_new_images_are(scorer, fashion):
    metrics = examine(scorer, fashion.train_u8[ROWS]).metrics
    # The features of one image differ in the last bit between two batches.
    assert metrics["nearest_train"] < 1e-3
    assert metrics["nearest_train_real"] > 3


def test_one_class_alone_is_seen_as_dropped_classes(scorer, fashion):
    bags = fashion.train_u8[fashion.train_labels == 8][:1000]
    metrics = examine(scorer, bags).metrics
    assert metrics["dropped_classes"] == 9
    # A tenth of the reals are bags; single far ones have balls that reach into other classes.
    assert metrics["recall"] < 0.5 * metrics["recall_real"]


def test_the_nearest_images_are_those_of_the_training(scorer, fashion):
    seen = examine(scorer, fashion.train_u8[ROWS])
    assert seen.nearest.shape == (10, NEIGHBOURS)
    assert seen.nearest[:, 0].tolist() == list(range(10))


def test_the_most_confident_are_surer_than_the_least_sure(scorer, of_test_images, fashion):
    shown = [of_test_images.most_confident, of_test_images.least_sure]
    assert [len(each) for each in shown] == [EXAMPLES, EXAMPLES]
    sure, unsure = (
        np.sort(scorer.classifier.read(fashion.test_u8[each], 500)[1])[:, -2:] for each in shown
    )
    assert (sure[:, 1] - sure[:, 0]).min() > (unsure[:, 1] - unsure[:, 0]).max()


def test_an_examination_is_the_same_each_time(scorer, fashion, of_test_images):
    assert examine(scorer, fashion.test_u8).metrics == of_test_images.metrics


def test_more_fakes_than_reals_are_held_against_as_many(scorer, fashion):
    few = dataclasses.replace(fashion, test_u8=fashion.test_u8[:300])
    small = dataclasses.replace(scorer, images=few)
    fakes = small.draw(draw_in_order(fashion.test_u8), LatentSpace(1, "normal"), iter)
    reals = small.read_reals(ROWS, print)
    assert len(reals.holdout.features) == len(reals.test.features) == 300
    assert small.examine(fakes, ROWS, print).least_sure.max() < 300
