"""Searches that begin with what another study has found."""

from __future__ import annotations

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.sweep.folder import StudyFolder
from dcgan_sweeps.sweep.storage import open_storage
from dcgan_sweeps.sweep.trial import compute_identity
from dcgan_sweeps.sweep.warm_start import read_earlier

SEARCH = ("search=random", "hydra.sweeper.n_trials=3", "train.epochs=1")
WARM = "hydra.sweeper.warm_start=study:other"
GOOD = 2e-3  # the learning rate that was best in the other study


@pytest.fixture
def other(studies):
    """Return a function that adds trials to another study: (rate, score, state)."""
    request = studies.read(*SEARCH)
    folder = StudyFolder.at(studies.root, "other")
    folder.root.mkdir(parents=True)
    folder.write({})
    study = optuna.create_study(study_name="other", storage=open_storage(None, folder.journal))
    drawn = {each.key: each.distribution for each in request.space}
    identity = compute_identity(request.config)

    def add(rate, score, state=TrialState.COMPLETE, digest=identity.digest, **more):
        params = {"optimizer.lr": rate, "model.dropout": 0.3, "model.latent_dim": 64, **more}
        study.add_trial(
            create_trial(
                state=state,
                value=score if state == TrialState.COMPLETE else None,
                params=params,
                distributions={key: drawn[key] for key in params},
                intermediate_values={1: score},
                user_attrs={"score_identity": (digest, identity.describe())},
            )
        )

    return add


def test_the_scored_trials_inside_the_space_are_told(other, studies):
    other(GOOD, 10.0)
    other(1e-3, 20.0, TrialState.PRUNED)
    earlier = read_earlier(studies.read(*SEARCH, WARM))
    assert [each.params["optimizer.lr"] for each in earlier] == [GOOD, 1e-3]
    narrow = read_earlier(
        studies.read(*SEARCH, WARM, "optimizer.lr=tag(log,interval(5e-4,1.5e-3))")
    )
    assert [each.params["optimizer.lr"] for each in narrow] == [1e-3]
    assert read_earlier(studies.read(*SEARCH)) == ()


def test_the_sampler_goes_on_from_them_and_they_are_no_trials_of_the_study(other, play):
    for step in range(30):
        other(GOOD * (1 + step / 300), 10.0 + step / 10)
        other(2e-4 * (1 + step / 300), 90.0 + step / 10)
    tpe = ("sampler=tpe", "hydra.sweeper.n_trials=6")
    played = play(*SEARCH, *tpe, WARM)
    played.run()
    rates = [trial.params["optimizer.lr"] for trial in played.trials]
    assert len(rates) == 6
    assert rates[0] == 1e-3  # the default
    assert sum(abs(rate - GOOD) < 5e-4 for rate in rates[1:]) >= 3
    assert played.launch.overrides.keys() == {0, 1, 2, 3, 4, 5}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("hydra.sweeper.warm_start=study:none",), "got study:none; there is no such study in"),
        (("hydra.sweeper.warm_start=other",), "got other; allowed: study:NAME"),
        ((WARM, "sampler=cmaes"), "allowed samplers: tpe, gp, random"),
        ((WARM, "model.latent_dim=int(interval(16,32))"), "none of its 1 scored trials is in the"),
        ((WARM, "score.count=100"), "identit"),
    ],
)
def test_what_cannot_be_a_start_is_refused(other, studies, words, said):
    other(GOOD, 10.0)
    with pytest.raises(RequestError, match=said):
        read_earlier(studies.read(*SEARCH, *words))


def test_a_grid_has_no_sampler_to_tell(other, studies):
    other(GOOD, 10.0)
    with pytest.raises(RequestError, match="since a grid has no sampler"):
        read_earlier(studies.read("seed=1,2", WARM))


def test_a_started_search_keeps_its_start(other, studies):
    other(GOOD, 10.0)
    studies.open(*SEARCH, WARM)
    with pytest.raises(RequestError, match="warm_start: got null; the study started with study"):
        studies.open(*SEARCH)
