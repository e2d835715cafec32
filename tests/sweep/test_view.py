"""What a person reads while a study goes on, in a terminal and without one."""

from __future__ import annotations

import re

import pytest
from rich.console import Console

from dcgan_sweeps.sweep import view as module
from dcgan_sweeps.sweep.result import SCORE, TrialResult
from dcgan_sweeps.sweep.view import count_states
from dcgan_sweeps.tracking.outcome import Outcome


@pytest.fixture
def opened(studies, monkeypatch):
    """A study of three trials of two epochs, and its view, which draws whenever it is asked."""
    monkeypatch.setattr(module, "REDRAW_S", 0.0)
    return studies.open("seed=range(3)")


def start(live, view, number=0):
    """Ask a trial and tell of its start."""
    live.study.ask()
    view.start(number, [f"seed={number}"], live.request.config)


def write(live, number, *records):
    """Write lines into the history of a trial."""
    folder = live.folder.find_trial(number)
    folder.root.mkdir(parents=True, exist_ok=True)
    for record in records:
        folder.append(record)


def test_a_trial_that_begins_says_what_varies_in_it(opened, studies):
    start(*opened)
    assert studies.printed == "trial   0 started: seed=0\n"


def test_a_trial_that_goes_on_says_from_where(opened, studies):
    write(opened[0], 0, {"step": 10, "epoch": 1})
    start(*opened)
    assert studies.printed == "trial   0 resumed from epoch 1: seed=0\n"


def test_a_trial_that_ends_says_how_and_with_which_score(opened, studies):
    live, view = opened
    start(live, view)
    view.end(0, TrialResult(Outcome.PRUNED, "after epoch 1, with score/fcd 12.34", {SCORE: 12.34}))
    line = r"trial   0 pruned after \S+ s: after epoch 1, with score/fcd 12\.34"  # once
    assert re.fullmatch(line, studies.printed.splitlines()[-1])


def test_a_trial_that_was_not_started_here_has_no_duration(opened, studies):
    opened[1].end(2, TrialResult(Outcome.COMPLETE, "already finished by run 0f", {SCORE: 5.0}))
    assert studies.printed == "trial   2 complete, score/fcd 5.00: already finished by run 0f\n"


def test_a_retry_and_a_stop_say_why(opened, studies):
    live, view = opened
    start(live, view)
    view.retry(0, TrialResult(Outcome.FAILED, "a part broke"))
    view.stop("interrupted", running=1)
    view.stop("target", running=0)
    assert studies.printed.splitlines()[1:] == [
        "trial   0 failed, will be retried: a part broke",
        "interrupted; 1 running trial will stop after the current epoch. "
        "Press Ctrl-C again to stop at once",
        "the target score is met",
    ]


def test_without_a_terminal_each_scored_epoch_is_one_line(opened, studies):
    live, view = opened
    start(live, view)
    before = studies.printed
    view.refresh({0})
    assert studies.printed == before
    write(live, 0, {"step": 10, "epoch": 1}, {"epoch": 1, SCORE: 9.0})
    for _ in range(2):
        view.refresh({0})
    (line,) = studies.printed.removeprefix(before).splitlines()
    assert line.startswith("trial   0 epoch 1/2: score/fcd 9.00, ")


def test_a_trial_that_goes_on_does_not_tell_its_old_scores_again(opened, studies):
    live, view = opened
    write(live, 0, {"step": 10, "epoch": 1}, {"epoch": 1, SCORE: 9.0})
    start(live, view)
    view.refresh({0})
    assert "epoch 1/2" not in studies.printed


def test_in_a_terminal_a_table_shows_the_running_trials_and_the_counts(studies, monkeypatch):
    monkeypatch.setattr(module, "REDRAW_S", 0.0)
    console = Console(file=studies.file, force_terminal=True, width=120)
    live, view = studies.open("seed=range(3)", console=console)
    start(live, view)
    live.study.tell(0, 7.5)
    start(live, view, 1)
    write(live, 1, {"step": 10, "epoch": 1}, {"epoch": 1, SCORE: 9.0})
    with view.shown():
        view.refresh({1})
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", studies.printed)
    assert re.search(r"\b1 +1/2 +9\.00 ", shown)
    assert "1/3 trials, 1 complete, best 7.50 (trial 0)" in shown


def test_the_time_left_is_that_of_whole_trials(opened):
    live, view = opened
    start(live, view)
    live.study.tell(0, 7.5)
    view.end(0, TrialResult(Outcome.COMPLETE, "", {SCORE: 7.5}))
    view.durations_s = [60.0]
    assert view._count(live.study.get_trials()).endswith(", at most 2 min 0 s left")


def test_trials_are_counted_by_how_they_ended(opened):
    study = opened[0].study
    for state in ("COMPLETE", "PRUNED", "FAIL", "FAIL"):
        value = 1.0 if state == "COMPLETE" else None
        study.tell(study.ask(), value, state=getattr(module.TrialState, state))
    study.ask()
    assert count_states(study.get_trials()) == {"complete": 1, "pruned": 1, "failed": 2}
