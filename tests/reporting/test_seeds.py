"""Seeds of a configuration in a real store: what is best, what is ranked, what repeats a run."""

from __future__ import annotations

import pytest
from logged_runs import IDENTITY
from mlflow.entities import Metric, Param

from dcgan_sweeps.reporting import leaderboard
from dcgan_sweeps.reporting.leaderboard import Choice, rank_experiment
from dcgan_sweeps.runs.logged_run import read_run
from dcgan_sweeps.runs.selection import find_best, find_repeats
from dcgan_sweeps.tracking.store import connect, find_experiment, find_store

LUCKY, STEADY = [200.0, 400.0, 420.0], [250.0, 260.0, 270.0]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A client, and {score: run id} of two configurations with three seeds, and a reproduction."""
    place = find_store(None, str(tmp_path_factory.mktemp("store")))
    client = connect(place)
    experiment = find_experiment(client, place, "e")
    runs = {}

    def add(lr, seed, fcd, **tags):
        run_id = client.create_run(experiment, tags={"outcome": "complete", **tags}).info.run_id
        params = {"score.identity": IDENTITY, "optimizer.lr": lr, "seed": seed}
        logged = [Param(key, str(value)) for key, value in params.items()]
        client.log_batch(run_id, metrics=[Metric("score/fcd", fcd, 1, 1)], params=logged)
        client.set_terminated(run_id, "FINISHED")
        runs[fcd] = run_id

    for lr, scores in ((1e-3, LUCKY), (2e-3, STEADY)):
        for seed, fcd in enumerate(scores):
            add(lr, seed, fcd, study="s", trial=f"{lr}{seed}")
    add(1e-3, 0, 201.0, reproduces=runs[200.0])
    return client, runs


@pytest.mark.parametrize("target", ["best", "study:s"])
def test_the_best_run_is_the_lowest_of_the_configuration_with_the_lowest_mean(store, target):
    client, runs = store
    best, words = find_best(client, "e", target)
    assert best.run_id == runs[250.0]
    assert words.endswith("score/fcd 250.00 (mean of 3 seeds 260.00, the lowest)")


def test_means_have_every_seed_although_few_rows_are_shown(store, monkeypatch):
    monkeypatch.setattr(leaderboard, "FEWEST", 1)  # of the runs that are read for single rows
    board = rank_experiment(store[0], "e", Choice(limit=1))
    (row,) = board.rows
    assert (row.score, row.seeds, row.run.run_id) == (260.0, "3", store[1][250.0])
    assert board.spread.df == 4  # the configuration that is not shown counts too
    assert board.left_out == "only the best 1 are shown (--limit); reproductions left out: 1"


def test_by_run_the_rows_are_runs(store):
    board = rank_experiment(store[0], "e", Choice(by_run=True))
    assert [row.score for row in board.rows] == sorted(LUCKY + STEADY)
    assert board.spread is None


def test_the_repeats_of_a_run_are_the_seeds_of_its_configuration(store):
    client, runs = store
    found = find_repeats(client, read_run(client, runs[420.0], "TARGET"))
    assert [run.run_id for run in found] == [runs[fcd] for fcd in (420.0, 200.0, 400.0)]
