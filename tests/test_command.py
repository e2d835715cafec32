from __future__ import annotations

import argparse
import sys

import pytest

from dcgan_sweeps.command import add_place, compose_request, name_place, quote, run_command


def answer(monkeypatch, capsys, *words):
    """Return the exit status of a command line, and its lines on standard error."""
    monkeypatch.setattr(sys, "argv", ["dcgan_sweeps.run", *words])
    status = run_command("config", lambda request: 0)
    return status, capsys.readouterr().err.splitlines()


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (("mlruns", None), []),
        (("else where", None), ["--dir=else where"]),
        (("mlruns", "sqlite:///own.db"), ["--uri=sqlite:///own.db"]),
        (("there", None, "mine"), ["--dir=there", "--experiment=mine"]),
    ],
)
def test_a_place_is_named_as_it_is_read(place, words):
    parser = argparse.ArgumentParser()
    add_place(parser)
    read = parser.parse_args(name_place(*place))
    assert name_place(*place) == words
    assert (read.dir, read.uri, read.experiment)[: len(place)] == place


def test_hydras_own_flags_are_no_overrides(monkeypatch, capsys):
    status, lines = answer(monkeypatch, capsys, "--cfg", "job", "optimizer.lrr=1")
    assert status == 2
    assert lines[0] == "1 fault in the request, nothing was started:"


def test_another_config_is_refused(monkeypatch, capsys):
    status, lines = answer(monkeypatch, capsys, "--config-name", "classifier")
    assert status == 2
    assert lines[1] == "  --config-name: got classifier; allowed: config"


def test_a_good_request_reaches_the_work(monkeypatch, capsys):
    assert answer(monkeypatch, capsys, "optimizer.lr=2e-4") == (0, [])


def test_all_faults_of_a_request_are_reported_at_once(monkeypatch, capsys):
    status, lines = answer(
        monkeypatch,
        capsys,
        "optimizer.lrr=1",
        "model=artcle",
        "optimizer.lr=abc",
        "train.epochs=-3",
        "seed",
    )
    assert status == 2
    assert lines[0] == "5 faults in the request, nothing was started:"
    assert "  optimizer.lrr: there is no such key; did you mean optimizer.lr?" in lines
    assert "  model: got artcle; allowed: article; did you mean article?" in lines
    assert "  optimizer.lr: got abc; allowed: a number, above 0, at most 1" in lines
    assert "  train.epochs: got -3; allowed: a whole number, at least 0" in lines


@pytest.mark.parametrize(
    "words",
    [
        ["-m", "optimizer.lr=1e-4,2e-4"],
        ["optimizer.lr=1e-4,2e-4"],
        ["optimizer=3"],
        ["~optimizer"],
        ["hydra.nonsense=1"],
        ["seed=null"],
        ["x=["],
        ["experiment=nonesuch"],
    ],
)
def test_a_wrong_request_ends_with_2_and_leaves_nothing(monkeypatch, capsys, tmp_path, words):
    monkeypatch.chdir(tmp_path)
    status, lines = answer(monkeypatch, capsys, *words)
    assert status == 2
    assert len(lines) > 1
    assert not list(tmp_path.iterdir())


def test_a_key_without_its_group_is_recognised(monkeypatch, capsys):
    _, lines = answer(monkeypatch, capsys, "lr=1e-4")
    assert lines[1] == "  lr: there is no such key; did you mean optimizer.lr?"


def test_help_shows_the_groups_and_three_examples(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["dcgan_sweeps.run", "--help"])
    with pytest.raises(SystemExit) as ended:
        run_command("config", lambda request: 0)
    text = capsys.readouterr().out
    assert ended.value.code == 0
    assert "data: fashion_mnist, synthetic" in text
    assert text.count("python -m dcgan_sweeps.run ") == 6
    assert len(text.splitlines()) < 30


SIGNS = [
    "it's mine",
    "My%20Project",
    "what?",
    "a\nb",
    "a${x}b",
    "a\\${x}b",
    "${oc.env:HOME}",
    "end\\",
]
SIGNS += [
    "\\'",
    "\\\\'",
    'q"q',
    "a,b",
    "[x]",
    "{y: 1}",
    "a=b",
    " lead",
    "trail ",
    "#",
    "Motörhead",
    "~",
]


@pytest.mark.parametrize("text", SIGNS)
def test_text_that_was_quoted_is_read_back_as_it_is(text):
    request = compose_request("config", [f"tracking.run_name={quote(text)}"])
    assert request.tracking.run_name == text
