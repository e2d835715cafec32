"""What a study is asked, read and checked as the sweeper does, before anything is started."""

from __future__ import annotations

import pytest
from played import Studies

from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.sweep.overrides import Domain
from dcgan_sweeps.sweep.request import choose_seed, list_points

SEARCH = ("search=random", "hydra.sweeper.n_trials=5")


@pytest.fixture(scope="module")
def search(tmp_path_factory):
    """What a search is, as its folder says."""
    return Studies(tmp_path_factory.mktemp("search")).read(*SEARCH).describe()


def refuse(studies, *words):
    """Return what a refused study is told."""
    with pytest.raises(RequestError) as refused:
        studies.read(*words)
    return str(refused.value)


def test_a_grid_has_every_combination_once_the_last_key_fastest(studies):
    request = studies.read("train.epochs=1,2", "seed=3,4,4")
    found = [tuple(point.values.values()) for point in request.points]
    assert found == [(1, 3), (1, 4), (2, 3), (2, 4)]
    assert (request.is_search, request.total) == (False, 4)


def test_paired_lists_make_a_point_of_their_first_values_one_of_the_second_and_so_on(studies):
    request = studies.read("hydra.sweeper.zip=true", "train.epochs=1,2,1,1", "seed=3,3,4,3")
    assert [point.overrides for point in request.points] == [
        ("train.epochs=1", "seed=3"),
        ("train.epochs=2", "seed=3"),
        ("train.epochs=1", "seed=4"),
    ]
    assert request.describe()["zip"] is True


def test_only_lists_of_equal_length_are_paired(studies):
    said = refuse(studies, "hydra.sweeper.zip=true", "train.epochs=1,2,3", "seed=3,4")
    counts = "train.epochs with 3 values, seed with 2 values"
    assert said == f"hydra.sweeper.zip: got {counts}; allowed: lists of equal length"
    said = refuse(studies, "hydra.sweeper.zip=true", *SEARCH)
    assert "hydra.sweeper.zip: got true; allowed: false" in said


def test_a_grid_has_no_more_trials_than_asked(studies):
    assert studies.read("seed=range(5)", "hydra.sweeper.n_trials=2").total == 2
    assert studies.read("seed=range(2)", "hydra.sweeper.n_trials=9").total == 2


def test_a_study_without_a_swept_key_has_one_trial(studies):
    request = studies.read("seed=3")
    assert ([point.overrides for point in request.points], request.total) == ([()], 1)


def test_what_is_not_swept_is_in_the_configuration_of_every_trial(studies):
    request = studies.read("model.dropout=0.2", "seed=1,2")
    assert request.config.model.dropout == 0.2
    assert "model.dropout=0.2" in request.fixed


def test_a_search_has_a_space_its_default_and_a_total(studies):
    request = studies.read(*SEARCH)
    keys = {"optimizer.lr", "model.dropout", "model.latent_dim"}
    assert {each.key for each in request.space} == request.defaults.keys() == keys
    assert (request.defaults["optimizer.lr"], request.total) == (0.001, 5)


@pytest.mark.parametrize("experiment", ["baseline", "quick", "tiny"])
def test_the_wide_search_has_the_default_of_every_experiment_inside_it(studies, experiment):
    request = studies.read("search=wide", f"experiment={experiment}")
    defaults = request.defaults
    assert defaults["optimizer.lr_discriminator"] == defaults["optimizer.lr"]
    assert {each.key for each in request.space} == defaults.keys()
    assert len(defaults) == 9


def test_an_interval_alone_makes_a_search(studies):
    words = ("model.dropout=interval(0.1,0.5)", "sampler=random", "hydra.sweeper.n_trials=2")
    assert [each.key for each in studies.read(*words).space] == ["model.dropout"]


def test_an_override_narrows_the_space_of_a_search_file(studies):
    request = studies.read(*SEARCH, "model.latent_dim=16,32")
    (latent_dim,) = (each for each in request.space if each.key == "model.latent_dim")
    assert latent_dim.distribution.choices == (16, 32)


def test_a_key_whose_condition_can_never_hold_is_not_searched(studies):
    condition = "+hydra.sweeper.only_if={model.dropout: 'train.epochs=7'}"
    keys = {each.key for each in studies.read(*SEARCH, condition).space}
    assert keys == {"optimizer.lr", "model.latent_dim"}


def test_no_two_trials_of_a_search_have_the_same_seed_nor_that_of_another_purpose():
    assert [choose_seed(3, number) for number in (0, 1, 12)] == [4000, 4001, 4012]
    for root in (0, 998, 999, 2**32 - 1):
        seeds = {choose_seed(root, number) for number in range(20_000)}
        assert len(seeds) == 20_000
        assert min(seeds) >= 1000
        assert max(seeds) < 1_000_000


@pytest.mark.parametrize(
    ("words", "has_own"),
    [
        (SEARCH, True),
        ((*SEARCH, "hydra.sweeper.trial_seeds=shared"), False),
        ((*SEARCH, "seed=range(9)"), False),  # it is searched itself
        (("train.epochs=1,2",), False),
    ],
)
def test_the_trials_of_a_search_have_their_own_seeds(studies, words, has_own):
    request = studies.read(*words)
    assert request.list_own_seed(7) == ({"seed": 1007} if has_own else {})
    assert ("trial_seeds" in request.describe()) == has_own


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("search=random", "hydra.sweeper.n_trials=null"), "n_trials: has no value"),
        ((*SEARCH, "score=none"), "score: got none; a search needs a score/fcd"),
        ((*SEARCH, "train.epochs=0"), "train.epochs: got 0; a search needs at least 1"),
        ((*SEARCH, "optimizer.lr=interval(2e-3,3e-3)"), "optimizer.lr"),
        ((*SEARCH, "score.count=100,200"), "score.count: got 100,200; "),
        ((*SEARCH, "score=none,fcd"), "score: got none,fcd; the trials need a score/fcd"),
        (("seed=1,-1",), "seed: got -1"),
        (("no.such=1,2",), "no.such"),
        ((*SEARCH, "hydra.sweeper.trial_seeds=x"), "trial_seeds: got x; allowed: own, shared"),
        (("seed=1,2", "train.epochs=-1"), "train.epochs: got -1"),
        (("seed=shuffle(1,2)",), "shuffle(...) would have another order"),
        (("seed=range(0,10000000)",), "it has 10,000,000 values; allowed: 1 to 100,000"),
    ],
)
def test_a_wrong_study_is_refused_by_name(studies, words, fault):
    assert fault in refuse(studies, *words)


def test_every_wrong_value_is_named_at_once(studies):
    said = refuse(studies, "train.epochs=1,-1", "model.dropout=0.1,7")
    assert "train.epochs: got -1" in said
    assert "model.dropout: got 7" in said


def test_a_value_that_only_conflicts_with_others_is_its_trials_own_matter(studies):
    assert studies.read("data.limit=16,320").total == 2


def test_a_grid_over_two_scores_is_allowed_where_nothing_compares_them(studies):
    assert studies.read("score.count=100,200").total == 2
    said = refuse(studies, "score.count=100,200", "hydra.sweeper.target_score=5")
    assert "score.count: got 100,200; " in said


def test_a_grid_of_too_many_points_is_refused_before_it_is_made():
    side = Domain("", tuple(map(str, range(400))), tuple(range(400)))
    with pytest.raises(RequestError, match="a, b: got 160,000 trials; allowed: at most 100,000"):
        list_points({"a": side, "b": side})


def test_how_a_study_is_done_is_no_part_of_what_it_is(studies, search):
    limits = ("hydra.sweeper.n_trials=7", "hydra.sweeper.retries=3", "hydra.sweeper.target_score=5")
    places = ("runner.trial_timeout_min=5", "tracking.dir=elsewhere")
    assert studies.read(*SEARCH, *limits, *places).describe() == search


@pytest.mark.parametrize(
    "word",
    [
        "hydra.sweeper.seed=1",
        "model.dropout=0.2",
        "train.epochs=3",
        "sampler=qmc",
        "seed=4",
        "hydra.sweeper.trial_seeds=shared",
    ],
)
def test_another_space_or_policy_is_another_study(studies, search, word):
    assert studies.read(*SEARCH, word).describe() != search


def test_a_study_says_no_password(studies):
    request = studies.read("seed=0,1", "tracking.run_name='http://me:hunter2@host/x'")
    assert "tracking.run_name" in str(request.describe())
    assert "hunter2" not in str(request.describe())
