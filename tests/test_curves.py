"""The bank of learning curves: what is computed from its table."""

from __future__ import annotations

import numpy as np
import pytest
from omegaconf import OmegaConf

from benchmarks.curves.bank import Bank, read_bank
from benchmarks.curves.blind import COUNT, LETTERS, RANKINGS, choose
from benchmarks.curves.collect import make_row, read_table, write_table
from benchmarks.curves.features import equalise, whiten
from benchmarks.curves.noise import (
    correlate_seeds,
    measure_luck,
    measure_median_spread,
    split_variance,
)
from benchmarks.curves.replay import read_options, search
from benchmarks.curves.spaces import SPACES
from dcgan_sweeps.config.compose import compose, find_conf_dir
from dcgan_sweeps.config.flat import flatten
from dcgan_sweeps.config.schema import Config

NOISE, SIGNAL = 0.08, 0.2
FCD = SPACES["fcd"]


def make_bank(random, *, shared=0.0, count=200, seeds=8):
    """Return a bank in which a share of the noise's variance is that of the seed."""
    means = random.normal(5, SIGNAL, (count, 1, 1))
    own = random.normal(0, NOISE * (1 - shared) ** 0.5, (count, seeds, 1))
    common = random.normal(0, NOISE * shared**0.5, (1, seeds, 1))
    scores = np.repeat(means + own + common, 6, axis=2) + np.linspace(0.5, 0, 6)
    return Bank((FCD.default,) * count, tuple(range(seeds)), scores, scores)


def test_the_runs_are_those_of_32_configurations_and_the_default():
    runs = list(FCD.list_runs())
    assert len(set(runs)) == len(runs) == 33 * 4 + 8
    assert sum(run[:3] == FCD.default for run in runs) == 12
    assert all(1e-4 <= float(lr) <= 4e-3 and 0 <= float(dropout) <= 0.6 for lr, dropout, *_ in runs)
    assert all(16 <= int(latent_dim) <= 256 for _, _, latent_dim, _ in runs)


@pytest.mark.parametrize("space", SPACES.values(), ids=list(SPACES))
def test_the_runs_of_a_space_are_requests_of_its_search(space):
    for values in list(space.list_runs())[:20]:
        pairs = zip((*space.keys, "seed"), values, strict=True)
        words = [f"{key}={value}" for key, value in pairs]
        flat = flatten(compose("config", [*space.settings, *words], Config))
        assert tuple(str(flat[key]) for key in space.keys) == values[:-1]
    chosen = OmegaConf.load(find_conf_dir() / "search" / f"{space.name}.yaml")
    searched = {*OmegaConf.load(find_conf_dir() / "search" / "fcd.yaml").hydra.sweeper.params}
    assert {*space.keys} <= searched | {*chosen.hydra.sweeper.params}


def test_a_table_comes_back_as_arrays(tmp_path):
    path = tmp_path / "curves.csv"
    known = dict(zip(FCD.columns, FCD.default, strict=True))
    rows = [
        make_row({**known, "seed": str(seed)}, epoch, "shipped", np.e**seed, 1.0)
        for seed in (1, 0)
        for epoch in (2, 1)
    ]
    write_table(path, FCD, rows)
    assert [row["epoch"] for row in read_table(path)] == ["1", "2", "1", "2"]
    bank = read_bank(FCD, "shipped", path)
    assert bank.configurations == (FCD.default,)
    assert bank.log_fcd[0, :, 1] == pytest.approx([0, 1], abs=1e-4)
    assert bank.means == pytest.approx([0.5], abs=1e-4)


def test_noise_and_signal_are_told_apart():
    bank = make_bank(np.random.default_rng(0))
    noise, signal = split_variance(bank.log_fcd[:, :, -1])
    assert noise**0.5 == pytest.approx(NOISE, rel=0.05)
    assert signal**0.5 == pytest.approx(SIGNAL, rel=0.15)
    scores = bank.log_fcd[:, :, -1].copy()
    scores[::10, 0] += 2  # a run in ten configurations each collapses
    assert measure_median_spread(scores) == pytest.approx(NOISE, rel=0.1)
    assert split_variance(scores)[0] ** 0.5 > 2 * NOISE


@pytest.mark.parametrize("shared", [0.0, 0.5])
def test_the_part_of_the_noise_that_a_seed_has_in_common_is_found(shared):
    random = np.random.default_rng(1)
    found = [correlate_seeds(make_bank(random, shared=shared, seeds=40)) for _ in range(5)]
    assert np.mean(found) == pytest.approx(shared, abs=0.1)


def test_the_best_of_equal_configurations_looks_better_than_it_is():
    random = np.random.default_rng(2)
    scores = random.normal(5, NOISE, (40, 8, 6))
    promised, true = measure_luck(Bank((FCD.default,) * 40, tuple(range(8)), scores, scores))
    assert promised > 0.1
    assert true < promised / 2


def test_a_search_without_pruning_trains_all_and_one_with_pruning_less():
    bank = make_bank(np.random.default_rng(3), count=20)
    whole = search(bank, read_options("none", 6), seed=0)
    assert (whole.epochs, whole.best_lost, whole.third_lost) == (120, False, 0.0)
    pruned = search(bank, read_options("successive_halving", 6), seed=0)
    assert pruned.epochs < 80
    assert pruned.third_lost > 0


def test_the_generators_that_are_ranked_by_eye_differ_within_a_set_and_stay_the_same():
    for number, ranking in enumerate(RANKINGS):
        chosen = choose(FCD, number)
        assert sorted(ranking) == [*LETTERS]
        assert len({run for run, _ in chosen}) == COUNT
        assert {run[-1] for run, _ in chosen} == {str(number)}
        assert chosen == choose(FCD, number)


def test_whitened_features_have_the_identity_as_covariance_and_equal_ones_the_same_size():
    random = np.random.default_rng(4)
    features = random.normal(size=(5000, 4)) @ np.diag([1.0, 2, 3, 0.5]) + 5
    covariance = np.cov(whiten(features)(features).T)
    np.testing.assert_allclose(covariance, np.eye(4), atol=1e-9)
    sizes = (equalise(features)(features) ** 2).mean(axis=1)
    np.testing.assert_allclose(sizes, 1, rtol=1e-9)


def test_the_table_in_git_is_one_of_the_bank():
    bank = read_bank(FCD, "shipped")
    assert {*bank.configurations} == {*FCD.list_configurations()}
    assert np.isfinite(bank.log_fcd[:, 0]).all()
