from __future__ import annotations

import itertools

import numpy as np
import pytest

from benchmarks.disturbances import DISTURBANCES, Real
from dcgan_sweeps.config.compose import compose
from dcgan_sweeps.config.schema import Config
from dcgan_sweeps.scoring.fcd import prepare_scorer
from dcgan_sweeps.scoring.frechet import frechet_distance, measure_moments

COUNT = 2000  # of the test images: 33 readings in all


@pytest.fixture(scope="module")
def measure_fcd(fashion):
    scorer = prepare_scorer(compose("config", [], Config).score, fashion)

    def measure(images_u8):
        features, _ = scorer.classifier.read(images_u8, 500)
        return frechet_distance(scorer.reference.holdout, measure_moments(features))

    return measure


@pytest.fixture(scope="module")
def real(fashion):
    return Real(fashion.test_u8[:COUNT], fashion.test_labels[:COUNT])


@pytest.fixture(scope="module")
def undisturbed(measure_fcd, real):
    return measure_fcd(real.images_u8)


@pytest.mark.parametrize("name", DISTURBANCES)
def test_the_distance_rises_with_every_level(name, measure_fcd, real, undisturbed):
    disturbance = DISTURBANCES[name]
    distances = [undisturbed]
    for level in disturbance.levels:
        images_u8 = disturbance.apply(real, level, np.random.default_rng(0))
        distances.append(measure_fcd(images_u8))
    # None of them saturates within its levels: the smallest step, three classes to one, is 19 %.
    assert all(b > 1.1 * a for a, b in itertools.pairwise(distances)), distances


@pytest.mark.parametrize("name", DISTURBANCES)
def test_as_many_images_in_bytes_come_back(name, real):
    few = Real(real.images_u8[:200], real.labels[:200])
    for level in DISTURBANCES[name].levels:
        images_u8 = DISTURBANCES[name].apply(few, level, np.random.default_rng(0))
        assert images_u8.dtype == np.uint8
        assert images_u8.shape == few.images_u8.shape
