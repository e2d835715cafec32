from __future__ import annotations

import json

import pytest

from dcgan_sweeps.tracking.edits import compare_values, digest, find_edits, seal
from dcgan_sweeps.tracking.folder import RunFolder

FACTS = {"device": {"kind": "cpu", "threads": 2}, "packages": ["keras==3.1", "numpy==2.0"]}


@pytest.fixture
def folder(tmp_path):
    folder = RunFolder(tmp_path)
    folder.write_json("run.json", {"run_id": "a" * 32})
    return folder


def test_what_was_sealed_is_no_edit_and_the_run_id_stays(folder):
    seal(folder, "provenance.json", FACTS)
    seal(folder, "overrides.yaml", ("seed=1",))
    assert find_edits(folder, "provenance.json", FACTS) == ()
    assert find_edits(folder, "overrides.yaml", ["seed=1"]) == ()
    assert folder.read_run_id() == "a" * 32


def test_nothing_is_said_of_what_was_not_sealed(folder):
    assert find_edits(folder, "provenance.json", FACTS) == ()


def test_each_value_that_differs_is_named(folder):
    seal(folder, "provenance.json", FACTS)
    now = {"device": {"kind": "cpu", "threads": 1, "jit": True}, "packages": ["keras==3.2"]}
    assert find_edits(folder, "provenance.json", now) == (
        "device.threads was logged as 2, the file has 1",
        "packages: keras==3.1 was logged but is not in the file",
        "packages: numpy==2.0 was logged but is not in the file",
        "packages: keras==3.2 is in the file but was not logged",
        "device.jit was not logged, the file has True",
    )


@pytest.mark.parametrize(
    ("logged", "now", "words"),
    [
        ({"a": None}, {}, "a was logged as null but is not in the file"),
        ({"a": None}, {"a": 0}, "a was logged as null, the file has 0"),
        ({"a": 1}, {"a": "1"}, "a was logged as 1, the file has '1'"),
        ({"a": {"b": 1}}, {"a": 1}, "a.b was logged as 1 but is not in the file"),
        ({"a": [1, 2]}, {"a": [2, 1]}, "a: the order of the items differs"),
        ({"a": [1]}, {"a": 1}, "a was logged as [1], the file has 1"),
        (["x"], ["x", "x"], "x is in the file but was not logged"),
    ],
)
def test_a_difference_is_named(logged, now, words):
    assert compare_values(logged, now)[0] == words


@pytest.mark.parametrize(("logged", "now"), [({"a": 1}, {"a": 1.0}), ({"a": (1,)}, {"a": [1]})])
def test_the_same_value_is_no_difference(logged, now):
    assert compare_values(logged, now) == ()


def test_a_password_is_not_kept_and_makes_no_edit(folder):
    words = ["tracking.uri=http://user:hunter2@host"]
    seal(folder, "overrides.yaml", words)
    assert "hunter2" not in (folder.root / "run.json").read_text()
    masked = ["tracking.uri=http://user:***@host"]  # as the file has it
    assert find_edits(folder, "overrides.yaml", masked) == ()
    assert digest(words) == digest(masked)


def test_a_value_that_was_masked_says_nothing():
    assert compare_values({"a": "http://user:***@host"}, {"a": "http://user:other@host"}) == ()


def test_the_digest_changes_with_every_value_and_with_nothing_else():
    assert digest(FACTS) == digest(json.loads(json.dumps(dict(reversed(FACTS.items())))))
    assert digest(FACTS) != digest({**FACTS, "packages": []})
