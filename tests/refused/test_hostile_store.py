"""A store from somebody else runs no code, writes nowhere else, and is shown as text."""

from __future__ import annotations

import dataclasses
import pickle
import sqlite3
from contextlib import closing

import pytest
import yaml
from mlflow.entities import Metric
from processes import PROGRAM, call, finish

from dcgan_sweeps.config.compose import read_defaults
from dcgan_sweeps.tracking.store import connect, find_experiment, find_store

EVIL = "</script><script>document.title='taken'</script><img src=x onerror=alert(1)>"
NAMES = ("../../escaped", "a/../../escaped", "/escaped", "x" * 250, EVIL, "\x1b]0;taken\x07")


pytestmark = pytest.mark.slow


def ask(verb, *words):
    return [*PROGRAM[:2], f"dcgan_sweeps.{verb}", *words]


class Opened:
    """An object whose pickle touches a file when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.fixture
def canary(tmp_path):
    """Return a file that exists once some code of the store has run."""
    return tmp_path / "canary"


@pytest.fixture
def store(tmp_path):
    """Return the client and the experiment of a new store in the folder `mlruns`."""
    place = find_store(None, str(tmp_path / "mlruns"))
    client = connect(place)
    return client, find_experiment(client, place, "dcgan_sweeps")


def add_run(store, config, **tags):
    """Add a complete run with a configuration, and return its id."""
    client, experiment = store
    run = client.create_run(experiment, tags={"outcome": "complete", **tags}).info.run_id
    client.log_batch(run, metrics=[Metric("score/fcd", 1.0, 1, 1)])
    client.log_param(run, "score.identity", "a" * 16)
    client.log_text(run, yaml.safe_dump(config), "config/config.yaml")
    client.log_text(run, "[]\n", "config/overrides.yaml")
    client.log_text(run, "{}\n", "provenance.json")
    client.set_terminated(run)
    return run


def test_a_target_in_a_configuration_is_a_fault_and_is_not_called(tmp_path, store, canary):
    config = dataclasses.asdict(read_defaults())
    target = "pathlib.Path.touch"
    config["optimizer"] |= {"_target_": target, "_args_": [str(canary)]}
    run = add_run(store, {**config, "_target_": target, "_args_": [str(canary)]})
    printed = finish(tmp_path, ask("reproduce", run), status=2)
    assert "optimizer._target_: was logged as pathlib.Path.touch; there is no such key" in printed
    assert not canary.exists()


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system", "!!python/name:os.system"])
def test_yaml_makes_no_objects(tmp_path, store, canary, tag):
    run = add_run(store, {})
    store[0].log_text(run, f"seed: {tag} ['touch {canary}']\n", "config/config.yaml")
    printed = finish(tmp_path, ask("reproduce", run), status=2)
    assert "Traceback" not in printed
    assert not canary.exists()


def test_a_pickle_in_place_of_a_file_is_not_opened(tmp_path, store, canary):
    run = add_run(store, {})
    content = pickle.dumps(Opened(canary))
    for name in ("config/config.yaml", "provenance.json", "history.jsonl"):
        path = tmp_path / "mlruns/artifacts/dcgan_sweeps" / run / "artifacts" / name
        path.write_bytes(content)
    for verb, words in {"reproduce": [run], "report": ["--html"], "compare": [run, run]}.items():
        done = call(tmp_path, ask(verb, *words))
        assert "Traceback" not in done.stdout + done.stderr
    assert not canary.exists()


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:20])
def test_names_of_a_store_leave_its_folder_alone(tmp_path, store, name):
    config = dataclasses.asdict(read_defaults())
    run = add_run(store, config, study=name, trial="0", **{"mlflow.runName": name})
    with closing(sqlite3.connect(tmp_path / "mlruns" / "mlflow.db")) as file:
        # MLflow's client refuses such keys; a foreign store may have them all the same.
        for table in ("params", "tags"):
            words = (name, EVIL, run)
            file.execute(f"INSERT INTO {table} (key, value, run_uuid) VALUES (?, ?, ?)", words)
        file.commit()
    printed = finish(tmp_path, ask("report", "--html=page.html"))
    assert "\x1b" not in printed
    assert EVIL not in (tmp_path / "page.html").read_text()
    assert not list(tmp_path.parent.glob("escaped*"))
    assert {path.name for path in tmp_path.iterdir()} == {"mlruns", "page.html"}


def test_an_experiment_of_another_name_stays_in_the_store(tmp_path):
    done = call(
        tmp_path,
        ask("run", "experiment=tiny", "train.epochs=0", "tracking.experiment=../../escaped"),
    )
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mlruns"]
    assert not list(tmp_path.parent.glob("escaped*"))
