"""A repeated composition is that of Hydra, whatever the overrides are."""

from __future__ import annotations

import pytest
from hydra.errors import HydraException
from omegaconf import OmegaConf
from played import Studies

from dcgan_sweeps.composition.repeated import RepeatedComposition


@pytest.fixture(scope="module")
def composer(tmp_path_factory):
    studies = Studies(tmp_path_factory.mktemp("study"))
    studies.read("search=random", "hydra.sweeper.n_trials=3")
    return studies.compose


@pytest.fixture(scope="module")
def repeated(composer):
    return RepeatedComposition(composer.loader, composer.compose.master, with_hydra=True)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["seed=7", "optimizer.lr=2e-3"],
        ["seed=8", "optimizer.lr=2e-3"],
        ["optimizer.lr=0.1", "optimizer=adamw", "optimizer.lr=0.2"],
        ["experiment=tiny", "train.epochs=3"],
        ["train.epochs=3", "experiment=tiny"],
        ["optimizer={lr: 0.1}"],
        ["train.augment=[translation,cutout]", "model.dropout=0"],
        ["tracking.run_name='a b, c=d'", "+model.extra=1", "~model.dropout"],
        ["tracking.run_name=${seed}", "hydra.job.name=other", "train.ema=null"],
    ],
)
def test_it_composes_what_hydra_composes(composer, repeated, words):
    expected = composer.loader.load_sweep_config(composer.compose.master, list(words))
    for _ in range(2):  # the second time from what is kept
        assert OmegaConf.to_container(repeated(words)) == OmegaConf.to_container(expected)


def test_hydras_part_can_be_left_out(composer, repeated):
    words = ["experiment=tiny", "seed=3"]
    expected = OmegaConf.to_container(repeated(words))
    del expected["hydra"]
    assert OmegaConf.to_container(composer.compose(words)) == expected


def test_values_of_one_trial_do_not_reach_the_next(repeated):
    before = repeated(["seed=1"])
    repeated(["seed=2", "model.dropout=0.9"])
    assert repeated(["seed=1"]) == before


@pytest.mark.parametrize(
    "word", ["optimizer.lrr=1", "optimizer=none_such", "model.dropout=[", "~x"]
)
def test_a_wrong_override_is_refused_as_by_hydra(composer, repeated, word):
    with pytest.raises(HydraException) as expected:
        composer.loader.load_sweep_config(composer.compose.master, [word])
    with pytest.raises(HydraException) as raised:
        repeated([word])
    assert str(raised.value) == str(expected.value)
