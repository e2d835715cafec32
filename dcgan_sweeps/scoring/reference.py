"""The reference of a score: the moments of the features of real images, and of noise.

The moments for Fashion-MNIST are shipped with the classifier, so that every machine compares with
the same numbers.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dcgan_sweeps.datasets.images import Images, ImagesU8, Shape, split_holdout
from dcgan_sweeps.randomness import stream
from dcgan_sweeps.scoring.classifier.network import Classifier
from dcgan_sweeps.scoring.frechet import Moments, frechet_distance, measure_moments

REFERENCE_FILE = "reference.npz"
SETS = ("holdout", "test", "noise")
NOISE_COUNT = 10_000


@dataclass(frozen=True)
class Reference:
    """Moments of held-out training images, of the test images, and of noise.

    The classifier was not trained on the held-out images.
    """

    holdout: Moments
    test: Moments
    noise: Moments

    @property
    def floor(self) -> float:
        """The distance of the test images from the held-out images."""
        return frechet_distance(self.holdout, self.test)

    @property
    def ceiling(self) -> float:
        """The distance of uniform noise from the held-out images."""
        return frechet_distance(self.holdout, self.noise)


def measure_reference(classifier: Classifier, images: Images, batch_size: int) -> Reference:
    """Compute and return the reference of a data set."""
    _, holdout = split_holdout(len(images.train_u8))
    moments = [
        measure_moments(classifier.read(images_u8, batch_size)[0])
        for images_u8 in (
            images.train_u8[holdout],
            images.test_u8,
            draw_noise(NOISE_COUNT, images.shape),
        )
    ]
    return Reference(*moments)


def draw_noise(count: int, shape: Shape) -> ImagesU8:
    """Return images (count, *shape) of independent pixels, uniform in 0..255; always the same."""
    return stream(0, "score/noise").integers(0, 256, (count, *shape), np.uint8)


def encode_reference(reference: Reference, classifier_sha256: str, data_digest: str) -> bytes:
    """Return the reference as an npz that also names its classifier and its data."""
    moments = {name: getattr(reference, name) for name in SETS}
    means = {f"{name}_mean": each.mean for name, each in moments.items()}
    covariances = {f"{name}_covariance": each.covariance for name, each in moments.items()}
    file = io.BytesIO()
    np.savez_compressed(
        file, classifier_sha256=classifier_sha256, data_digest=data_digest, **means, **covariances
    )
    return file.getvalue()


def load_reference(folder: Path, classifier: Classifier, data_digest: str) -> Reference | None:
    """Return the reference in `folder`, None where it is of another classifier or data set."""
    arrays = _read_arrays(folder)
    expected = {"classifier_sha256": classifier.sha256, "data_digest": data_digest}
    if any(arrays.get(name) != value for name, value in expected.items()):
        return None
    if any(f"{name}_mean" not in arrays for name in SETS):  # of a version without noise
        return None
    return Reference(
        *(Moments(arrays[f"{name}_mean"], arrays[f"{name}_covariance"]) for name in SETS)
    )


def read_classifier_digest(folder: Path) -> str | None:
    """Return the SHA-256 of the classifier of the reference in `folder`, None without one."""
    arrays = _read_arrays(folder)
    return str(arrays["classifier_sha256"]) if arrays else None


def _read_arrays(folder: Path) -> dict[str, Any]:
    path = folder / REFERENCE_FILE
    if not path.is_file():
        return {}
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)
