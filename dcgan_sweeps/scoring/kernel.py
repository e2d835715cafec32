"""The kernel inception distance (KID) of two sets of features.

    measure_kid(real, fake, random).value

Source: Binkowski et al. 2018, "Demystifying MMD GANs", section 4: https://arxiv.org/abs/1801.01401.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Features = npt.NDArray[np.floating]
Float64 = npt.NDArray[np.float64]

SUBSETS, SUBSET_SIZE = 100, 1000


@dataclass(frozen=True)
class Kid:
    """A kernel distance: the mean over the subsets, and its standard error."""

    value: float
    error: float


def measure_kid(real: Features, fake: Features, random: np.random.Generator) -> Kid:
    """Return the kernel distance of features (n, d) and (m, d): about 0 for equal distributions.

    It is the mean over SUBSETS pairs of subsets of SUBSET_SIZE, or of half of the smaller set; n
    and m are at least 2. The error is the standard deviation over the subsets, divided by the root
    of their number. As the subsets overlap, it only covers the choice of subsets of these samples.
    """
    smaller = min(len(real), len(fake))
    size = min(SUBSET_SIZE, max(smaller // 2, 2))
    distances = [
        square_mmd(
            real[random.choice(len(real), size, replace=False)],
            fake[random.choice(len(fake), size, replace=False)],
        )
        for _ in range(SUBSETS)
    ]
    return Kid(float(np.mean(distances)), float(np.std(distances, ddof=1) / np.sqrt(SUBSETS)))


def square_mmd(real: Features, fake: Features) -> float:
    """Return the unbiased squared maximum mean discrepancy of two sets of n features, n > 1.

    Gretton et al. 2012, lemma 6, with the kernel (x . y / d + 1)^3.
    """
    reals, fakes = real.astype(np.float64), fake.astype(np.float64)
    count = len(reals)
    within = sum(
        kernel.sum() - np.trace(kernel)
        for kernel in (measure_kernel(reals, reals), measure_kernel(fakes, fakes))
    )
    between = measure_kernel(reals, fakes).mean()
    return float(within / (count * (count - 1)) - 2.0 * between)


def measure_kernel(rows: Float64, columns: Float64) -> Float64:
    """Return (x . y / d + 1)^3 of each of (n, d) with each of (m, d), shape (n, m)."""
    # A power, as in scikit-learn's polynomial_kernel, takes ten times as long as products.
    linear = rows @ columns.T / rows.shape[1] + 1.0
    cubed: Float64 = linear * linear * linear
    return cubed
