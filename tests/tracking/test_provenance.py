from __future__ import annotations

import dataclasses

from dcgan_sweeps.config import Config, compose, flatten
from dcgan_sweeps.tracking import provenance


def sign(*words):
    return provenance.sign(flatten(compose("config", list(words), Config)))


def test_the_same_request_has_the_same_signature():
    assert sign() == sign("experiment=article", "optimizer.lr=0.001")


def test_what_cannot_change_the_result_is_not_signed():
    assert sign() == sign("tracking=none", "tracking.dir=elsewhere", "score.every=5")


def test_what_can_change_the_result_is_signed():
    words = ["seed=1", "optimizer.lr=2e-4", "data.limit=1000", "runner.threads=1"]
    assert len({sign(), *(sign(word) for word in words)}) == 5


def test_the_checkout_and_the_machine_are_known():
    code = provenance.read_code()
    assert code.commit is None or len(code.commit) == 40
    machine = provenance.describe_machine()
    assert machine["cores"] >= 1
    assert machine["cpu"]
    assert any(line.startswith("tensorflow==") for line in provenance.list_packages())


def test_only_allowed_environment_variables_are_kept(monkeypatch):
    monkeypatch.setenv("SECRET_THING", "x")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    kept = provenance.read_environment()
    assert kept["OMP_NUM_THREADS"] == "3"
    assert "SECRET_THING" not in kept


def test_a_long_diff_is_cut(monkeypatch):
    monkeypatch.setattr(provenance, "LARGEST_DIFF", 10)
    monkeypatch.setattr(provenance, "_git", lambda tree, *words: "x" * 40)
    assert len(provenance.read_code().diff) < 100
    assert "cut: " in provenance.read_code().diff
    assert dataclasses.is_dataclass(provenance.Code)
