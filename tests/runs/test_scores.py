from __future__ import annotations

import dataclasses

import pytest

from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.runs.logged_run import LoggedRun
from dcgan_sweeps.runs.scores import (
    choose_identity,
    describe_mixed,
    name_prefix,
    read_scores,
)

A, B, C = ("a" * 16, "b" * 16, "c" * 16)


def make_run(own, added=()):
    metrics = {"score/fcd": 30.0, "score/kid": 2.0, "loss/generator": 1.0}
    metrics |= {f"score_{digest}/fcd": 40.0 for digest in added}
    tags = {f"score.identity.{digest}": f"words of {digest[0]}" for digest in (own, *added)}
    return LoggedRun(
        "r", "e", "n", "FINISHED", "complete", {"score.identity": own}, tags, metrics, 0, 0
    )


def test_scores_are_read_by_their_identity():
    assert read_scores(make_run(A, [B])) == {A: {"fcd": 30.0, "kid": 2.0}, B: {"fcd": 40.0}}


def test_a_run_that_was_not_scored_has_none():
    assert read_scores(dataclasses.replace(make_run(A), metrics={"loss/generator": 1.0})) == {}


def test_another_identity_is_logged_under_its_own_name():
    assert name_prefix(make_run(A), A) == "score/"
    assert name_prefix(make_run(A), B) == f"score_{B}/"


def test_runs_are_compared_by_the_identity_that_they_share():
    assert choose_identity([make_run(A), make_run(A)], None) == A
    assert choose_identity([make_run(A, [B]), make_run(B)], None) == B
    assert choose_identity([make_run(A, [C]), make_run(B, [C])], None) == C


def test_without_a_shared_identity_both_are_named():
    with pytest.raises(RequestError, match=rf"{A} \(words of a\); {B} \(words of b\)"):
        choose_identity([make_run(A), make_run(B)], None)


def test_an_identity_is_asked_for_by_its_beginning():
    runs = [make_run(A, [C]), make_run(B)]
    assert choose_identity(runs, "cc") == C
    with pytest.raises(RequestError, match=rf"got d; allowed: .*{A}, {C}, {B}"):
        choose_identity(runs, "d")


def test_identities_that_are_mixed_are_all_named():
    text = describe_mixed({"1111": "2000 images", "2222": "10000 images"})
    assert "2 identities" in text
    assert "1111 (2000 images); 2222 (10000 images)" in text
