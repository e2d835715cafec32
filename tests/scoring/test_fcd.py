from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from drawer import draw_in_order

from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.datasets.images import split_holdout
from dcgan_sweeps.datasets.synthetic import draw_synthetic
from dcgan_sweeps.randomness import LatentSpace
from dcgan_sweeps.scoring.classifier.network import build_classifier, encode_weights
from dcgan_sweeps.scoring.fcd import prepare_scorer
from dcgan_sweeps.scoring.frechet import frechet_distance, measure_moments
from dcgan_sweeps.scoring.identity import WEIGHTS_FILE
from dcgan_sweeps.scoring.reference import draw_noise


@pytest.fixture(scope="module")
def scorer(fashion):
    from dcgan_sweeps.config.compose import compose
    from dcgan_sweeps.config.schema import Config

    return prepare_scorer(compose("config", ["score.count=2000"], Config).score, fashion)


def test_the_floor_is_real_against_real(scorer):
    assert 0 < scorer.reference.floor < 1


def test_the_shipped_reference_is_what_the_classifier_reads_here(scorer, fashion):
    _, holdout = split_holdout(60_000)
    features, _ = scorer.classifier.read(fashion.train_u8[holdout], 500)
    # Another processor or thread count rounds float32 otherwise; the scores of runs are above 1.
    distance = frechet_distance(scorer.reference.holdout, measure_moments(features))
    assert abs(distance) < 1e-3


def test_the_ceiling_is_what_noise_scores_here(scorer):
    features, _ = scorer.classifier.read(draw_noise(2000, (28, 28, 1)), 500)
    distance = frechet_distance(scorer.reference.holdout, measure_moments(features))
    # A fifth of its images; their own sampling moves it by some tenths of a percent.
    assert distance == pytest.approx(scorer.reference.ceiling, rel=0.01)


def test_real_images_score_far_better_than_noise(scorer, fashion, random):
    real = scorer.score(
        scorer.draw(draw_in_order(fashion.train_u8), LatentSpace(1, "normal"), iter)
    )
    noise = random.integers(0, 256, (2000, 28, 28, 1), np.uint8)
    bad = scorer.score(scorer.draw(draw_in_order(noise), LatentSpace(1, "normal"), iter))
    assert real.fcd * 50 < bad.fcd


def test_a_share_is_zero_for_real_images_and_one_for_noise(scorer):
    assert scorer.compute_share(scorer.floor) == 0
    assert scorer.compute_share(scorer.reference.ceiling) == 1


def test_the_floor_of_fewer_images_is_higher(scorer):
    fewer = dataclasses.replace(scorer, settings=dataclasses.replace(scorer.settings, count=200))
    assert scorer.reference.floor < scorer.floor < fewer.floor


def test_the_batch_size_does_not_change_a_score(scorer, fashion):
    def score(batch_size):
        settings = dataclasses.replace(scorer.settings, batch_size=batch_size)
        other = dataclasses.replace(scorer, settings=settings)
        return other.score(
            other.draw(draw_in_order(fashion.test_u8), LatentSpace(1, "normal"), iter)
        ).fcd

    assert score(64) == pytest.approx(score(500), rel=1e-4)


def test_scoring_latents_are_the_same_in_every_run(scorer):
    assert np.array_equal(
        scorer.draw_latents(LatentSpace(7, "normal")), scorer.draw_latents(LatentSpace(7, "normal"))
    )
    assert scorer.draw_latents(LatentSpace(7, "normal")).shape == (2000, 7)
    uniform = scorer.draw_latents(LatentSpace(7, "uniform"))
    assert uniform.dtype == np.float32
    assert uniform.var() == pytest.approx(1 / 3, abs=0.02)
    assert np.abs(uniform).max() <= 1


def test_other_data_gets_a_reference_of_its_own(scorer):
    synthetic = draw_synthetic(1200)
    other = prepare_scorer(scorer.settings, synthetic)
    assert other.identity.digest != scorer.identity.digest
    assert other.reference.holdout.mean.shape == scorer.reference.holdout.mean.shape


def test_a_classifier_that_sees_nothing_is_refused(tmp_path, scorer, fashion):
    model = build_classifier((28, 28, 1), 10, [3], 4, dropout=0.0, seed=0)
    model.set_weights([np.zeros_like(each) for each in model.get_weights()])
    (tmp_path / WEIGHTS_FILE).write_bytes(encode_weights(model))
    settings = dataclasses.replace(scorer.settings, classifier=str(tmp_path))
    few = dataclasses.replace(
        fashion, train_u8=fashion.train_u8[:600], test_u8=fashion.test_u8[:99]
    )
    with pytest.raises(RequestError, match="cannot tell noise from real images"):
        prepare_scorer(settings, few)
