"""Runs in a real store, as this version reads them."""

from __future__ import annotations

import pytest
from logged_runs import make_run as make_trial

from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.config.schema import ADDED
from dcgan_sweeps.runs.logged_run import find_finished, read_run
from dcgan_sweeps.tracking.hidden_tags import pack_config
from dcgan_sweeps.tracking.store import connect, find_experiment, find_store


def test_a_run_of_an_earlier_version_is_found_and_read_under_the_names_of_this_one(tmp_path):
    store = find_store(None, str(tmp_path))
    client = connect(store)
    experiment = find_experiment(client, store, "e")
    runs = {}
    for key, name in (("signature", "article"), ("config_hash", "dcgan28")):
        tags = {key: "0f3a", "outcome": "complete"}
        runs[key] = client.create_run(experiment, tags=tags).info.run_id
        client.log_param(runs[key], "model.name", name)
    found = find_finished(client, "e", "0f3a")
    assert [run.run_id for run in found] == [*runs.values()]
    assert {run.params["model.name"] for run in found} == {"dcgan28"}
    assert {run.tags["config_hash"] for run in found} == {"0f3a"}


def make_run(folder, tags):
    store = find_store(None, str(folder))
    client = connect(store)
    run_id = client.create_run(find_experiment(client, store, "e"), tags=tags).info.run_id
    client.log_param(run_id, "seed", 7)
    return client, run_id


@pytest.mark.parametrize(("paused", "wall_s"), [("", 5), ("3.5", 1.5), ("7", None), ("much", 5)])
def test_the_duration_of_a_run_leaves_its_pauses_out(paused, wall_s):
    assert make_trial(1, tags={"paused_s": paused}).wall_s == wall_s


def test_the_configuration_is_whole_though_a_run_has_few_params(tmp_path):
    packed = pack_config({"seed": 7, "train.epochs": 3, "data.dir": "/x" * 200}, {"seed"})
    client, run_id = make_run(tmp_path, {**packed, "config_hash": "0f3a"})
    run = read_run(client, run_id, "TARGET")
    added = {key: str(value) for key, value in ADDED.items()}
    assert run.params == {"train.epochs": "3", "config_hash": "0f3a", "seed": "7", **added}
    assert not packed.keys() & run.tags.keys()


def test_a_damaged_tag_is_named(tmp_path):
    client, run_id = make_run(tmp_path, dict.fromkeys(pack_config({"seed": 7}, ()), "["))
    with pytest.raises(RequestError, match=r"tag mlflow.dcgan_sweeps.config: got \[; allowed: a"):
        read_run(client, run_id, "TARGET")
