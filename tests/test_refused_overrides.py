"""Overrides of one run that are refused: in each line the words, then how each fault begins."""

from __future__ import annotations

import pytest
from refusals import ask, require_refusal

REQUESTS = [
    (["optimizer.lr=5"], ["optimizer.lr: got 5.0; allowed: a number, above 0, at most 1"]),
    (["optimizer.lr=abc"], ["optimizer.lr: got abc; allowed: a number, above 0, at most 1"]),
    (["seed=null"], ["seed: got null; allowed: a whole number, at least 0"]),
    (["seed=-1", "model=artcle"], ["seed: ", "model: got artcle; allowed: article"]),
]


@pytest.mark.parametrize(("words", "faults"), REQUESTS, ids=lambda each: " ".join(each)[:60])
def test_it_is_refused(words, faults, monkeypatch, capsys, tmp_path):
    require_refusal(ask(monkeypatch, capsys, tmp_path, "run", *words), faults)
