"""Computes and measures the bias of the Fréchet distance for finite Gaussian samples.

expect_distance(np.linalg.eigvalsh(covariance), 2_000, 10_000)
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dcgan_sweeps.scoring.frechet import frechet_distance, measure_moments

Float64 = npt.NDArray[np.float64]

DEAD = 1e-12  # share of the largest eigenvalue; below it, a feature is constant up to rounding


def expect_distance(eigenvalues: Float64, n: float, m: float) -> float:
    """Return the expected distance between n and m samples of N(0, S), with eigenvalues l of S.

        (tr S + 1/2 sum_ij l_i l_j (1 + d_ij) / (l_i + l_j)) (1/n + 1/m),   d_ij = 1 where i = j

    The first term comes from the means, E |mn - mm|^2. The second comes from the covariances: in
    the eigenvectors of S, tr(A + B - 2 (A B)^(1/2)) = 1/2 sum_ij (A - B)_ij^2 / (l_i + l_j) for A
    and B near S, to second order, and the covariance of n samples has the variance
    E (A - S)_ij^2 = l_i l_j (1 + d_ij) / n (Wishart). The error is of the order of 1/n^2. Pairs
    with l_i = l_j = 0 contribute nothing. For S = I in d dimensions the result is
    (d + d (d + 1) / 4) (1/n + 1/m).

    The same expansion underlies the limit law of Rippl, Munk and Sturm 2016, "Limit laws of the
    empirical Wasserstein distance: Gaussian distributions", J. Multivariate Analysis 151. Chong
    and Forsyth 2020, https://arxiv.org/abs/1911.07023, show that the bias of FID is of the order
    of 1/n.
    """
    alive = eigenvalues[eigenvalues > DEAD * eigenvalues.max()]
    variances = np.outer(alive, alive) * (1.0 + np.eye(len(alive)))
    spread = (variances / np.add.outer(alive, alive)).sum() / 2.0
    return float((alive.sum() + spread) * (1.0 / n + 1.0 / m))


def draw_distances(
    eigenvalues: Float64, n: int, m: int, draws: int, random: np.random.Generator
) -> Float64:
    """Return the distances (draws,) between n samples of N(0, S) and m other samples of it."""
    scales = np.sqrt(np.maximum(eigenvalues, 0.0))

    def measure(count: int):
        return measure_moments(random.standard_normal((count, len(scales))) * scales)

    return np.array([frechet_distance(measure(m), measure(n)) for _ in range(draws)])
