"""Grids that get more values: the trials that there are keep their numbers and results."""

from __future__ import annotations

import pytest

from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.sweep.growth import is_grown

GRID = [["optimizer.lr", ["1e-4", "2e-4"]], ["seed", ["0", "1"]]]


@pytest.mark.parametrize(
    ("now", "grown"),
    [
        ([["optimizer.lr", ["1e-4", "2e-4", "4e-4"]], ["seed", ["0", "1"]]], True),
        ([["optimizer.lr", ["4e-4", "2e-4", "1e-4"]], ["seed", ["1", "0", "2"]]], True),
        (GRID, False),
        ([["optimizer.lr", ["1e-4"]], ["seed", ["0", "1", "2"]]], False),
        ([["seed", ["0", "1", "2"]], ["optimizer.lr", ["1e-4", "2e-4"]]], False),
        ([["optimizer.lr", "interval(1e-4,2e-4)"], ["seed", ["0", "1"]]], False),
    ],
)
def test_a_grid_has_grown_if_it_has_every_value_and_more(now, grown):
    assert is_grown(GRID, now) is grown


@pytest.fixture
def run(play):
    """Return a function that runs a study; it returns {number: overrides} of launched trials."""

    def run_one(*words):
        played = play("train.epochs=1", *words)
        played.run()
        fixed = len(played.live.request.fixed)
        return {number: each[fixed:] for number, each in played.launch.overrides.items()}

    return run_one


def test_only_the_new_points_are_run_and_the_old_trials_keep_their_numbers(run):
    run("seed=1,2", "model.dropout=0.2,0.3")
    new = run("seed=1,2,3", "model.dropout=0.1,0.2,0.3")
    assert new == {
        4: ["seed=1", "model.dropout=0.1"],
        5: ["seed=2", "model.dropout=0.1"],
        6: ["seed=3", "model.dropout=0.1"],
        7: ["seed=3", "model.dropout=0.2"],
        8: ["seed=3", "model.dropout=0.3"],
    }
    assert run("seed=1,2,3,4", "model.dropout=0.1,0.2,0.3").keys() == {9, 10, 11}
    assert run("seed=1,2,3,4", "model.dropout=0.1,0.2,0.3") == {}


def test_paired_lists_grow_at_any_place(run):
    paired = "hydra.sweeper.zip=true"
    run(paired, "seed=1,2", "model.dropout=0.2,0.3")
    new = run(paired, "seed=5,1,2", "model.dropout=0.2,0.2,0.3")
    assert new == {2: ["seed=5", "model.dropout=0.2"]}
    with pytest.raises(RequestError, match="zip: got false; the study started with true"):
        run("seed=5,1,2", "model.dropout=0.2,0.2,0.3")
    with pytest.raises(RequestError, match="swept: got"):  # the point (2, 0.3) is not there
        run(paired, "seed=5,1,2,4", "model.dropout=0.2,0.2,0.4,0.4")


def test_a_growth_that_was_killed_is_done_again(run, studies):
    run("seed=1,2")
    live, _ = studies.open("train.epochs=1", "seed=1,2")
    before = live.folder.read()
    studies.open("train.epochs=1", "seed=1,2,3")
    live.folder.write(before)  # the last write of a growth is that of this file
    assert run("seed=1,2,3") == {2: ["seed=3"]}


def test_the_parent_run_names_the_grid_that_it_has_grown_to(run, studies):
    run("seed=1,2")
    live, _ = studies.open("train.epochs=1", "seed=1,2,3")
    assert live.record.read_description()["tags"]["study.swept"] == '[["seed", ["1", "2", "3"]]]'


def test_a_search_does_not_grow(studies):
    words = ("search=random", "hydra.sweeper.n_trials=1", "model.latent_dim=16,50")
    studies.open(*words)
    with pytest.raises(RequestError, match="the study started with"):
        studies.open(*words[:2], "model.latent_dim=16,50,100")


def test_trials_in_a_database_are_refused_and_untouched(run, studies):
    url = f"hydra.sweeper.storage=sqlite:///{studies.root}/trials.db"
    run("seed=1,2", url)
    with pytest.raises(RequestError, match="only where its trials are in the study's own journal"):
        studies.open("train.epochs=1", "seed=1,2,3", url)
    assert run("seed=1,2", url) == {}
