"""Scores a generator: the Fréchet classifier distance, and the extra metrics.

    scorer = prepare_scorer(config.score, images)
    fakes = scorer.draw(sample, LatentSpace(100, "normal"), display.track)
    scorer.score(fakes).fcd

Scoring has its own random streams and changes no weight, so it does not affect training.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from dcgan_sweeps.config.faults import refuse
from dcgan_sweeps.config.schema import Score
from dcgan_sweeps.datasets.images import Images, ImagesU8, Indices, split_holdout
from dcgan_sweeps.randomness import LatentSpace, stream
from dcgan_sweeps.scoring.cache import FEW, Arrays, load_arrays, name_arrays
from dcgan_sweeps.scoring.classifier.network import Classifier, load_classifier
from dcgan_sweeps.scoring.extra_metrics import Examination, Reals, Set, examine
from dcgan_sweeps.scoring.frechet import (
    estimate_error,
    extrapolate_distance,
    frechet_distance,
    measure_moments,
)
from dcgan_sweeps.scoring.identity import Identity, find_classifier_dir, identify
from dcgan_sweeps.scoring.reference import Reference, load_reference, measure_reference

Latents = npt.NDArray[np.float32]
Read = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]  # features, logits
Say = Callable[[str], None]
Sampler = Callable[[Latents], ImagesU8]
Track = Callable[[Sequence[Latents]], Iterable[Latents]]  # yields them, and shows how many are done


@dataclass(frozen=True)
class Fakes:
    """Images (n, h, w, channels) of a generator in 0..255, with their features and logits."""

    images_u8: ImagesU8
    read: Set


@dataclass(frozen=True)
class Scores:
    """Distances from the held-out training images and from the test images; lower is better."""

    fcd: float
    fcd_test: float


@dataclass(frozen=True)
class Scorer:
    """All that scoring needs except the generator."""

    classifier: Classifier
    images: Images
    reference: Reference
    identity: Identity
    settings: Score

    def draw(self, sample: Sampler, space: LatentSpace, track: Track) -> Fakes:
        """Draw and return the fakes to be scored; `sample` maps a batch of latents to images."""
        latents, size = self.draw_latents(space), self.settings.batch_size
        batches = [latents[start : start + size] for start in range(0, len(latents), size)]
        images, features, logits = [], [], []
        for batch in track(batches):
            images_u8 = sample(batch)
            read = self.classifier.read(images_u8, size)
            images.append(images_u8)
            features.append(read[0])
            logits.append(read[1])
        parts = Set(np.concatenate(features), np.concatenate(logits))
        return Fakes(np.concatenate(images), parts)

    def draw_latents(self, space: LatentSpace) -> Latents:
        """Return the scoring latents (count, dim): the same for every generator of a space."""
        return space.draw(self._stream("latents"), self.settings.count)

    def score(self, fakes: Fakes) -> Scores:
        """Return the scores of a generator, computed from its fakes."""
        moments = measure_moments(fakes.read.features)
        return Scores(
            frechet_distance(self.reference.holdout, moments),
            frechet_distance(self.reference.test, moments),
        )

    @cached_property
    def floor(self) -> float:
        """The distance of `count` test images in place of the fakes, or of all where fewer."""
        if self.settings.count >= len(self.images.test_u8):
            return self.reference.floor
        few = self.images.test_u8[self._choose_test()]
        features, _ = self.classifier.read(few, self.settings.batch_size)
        return frechet_distance(self.reference.holdout, measure_moments(features))

    def compute_share(self, fcd: float) -> float:
        """Return a distance on a scale from 0 for real images to 1 for uniform noise."""
        return (fcd - self.floor) / (self.reference.ceiling - self.floor)

    def examine(self, fakes: Fakes, train_rows: Indices, say: Say) -> Examination:
        """Return the extra metrics of a generator that was trained on `train_rows`.

        They use as many fakes as there are reals, because they depend on the number.
        """
        reals = self.read_reals(train_rows, say)
        count = len(reals.holdout.features)
        few = Set(fakes.read.features[:count], fakes.read.logits[:count])
        return examine(reals, few, self._stream("companions"))

    def estimate_error(self, fakes: Fakes) -> float:
        """Return the standard error of `fcd` with respect to the choice of latents."""
        random = self._stream("error")
        return estimate_error(self.reference.holdout, fakes.read.features, random)

    def extrapolate(self, fakes: Fakes) -> float:
        """Return the `fcd` extrapolated to an infinite number of fakes."""
        random = self._stream("extrapolation")
        return extrapolate_distance(self.reference.holdout, fakes.read.features, random)

    def read_reals(self, train_rows: Indices, say: Say) -> Reals:
        """Return the real images that fakes are compared with; `say` gets progress lines."""
        images, size = self.images, self.settings.batch_size
        _, holdout = split_holdout(len(images.train_u8))
        count = min(self.settings.count, len(holdout), len(images.test_u8))
        rows = np.concatenate([holdout[:count], train_rows])
        features, logits = read_rows(self.classifier, images.train_u8, rows, size, say)
        few = self._choose_test()[:count]
        return Reals(
            Set(features[:count], logits[:count]),
            Set(*read_rows(self.classifier, images.test_u8, few, size, say)),
            features[count:],
        )

    def _choose_test(self) -> Indices:
        order = self._stream("test").permutation(len(self.images.test_u8))
        return order[: self.settings.count]

    def _stream(self, name: str) -> np.random.Generator:
        return stream(self.settings.seed, f"score/{name}")


def prepare_scorer(settings: Score, images: Images) -> Scorer:
    """Return the scorer for a data set; raises RequestError for an unusable classifier."""
    classifier = load_classifier(settings.classifier)
    digest = images.digest
    reference = load_reference(find_classifier_dir(settings.classifier), classifier, digest)
    if reference is None:
        reference = measure_reference(classifier, images, settings.batch_size)
    if reference.ceiling <= reference.floor:
        problem = f"got {settings.classifier}, which cannot tell noise from real images"
        raise refuse("score.classifier", problem)
    return Scorer(classifier, images, reference, identify(settings, digest), settings)


def read_rows(
    classifier: Classifier,
    images_u8: ImagesU8,
    rows: Indices,
    batch_size: int,
    say: Say,
) -> Read:
    """Return features (n, d) and logits (n, classes) of some of the images of a data set."""
    if len(rows) <= FEW:
        return classifier.read(images_u8[rows], batch_size)
    features, logits = read_kept(classifier, images_u8, batch_size, say)
    return features[rows], logits[rows]


def read_kept(classifier: Classifier, images_u8: ImagesU8, batch_size: int, say: Say) -> Read:
    """Return features and logits of images, from the cache where they are cached.

    The first batch is always read, and is part of the cache key. Anything that changes the last
    bit, such as the number of threads, therefore has its own file.
    """
    first = classifier.read(images_u8[:batch_size], batch_size)

    def measure() -> Arrays:
        begin = time.perf_counter()
        say(f"reading {len(images_u8):,} real images, once on this machine ...")
        features, logits = classifier.read(images_u8, batch_size)
        say(f"  done after {time.perf_counter() - begin:.0f} s")
        return {"features": features, "logits": logits}

    name = f"{classifier.sha256[:16]}_{batch_size}_{name_arrays(images_u8, *first)}"
    kept = load_arrays(name, measure, say)
    return kept["features"], kept["logits"]
