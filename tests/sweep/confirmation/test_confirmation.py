"""Confirmations whose runs are played: their rounds, their resumption, their record."""

from __future__ import annotations

import json
from typing import ClassVar

import pytest
from played import Launch

from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.interrupt import Interrupts
from dcgan_sweeps.sweep.confirmation.study import (
    do_rounds,
    draw_seeds,
    find_source,
    make_request,
    require_same_start,
)
from dcgan_sweeps.sweep.folder import StudyFolder
from dcgan_sweeps.sweep.live_study import open_live_study
from dcgan_sweeps.sweep.study import open_study
from dcgan_sweeps.terminal import make_console
from dcgan_sweeps.tracking.outcome import Outcome

WORDS = ("train.epochs=1",)
GOOD = "optimizer.lr=0.003"  # the grid's second value


class Runs(Launch):
    """Gives a run the score of its configuration, which its seed changes a little."""

    scores: ClassVar = {GOOD: 50.0}
    failing = ""
    stop_at = -1

    def compose_alone(self, overrides, config_dir):
        return self.compose(overrides)

    def __call__(self, overrides, number):
        self.overrides[number] = list(overrides)
        if number == self.stop_at:
            return self.write(number, Outcome.INTERRUPTED, "so")
        if self.failing == ("trial 1" if GOOD in overrides else "default"):
            return self.write(number, Outcome.DIVERGED, "nan")
        seed = int(next(word for word in overrides if word.startswith("seed="))[5:])
        base = next((each for word, each in self.scores.items() if word in overrides), 100.0)
        score = base * (1 + seed % 5 / 100)
        return self.write(number, Outcome.COMPLETE, score=score)

    def write(self, number, outcome, reason="", score=None):
        folder = self.live.folder.find_trial(number)
        result = super().write(number, outcome, reason, score)
        text = folder.read_history()
        folder.history.write_text(
            text.replace('"score/fcd": ', f'"score/fcd_test": {score}, "score/fcd": ')
            if score
            else text
        )
        return result


@pytest.fixture
def source(play, studies):
    """The folder of a grid of two learning rates that has ended."""
    played = play(*WORDS, "optimizer.lr=0.001,0.003", parts={1: [(Outcome.COMPLETE, "", 60.0)]})
    played.run()
    return StudyFolder.at(studies.root, "s")


@pytest.fixture
def confirm(source, studies):
    """Return a function that starts or resumes the confirmation; it returns its launch."""

    def begin(*words, **changes):
        request = ask(studies, source, *words)
        folder = StudyFolder.at(studies.root, str(request.settings.study_name))
        require_same_start(request, folder)
        folder.root.mkdir(exist_ok=True)
        live = open_live_study(request, folder, open_study(request, folder))
        launch = Runs(live, studies.compose, {})
        for name, value in changes.items():
            setattr(launch, name, value)
        console = make_console(studies.file)
        launch.status = do_rounds(console, source, live, launch, 1, Interrupts())
        return launch

    return begin


def ask(studies, source, *words):
    request = studies.read(*WORDS, "seed=0,1", *words)  # for its settings
    fixed = source.read()["fixed"] + [f"tracking.dir={studies.root}"]
    return make_request(source, fixed, request.settings, "basic", studies.compose)


def test_the_default_and_the_best_are_run_on_the_same_new_seeds(confirm):
    launch = confirm()
    seeds = [word for words in launch.overrides.values() for word in words if "seed=" in word]
    assert seeds == [f"seed={seed}" for seed in draw_seeds(0, 2) for _ in range(2)]
    rates = [word for words in launch.overrides.values() for word in words if "lr=" in word]
    assert rates == ["optimizer.lr=0.001", GOOD, "optimizer.lr=0.001", GOOD]
    assert all(1_000_000 <= seed < 2_000_000 for seed in draw_seeds(0, 16))
    assert len(set(draw_seeds(0, 16))) == 16


def test_a_confirmed_configuration_is_recorded_in_both_studies(confirm, source, studies):
    launch = confirm()
    assert launch.status == 0
    assert "verdict  confirmed: after 2 seeds each\n" in studies.printed
    assert "promised 40.0% by the study's own scores" in studies.printed
    for folder in (source, launch.live.folder):
        known = json.loads((folder.root / "confirmation.json").read_text())
        assert (known["verdict"], known["best"]["arm"], known["runs"]) == (
            "confirmed",
            "trial 1",
            4,
        )
        record = json.loads((folder.root / "run.json").read_text())
        assert record["tags"]["confirmation.verdict"] == "confirmed"
    head, *words = (source.root / "best.txt").read_text().splitlines()
    assert head.startswith("# trial 1, confirmed: 50.0% [")
    assert GOOD in words


def test_nothing_is_confirmed_where_all_are_equal(confirm, studies):
    confirm(scores={})
    assert "verdict  not shown: a gain of 3% is ruled out" in studies.printed


def test_a_confirmation_that_was_stopped_is_resumed_with_the_same_rounds(confirm, studies):
    first = confirm(stop_at=2)
    assert first.status == 130
    assert "verdict  none yet; the confirmation was stopped" in studies.printed
    assert "python -m dcgan_sweeps.confirm study:s" in studies.printed
    second = confirm()
    assert (second.status, list(second.overrides)) == (0, [2, 3])
    assert {**first.overrides, **second.overrides}.keys() == {0, 1, 2, 3}
    third = confirm()
    assert (third.status, third.overrides) == (0, {})


def test_a_finalist_that_diverges_is_out(confirm, studies):
    confirm(failing="trial 1")
    assert "verdict  not shown: no finalist is left" in studies.printed


def test_a_default_that_diverges_ends_the_confirmation(confirm, studies):
    confirm(failing="default")
    assert "verdict  not shown: default failed: nan" in studies.printed


def test_other_rules_are_refused_once_a_confirmation_has_started(confirm):
    confirm()
    with pytest.raises(RequestError, match=r"alpha: got 0\.01; the confirmation started with 0.05"):
        confirm("hydra.sweeper.confirmation.alpha=0.01")


def test_a_confirmation_cannot_be_confirmed(confirm, studies):
    confirm()
    with pytest.raises(RequestError, match="got s_confirm; it is a confirmation"):
        find_source("s_confirm", studies.root)
    with pytest.raises(RequestError, match="got none_such; there is no such study"):
        find_source("none_such", studies.root)


def test_a_study_of_one_configuration_has_nothing_to_compare(play, studies):
    play(*WORDS, "seed=0,1").run()
    with pytest.raises(RequestError, match="no scored configuration beside the reference"):
        ask(studies, StudyFolder.at(studies.root, "s"))


def test_looks_are_ascending_numbers_from_two_on(source, studies):
    with pytest.raises(RequestError, match=r"looks: got \[1, 2\]; allowed: ascending numbers"):
        ask(studies, source, "hydra.sweeper.confirmation.looks=[1,2]")
