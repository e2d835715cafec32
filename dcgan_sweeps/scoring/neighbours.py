"""Metrics of the overlap of fakes and reals, by nearest neighbours in feature space.

    overlap = measure_overlap(real, fake)
    overlap.precision, overlap.recall, overlap.density, overlap.coverage

The manifold of a set is the union of balls around its points; each ball reaches to the k-th nearest
other point. Distances are computed in blocks, so that sets of 10,000 need some hundred megabytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import pairwise_distances_chunked
from sklearn.neighbors import NearestNeighbors

Features = npt.NDArray[np.floating]
Float64 = npt.NDArray[np.float64]

PRECISION_K = 3  # neighbours for precision and recall, as in their paper
DENSITY_K = 5  # neighbours for density and coverage, as in their paper
BLOCK_MIB = 128


@dataclass(frozen=True)
class Overlap:
    """Shares from 0 to 1, except that density may be above 1; about 1 for equal distributions.

    Precision and recall: Kynkaanniemi et al. 2019, equation 2, https://arxiv.org/abs/1904.06991.
    Density and coverage: Naeem et al. 2020, https://arxiv.org/abs/2002.09797.
    """

    precision: float  # fakes within the manifold of the reals
    recall: float  # reals within the manifold of the fakes
    density: float  # balls of reals that a fake lies in, over k
    coverage: float  # reals whose ball has a fake in it


def measure_overlap(real: Features, fake: Features) -> Overlap:
    """Return the overlap of features (n, d) of fakes with those of reals (m, d).

    In a set of k points or fewer, each ball reaches to the farthest point.
    """
    reach = measure_radii(real, PRECISION_K), measure_radii(real, DENSITY_K)
    reach_of_fakes = measure_radii(fake, PRECISION_K)
    precise, dense = 0, 0
    recalled = np.zeros(len(real), bool)
    covered = np.zeros(len(real), bool)
    for start, distances in _in_blocks(fake, real):
        radii = reach_of_fakes[start : start + len(distances), None]
        inside = distances <= reach[1]
        precise += int((distances <= reach[0]).any(axis=1).sum())
        dense += int(inside.sum())
        covered |= inside.any(axis=0)
        recalled |= (distances <= radii).any(axis=0)
    return Overlap(
        precise / len(fake),
        float(recalled.mean()),
        dense / (min(DENSITY_K, len(real) - 1) * len(fake)),
        float(covered.mean()),
    )


def measure_radii(features: Features, k: int) -> Float64:
    """Return the distance from each of (n, d) features to the k-th nearest other, shape (n,)."""
    nearest = _index(features, min(k, len(features) - 1))
    radii: Float64 = nearest.kneighbors()[0][:, -1]
    return radii


def find_nearest_neighbours(
    features: Features, among: Features, count: int
) -> tuple[Float64, npt.NDArray[np.int64]]:
    """Return distances and indices of the `count` nearest features `among`, each (n, count).

    Where `among` has fewer features, it returns all of them.
    """
    distances, indices = _index(among, min(count, len(among))).kneighbors(
        features.astype(np.float64)
    )
    return distances, indices


def measure_diversity(features: Features) -> float:
    """Return the mean distance over all pairs of different features of (n, d)."""
    total = sum(float(distances.sum()) for _, distances in _in_blocks(features, features))
    return total / (len(features) * (len(features) - 1))


def _index(features: Features, neighbours: int) -> NearestNeighbors:
    # In so many dimensions a tree would visit all points as well.
    index = NearestNeighbors(n_neighbors=neighbours, algorithm="brute")
    return index.fit(features.astype(np.float64))


def _in_blocks(rows: Features, columns: Features) -> Iterator[tuple[int, Float64]]:
    """Yield (first row, distances of some rows to all columns)."""
    start = 0
    for distances in pairwise_distances_chunked(
        rows.astype(np.float64), columns.astype(np.float64), working_memory=BLOCK_MIB
    ):
        yield start, distances
        start += len(distances)
