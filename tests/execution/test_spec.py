"""What a run shall do, read off its request."""

from __future__ import annotations

import dataclasses

import pytest

from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.execution.spec import (
    build_spec,
    is_examined,
    is_scored,
    name_run,
    restore_runner,
)


def with_score(config, **settings):
    return dataclasses.replace(config, score=dataclasses.replace(config.score, **settings))


def with_epochs(config, epochs):
    return dataclasses.replace(config, train=dataclasses.replace(config.train, epochs=epochs))


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        ((), "tiny"),
        (("experiment=tiny", "optimizer.lr=2e-4"), "tiny optimizer.lr=2e-4"),
        (("runner.threads=2", "tracking.dir=x", "seed=3"), "tiny seed=3"),
    ],
)
def test_a_run_is_named_by_what_changes_what_it_computes(overrides, name):
    assert name_run("tiny", overrides) == name


def test_a_run_has_the_name_that_it_is_given(here):
    assert build_spec(here.ask("tracking.run_name=mine")).name == "mine"


def test_a_run_is_no_trial_and_starts_from_nothing(here):
    spec = build_spec(here.ask())
    assert (spec.is_trial, spec.resume_point, spec.folder) == (False, None, None)


@pytest.mark.parametrize(("every", "scored"), [(1, [1, 2, 3, 4, 5]), (2, [2, 4, 5]), (9, [5])])
def test_every_so_many_epochs_are_scored_and_always_the_last(tiny, every, scored):
    config = with_epochs(with_score(tiny, every=every), 5)
    assert [epoch for epoch in range(6) if is_scored(config, epoch)] == scored


@pytest.mark.parametrize(("when", "examined"), [("never", []), ("last", [3]), ("every", [2, 3])])
def test_extra_metrics_come_when_they_are_asked_for(tiny, when, examined):
    config = with_epochs(with_score(tiny, every=2, extra_metrics=when), 3)
    assert [epoch for epoch in range(4) if is_examined(config, epoch)] == examined


def test_the_runner_of_an_earlier_start_is_restored(tiny):
    device = {"kind": "cpu", "precision": "float32", "jit": False, "threads": 7}
    runner = restore_runner(tiny.runner, {"device": {**device, "deterministic": True}})
    assert (runner.device, runner.threads, runner.jit) == ("cpu", 7, "off")
    assert restore_runner(tiny.runner, {}) == tiny.runner


def test_a_runner_that_there_is_not_is_refused_by_name(tiny):
    device = {"kind": "tpu", "precision": "float32", "jit": False, "threads": 1}
    with pytest.raises(RequestError, match=r"provenance\.json: device\.\S*device: got tpu"):
        restore_runner(tiny.runner, {"device": {**device, "deterministic": True}})
