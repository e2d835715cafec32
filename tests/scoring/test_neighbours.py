from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from dcgan_sweeps.scoring.neighbours import (
    find_nearest_neighbours,
    measure_diversity,
    measure_overlap,
    measure_radii,
)


def draw(random, count=400, width=8, scale=1.0):
    return scale * random.standard_normal((count, width))


def test_tight_fakes_inside_wide_reals_are_precise_and_recall_little(random):
    overlap = measure_overlap(draw(random), draw(random, scale=0.2))
    assert overlap.precision > 0.95
    assert overlap.recall < 0.3
    assert overlap.density > 1
    assert overlap.coverage < 0.5


def test_wide_fakes_around_tight_reals_recall_and_are_imprecise(random):
    overlap = measure_overlap(draw(random, scale=0.2), draw(random))
    assert overlap.precision < 0.3
    assert overlap.recall > 0.95


def test_far_fakes_have_nothing(random):
    overlap = measure_overlap(draw(random), draw(random) + 100)
    assert overlap == type(overlap)(0.0, 0.0, 0.0, 0.0)


def test_the_reals_themselves_have_everything(random):
    real = draw(random)
    overlap = measure_overlap(real, real.copy())
    assert (overlap.precision, overlap.recall, overlap.coverage) == (1.0, 1.0, 1.0)


def test_equal_distributions_have_a_density_of_about_one(random):
    # Naeem et al.: the expectation is 1.
    overlap = measure_overlap(draw(random, 2000), draw(random, 2000))
    assert overlap.density == pytest.approx(1, abs=0.1)


def test_equal_distributions_have_the_expected_coverage(random):
    # Naeem et al.: 1 - 1/2^k for as many fakes as reals, n large.
    overlap = measure_overlap(draw(random, 4000), draw(random, 4000))
    assert overlap.coverage == pytest.approx(1 - 2**-5, abs=0.02)


def test_it_is_the_definition_by_all_pairs(random):
    real, fake = draw(random, 60), draw(random, 50)
    between = cdist(fake, real)

    def reach(points, k):
        return np.sort(cdist(points, points), axis=1)[:, k]

    overlap = measure_overlap(real, fake)
    assert overlap.precision == (between <= reach(real, 3)).any(axis=1).mean()
    assert overlap.recall == (between <= reach(fake, 3)[:, None]).any(axis=0).mean()
    assert overlap.density == pytest.approx((between <= reach(real, 5)).sum() / (5 * 50))
    assert overlap.coverage == (between <= reach(real, 5)).any(axis=0).mean()


def test_radii_leave_the_point_itself_out():
    line = np.array([[0.0], [1.0], [3.0], [7.0]])
    assert measure_radii(line, 1).tolist() == [1, 1, 2, 4]


def test_the_nearest_come_first():
    distances, indices = find_nearest_neighbours(
        np.array([[2.0]]), np.array([[0.0], [5.0], [2.5]]), 2
    )
    assert indices.tolist() == [[2, 0]]
    assert distances.tolist() == [[0.5, 2.0]]


def test_diversity_is_the_mean_distance_of_two_different_ones():
    assert measure_diversity(np.array([[0.0], [1.0], [3.0]])) == pytest.approx((1 + 2 + 3) / 3)
    assert measure_diversity(np.ones((5, 3))) == 0


MEASURE = """
import resource
import numpy as np
from dcgan_sweeps.scoring.extra_metrics import Reals, Set, examine
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
random = np.random.default_rng(0)
def draw(count): return random.standard_normal((count, 64)).astype(np.float32)
def look(count, train):
    sets = [Set(draw(count), draw(count)[:, :10]) for _ in range(3)]
    examine(Reals(*sets[:2], draw(train)), sets[2], random)
look(100, 100)
before = peak()
look(10_000, 60_000)
print(peak() - before)
"""


@pytest.mark.slow
def test_all_extra_metrics_of_ten_thousand_need_less_than_a_gigabyte():
    done = subprocess.run(
        [sys.executable, "-c", MEASURE], check=True, capture_output=True, text=True
    )
    assert float(done.stdout) < 1000  # MiB


def test_more_neighbours_than_there_are_points_are_all_of_them(random):
    distances, indices = find_nearest_neighbours(draw(random, 5), draw(random, 3), 6)
    assert (distances.shape, indices.shape) == ((5, 3), (5, 3))


def test_few_points_have_a_density_of_about_one_too(random):
    draws = [measure_overlap(draw(random, 4), draw(random, 4)).density for _ in range(300)]
    assert np.mean(draws) == pytest.approx(1, abs=0.15)
