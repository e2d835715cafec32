"""The Fréchet distance of two sets of features, each taken as a Gaussian.

    frechet_distance(measure_moments(real), measure_moments(fake))

Dowson and Landau, "The Fréchet distance between multivariate normal distributions", 1982; as a
score of generators: Heusel et al., 2017, equation 6.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import linregress

Float64 = npt.NDArray[np.float64]
Features = npt.NDArray[np.floating]

RESAMPLES = 50  # of a bootstrap; the error of an error is then a tenth of it
SIZES = 10  # of the subsets that an extrapolation goes through


@dataclass(frozen=True)
class Moments:
    """Mean (d,) and covariance (d, d) of some features, in float64."""

    mean: Float64
    covariance: Float64


def measure_moments(features: Features) -> Moments:
    """Return the moments of features (n, d), the covariance with n - 1; n is at least 2."""
    wide = features.astype(np.float64, copy=False)
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


def estimate_error(real: Moments, features: Features, random: np.random.Generator) -> float:
    """Return the standard error of a distance for the choice of the fakes (n, d).

    By the bootstrap (Efron 1979): the standard deviation over RESAMPLES sets drawn from them with
    replacement. Too large where the distance is about 0, which no sample goes below.
    """
    count, wide = len(features), features.astype(np.float64)
    resamples = (random.integers(count, size=count) for _ in range(RESAMPLES))
    distances = [frechet_distance(real, measure_moments(wide[rows])) for rows in resamples]
    return float(np.std(distances, ddof=1))


def extrapolate_distance(real: Moments, features: Features, random: np.random.Generator) -> float:
    """Return the distance that a generator with features (n, d) would have of endless fakes.

    The intercept of a line through the distances of subsets over 1/n: Chong and Forsyth 2020,
    section 3, https://arxiv.org/abs/1911.07023. What the finite number of reals adds is left in.
    It scatters more than the distance itself, and may come out below 0 where that is small.
    """
    counts = np.linspace(len(features) / SIZES, len(features), SIZES).astype(int).clip(2)
    distances = [
        frechet_distance(real, measure_moments(random.permutation(features)[:count]))
        for count in counts
    ]
    return float(linregress(1.0 / counts, distances).intercept)
