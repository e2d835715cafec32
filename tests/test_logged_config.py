from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import time

import pytest

from dcgan_sweeps.config.compose import compose
from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.config.flat import flatten
from dcgan_sweeps.config.schema import ADDED, Config
from dcgan_sweeps.logged_config import (
    COMPARED,
    choose_params,
    compute_config_hash,
    is_hashed,
    read_logged,
    replace_keys,
)


def config_hash(*words):
    return compute_config_hash(flatten(compose("config", list(words), Config)))


def nested(*words):
    return dataclasses.asdict(compose("config", list(words), Config))


def faults_of(logged):
    with pytest.raises(RequestError) as refused:
        read_logged(logged)
    return [str(fault) for fault in refused.value.faults]


def test_the_same_request_has_the_same_config_hash():
    assert config_hash() == config_hash("experiment=baseline", "optimizer.lr=0.001")


def test_what_cannot_change_the_result_is_not_hashed():
    words = ["tracking=none", "tracking.dir=elsewhere", "score.every=5", "train.checkpoint_every=3"]
    assert config_hash() == config_hash(*words)


def test_what_can_change_the_result_is_hashed():
    words = ["seed=1", "optimizer.lr=2e-4", "data.limit=1000", "runner.threads=1"]
    assert len({config_hash(), *(config_hash(word) for word in words)}) == 5


def test_what_was_logged_is_read_back():
    words = ["optimizer.lr=1e-5", "model.generator_filters=[8,4]", "data.limit=500"]
    assert read_logged(nested(*words)) == compose("config", words, Config)


def test_every_key_that_no_longer_fits_is_named():
    logged = nested()
    logged["optimizer"]["learning_rate"] = 0.1
    logged["train"]["epochs"] = "many"
    del logged["model"]["dropout"]
    faults = faults_of(logged)
    assert len(faults) == 3
    assert faults[0].startswith("optimizer.learning_rate: was logged as 0.1; there is no such key")
    assert faults[1].startswith("model.dropout: was not logged")
    assert faults[2].startswith("train.epochs: was logged as many; allowed now: a whole number")


def test_what_an_earlier_version_logged_is_read_under_the_names_of_this_one():
    logged = nested("score.extra_metrics=every")
    logged["model"]["name"] = "article"
    logged["score"]["companions"] = logged["score"].pop("extra_metrics")
    assert read_logged(logged) == compose("config", ["score.extra_metrics=every"], Config)


def test_a_configuration_keeps_the_hash_that_an_earlier_version_gave_it():
    flat = flatten(compose("config", [], Config))
    before = {key: value for key, value in flat.items() if is_hashed(key) and key not in ADDED} | {
        "model.name": "article"
    }
    digest = hashlib.sha256(json.dumps(before, sort_keys=True).encode()).hexdigest()
    assert config_hash() == digest[:16]


@pytest.mark.parametrize(("key", "value"), ADDED.items())
def test_a_key_that_an_earlier_version_did_not_have_has_the_value_that_changes_nothing(key, value):
    logged = nested()
    group, name = key.split(".")
    del logged[group][name]
    assert flatten(read_logged(logged))[key] == value


def test_a_key_of_a_later_version_is_hashed_where_it_changes_something():
    assert config_hash() != config_hash("train.ema=0.99")


def test_a_key_that_is_given_twice_is_refused():
    logged = nested() | {"optimizer.lr": 0.5}
    assert faults_of(logged) == [
        "optimizer.lr: has a dot in its name; allowed: nested mappings, one for each part of it"
    ]


@pytest.mark.parametrize(
    "value", [10**400, [1], {}, None, "x", datetime.date(2026, 1, 1), True, float("inf")]
)
def test_a_value_of_another_type_is_named(value):
    logged = nested()
    logged["optimizer"]["lr"] = value
    (fault,) = faults_of(logged)
    assert fault.startswith("optimizer.lr: ")


def test_a_file_of_100_000_unknown_keys_is_refused_in_seconds():
    logged = nested() | {f"key_{number}": number for number in range(100_000)}
    begin = time.monotonic()
    faults = faults_of(logged)
    assert len(faults) == 100_000
    assert time.monotonic() - begin < 20  # took 0.6 s; a search for each takes minutes


def test_a_value_that_is_no_longer_allowed_is_named():
    logged = nested()
    logged["train"]["epochs"] = -1
    assert faults_of(logged) == [
        "train.epochs: got -1; allowed: a whole number, at least 0, at most 1000000"
    ]


def test_a_missing_key_that_changes_no_result_has_its_default():
    logged = nested()
    del logged["train"]["checkpoint_every"]
    assert read_logged(logged).train.checkpoint_every == 1


def test_a_logged_value_that_would_look_elsewhere_is_refused(monkeypatch):
    # A server could have the environment read, and logged back to it.
    monkeypatch.setenv("SECRET_THING", "hunter2")
    (fault,) = faults_of({**nested(), "resume": "${oc.env:SECRET_THING}"})
    assert "hunter2" not in fault
    assert "allowed: a value that needs no interpolation" in fault


@pytest.mark.parametrize("folder", ["${oc.env:SECRET_THING}", "/home/${me}/x", "a\\${b}"])
def test_a_folder_of_such_a_name_stays_that_folder(folder, monkeypatch):
    monkeypatch.setenv("SECRET_THING", "hunter2")
    logged = nested()
    logged["data"]["dir"] = folder
    config = read_logged(logged)
    assert config.data.dir == folder
    assert replace_keys(config, {"seed": 1, "tracking.dir": folder}).tracking.dir == folder


def chosen(*words):
    return choose_params(flatten(compose("config", list(words), Config)))


def test_the_params_of_a_default_run_are_the_main_ones_that_are_not_null():
    assert chosen().keys() == {*COMPARED} - {"optimizer.lr_discriminator", "data.limit"}


def test_a_changed_key_is_a_param_if_it_can_change_the_result():
    words = ["optimizer.beta_2=0.99", "data.limit=320", "tracking.log_every=5", "runner.threads=1"]
    assert chosen(*words).keys() - chosen().keys() == {"optimizer.beta_2", "data.limit"}
