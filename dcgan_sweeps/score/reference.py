"""What a generator's features are compared with: those of real images.

The moments for Fashion-MNIST are shipped beside the classifier, so that every machine compares
with the same numbers.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dcgan_sweeps.data.images import Images, split_holdout
from dcgan_sweeps.score.classifier.network import Classifier
from dcgan_sweeps.score.frechet import Moments, frechet_distance, measure_moments

REFERENCE_FILE = "reference.npz"


@dataclass(frozen=True)
class Reference:
    """Moments of the training images that the classifier never saw, and of the test images."""

    holdout: Moments
    test: Moments

    @property
    def floor(self) -> float:
        """The distance of real images from real images."""
        return frechet_distance(self.holdout, self.test)


def measure_reference(classifier: Classifier, images: Images, batch_size: int) -> Reference:
    """Return the reference of a data set, by reading its images."""
    _, holdout = split_holdout(len(images.train_u8))
    moments = [
        measure_moments(classifier.read(images_u8, batch_size)[0])
        for images_u8 in (images.train_u8[holdout], images.test_u8)
    ]
    return Reference(*moments)


def encode_reference(reference: Reference, classifier_sha256: str, data_digest: str) -> bytes:
    """Return the reference as an npz that also says whose features of which data it is."""
    file = io.BytesIO()
    np.savez_compressed(
        file,
        classifier_sha256=classifier_sha256,
        data_digest=data_digest,
        holdout_mean=reference.holdout.mean,
        holdout_covariance=reference.holdout.covariance,
        test_mean=reference.test.mean,
        test_covariance=reference.test.covariance,
    )
    return file.getvalue()


def find_reference(folder: Path, classifier: Classifier, data_digest: str) -> Reference | None:
    """Return the reference in `folder` where it is of this classifier and data, else None."""
    path = folder / REFERENCE_FILE
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as arrays:
        if arrays["classifier_sha256"] != classifier.sha256:
            return None
        if arrays["data_digest"] != data_digest:
            return None
        return Reference(
            Moments(arrays["holdout_mean"], arrays["holdout_covariance"]),
            Moments(arrays["test_mean"], arrays["test_covariance"]),
        )
