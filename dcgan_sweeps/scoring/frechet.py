"""The Fréchet distance of two sets of features, each modelled as a Gaussian.

    frechet_distance(measure_moments(real), measure_moments(fake))

Source: Dowson and Landau, "The Fréchet distance between multivariate normal distributions", 1982.
Heusel et al., 2017, equation 6, use it as a score of generators.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import linregress

Float64 = npt.NDArray[np.float64]
Features = npt.NDArray[np.floating]

RESAMPLES = 50  # of a bootstrap; the relative error of the estimate is then a tenth
SIZES = 10  # subset sizes of an extrapolation


@dataclass(frozen=True)
class Moments:
    """Mean (d,) and covariance (d, d) of some features, in float64."""

    mean: Float64
    covariance: Float64


def measure_moments(features: Features) -> Moments:
    """Return the moments of features (n, d), n at least 2; the covariance divides by n - 1."""
    wide = features.astype(np.float64, copy=False)
    mean = wide.mean(axis=0)
    centred = wide - mean
    return Moments(mean, centred.T @ centred / (len(wide) - 1))


def frechet_distance(real: Moments, fake: Moments) -> float:
    """Return |mr - mf|^2 + tr(Cr + Cf - 2 (Cr Cf)^(1/2)), in the features' units squared.

    The trace of the root equals that of (A Cf A)^(1/2), where A is the root of Cr. Both are
    symmetric, so eigenvalues suffice, and singular covariances (n < d, dead features) need no
    epsilon.
    """
    eigenvalues, vectors = np.linalg.eigh(real.covariance)
    root = (vectors * np.sqrt(np.maximum(eigenvalues, 0.0))) @ vectors.T
    product = root @ fake.covariance @ root
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh((product + product.T) / 2.0), 0.0)).sum()
    shift = real.mean - fake.mean
    traces = np.trace(real.covariance) + np.trace(fake.covariance)
    return float(shift @ shift + traces - 2.0 * shared)


def estimate_error(real: Moments, features: Features, random: np.random.Generator) -> float:
    """Return the standard error of a distance with respect to the choice of the fakes (n, d).

    It is the standard deviation over RESAMPLES bootstrap sets (Efron 1979). It is too large where
    the distance is about 0, because no sample goes below 0.
    """
    count, wide = len(features), features.astype(np.float64)
    resamples = (random.integers(count, size=count) for _ in range(RESAMPLES))
    distances = [frechet_distance(real, measure_moments(wide[rows])) for rows in resamples]
    return float(np.std(distances, ddof=1))


def extrapolate_distance(real: Moments, features: Features, random: np.random.Generator) -> float:
    """Return the distance of features (n, d), extrapolated to an infinite number of fakes.

    It is the intercept of a line through the distances of subsets over 1/n: Chong and Forsyth
    2020, section 3, https://arxiv.org/abs/1911.07023. The bias of the finite number of reals is
    not removed. The result scatters more than the distance itself, and may be below 0 where that
    is small.
    """
    counts = np.linspace(len(features) / SIZES, len(features), SIZES).astype(int).clip(2)
    distances = [
        frechet_distance(real, measure_moments(random.permutation(features)[:count]))
        for count in counts
    ]
    return float(linregress(1.0 / counts, distances).intercept)
