"""The Fréchet distance of two sets of features, each taken as a Gaussian.

    frechet_distance(measure_moments(real), measure_moments(fake))

Dowson and Landau, "The Fréchet distance between multivariate normal distributions", 1982; as a
score of generators: Heusel et al., 2017, equation 6.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """Mean (d,) and covariance (d, d) of some features, in float64."""

    mean: Float64
    covariance: Float64


def measure_moments(features: npt.NDArray[np.floating]) -> Moments:
    """Return the moments of features (n, d), the covariance with n - 1; n is at least 2."""
    wide = features.astype(np.float64)
    mean = wide.mean(axis=0)
    centred = wide - mean
    return Moments(mean, centred.T @ centred / (len(wide) - 1))


def frechet_distance(real: Moments, fake: Moments) -> float:
    """Return |mr - mf|^2 + tr(Cr + Cf - 2 (Cr Cf)^(1/2)), in the features' units squared.

    The trace of the root is that of (A Cf A)^(1/2) with A the root of Cr: both are symmetric, so
    eigenvalues suffice, and singular covariances (n < d, dead features) need no epsilon.
    """
    eigenvalues, vectors = np.linalg.eigh(real.covariance)
    root = (vectors * np.sqrt(np.maximum(eigenvalues, 0.0))) @ vectors.T
    product = root @ fake.covariance @ root
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh((product + product.T) / 2.0), 0.0)).sum()
    shift = real.mean - fake.mean
    traces = np.trace(real.covariance) + np.trace(fake.covariance)
    return float(shift @ shift + traces - 2.0 * shared)
