"""Runs in a real store, as this version reads them."""

from __future__ import annotations

from dcgan_sweeps.runs.logged_run import find_finished
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
