"""The Fréchet classifier distance of a generator.

    scorer = prepare_scorer(config.score, images)
    scorer.score(sample, latent_dim=100).fcd

Scoring draws from streams of its own and moves no weight, so training does not notice it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dcgan_sweeps.config import Score
from dcgan_sweeps.data.images import HOLDOUT_SEED, Images
from dcgan_sweeps.randomness import stream
from dcgan_sweeps.score.classifier.network import (
    PREPROCESSING,
    SHIPPED,
    TAP,
    Classifier,
    load_classifier,
)
from dcgan_sweeps.score.frechet import frechet_distance, measure_moments
from dcgan_sweeps.score.reference import Reference, find_reference, measure_reference

Latents = npt.NDArray[np.float32]
Sampler = Callable[[Latents], npt.NDArray[np.uint8]]

# Raised whenever the same generator would get another number for a reason not in its identity.
VERSION = 1


@dataclass(frozen=True)
class Scores:
    """Distances from the held-out training images and from the test images; lower is better."""

    fcd: float
    fcd_test: float


@dataclass(frozen=True)
class Scorer:
    """All that scoring needs beside the generator."""

    classifier: Classifier
    reference: Reference
    identity: str
    settings: Score

    def score(self, sample: Sampler, latent_dim: int) -> Scores:
        """Return the scores of a generator, given what maps latents to its images in 0..255."""
        features, _ = self.classifier.read(
            sample(self.draw_latents(latent_dim)), self.settings.batch_size
        )
        moments = measure_moments(features)
        return Scores(
            frechet_distance(self.reference.holdout, moments),
            frechet_distance(self.reference.test, moments),
        )

    def draw_latents(self, latent_dim: int) -> Latents:
        """Return the scoring latents (count, latent_dim): the same for every generator."""
        shape = (self.settings.count, latent_dim)
        return stream(self.settings.seed, "score/latents").standard_normal(shape, np.float32)


def prepare_scorer(settings: Score, images: Images) -> Scorer:
    """Return the scorer for a data set; raises RequestError where there is no such classifier."""
    classifier = load_classifier(settings.classifier)
    digest = images.digest
    folder = SHIPPED if settings.classifier is None else Path(settings.classifier).expanduser()
    reference = find_reference(folder, classifier, digest)
    if reference is None:
        reference = measure_reference(classifier, images, settings.batch_size)
    return Scorer(classifier, reference, identify(settings, classifier.sha256, digest), settings)


def identify(settings: Score, classifier_sha256: str, data_digest: str) -> str:
    """Return what tells one kind of score from another: 16 hex digits.

    Two scores can be compared only where these are equal.
    """
    parts = {
        "classifier": classifier_sha256,
        "tap": TAP,
        "preprocessing": PREPROCESSING,
        "data": data_digest,
        "holdout_seed": HOLDOUT_SEED,
        "count": settings.count,
        "seed": settings.seed,
        "version": VERSION,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
