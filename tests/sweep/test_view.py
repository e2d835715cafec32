"""What a person reads while a study goes on, in a terminal and without one."""

from __future__ import annotations

import os
import re
from dataclasses import asdict

import pytest
from rich.console import Console

from dcgan_sweeps.execution.live_progress import PROGRESS_FILE, LiveProgress, reporting
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
    live.study.ask().set_user_attr("varied", [f"seed={number}"])
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


def test_the_time_of_a_resumed_trial_is_that_since_then(opened, studies):
    live, view = opened
    write(live, 0, {"step": 10, "epoch": 1})
    start(live, view)
    view.end(0, TrialResult(Outcome.COMPLETE, "", {SCORE: 5.0}))
    line = r"trial   0 complete \S+ s after it was resumed, score/fcd 5\.00"
    assert re.fullmatch(line, studies.printed.splitlines()[-1])


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
    with reporting(live.folder.find_trial(0)) as report:
        report(LiveProgress(1, 10, "training", 5400.0, 31.4))
        for _ in range(2):
            view.refresh({0})
    (line,) = studies.printed.removeprefix(before).splitlines()
    assert line == "trial   0 epoch 1/2: score/fcd 9.00, 31 s left"


def test_a_trial_that_goes_on_does_not_tell_its_old_scores_again(opened, studies):
    live, view = opened
    write(live, 0, {"step": 10, "epoch": 1}, {"epoch": 1, SCORE: 9.0})
    start(live, view)
    view.refresh({0})
    assert "epoch 1/2" not in studies.printed


@pytest.fixture
def shown(studies, monkeypatch):
    """A study as `opened`, in a terminal of 80 columns, and a function that reads its table."""
    monkeypatch.setattr(module, "REDRAW_S", 0.0)
    console = Console(file=studies.file, force_terminal=True, width=80)
    live, view = studies.open("seed=range(3)", console=console)

    def read(*running):
        before = len(studies.printed)
        with view.shown():
            view.refresh(running)
        text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", studies.printed[before:])
        return [" ".join(line.split()) for line in text.splitlines()]

    return live, view, read


def test_a_trial_has_a_row_as_soon_as_it_is_started(shown):
    live, view, read = shown
    start(live, view)
    assert "0 0/2 starting 0:00:00 seed=0" in read(0)


def test_a_row_shows_what_the_trial_is_doing_and_its_score(shown):
    live, view, read = shown
    start(live, view)
    write(live, 0, {"step": 10, "epoch": 1}, {"epoch": 1, SCORE: 9.0})
    with reporting(live.folder.find_trial(0)) as report:
        report(LiveProgress(2, 12, "training", 5400.4, 61.5))
        assert "0 2/2 12/20 5400 9.00 0:00:00 0:01:01 seed=0" in read(0)
        report(LiveProgress(2, 14, "scoring 3/20", 5400.4, None))
        assert "0 2/2 scoring 3/20 5400 9.00 0:00:00 seed=0" in read(0)


def test_only_the_overrides_are_cut_in_a_narrow_terminal(shown):
    live, view, read = shown
    varied = [f"optimizer.key_{number}=0.123" for number in range(9)]
    live.study.ask().set_user_attr("varied", varied)
    view.start(0, varied, live.request.config)
    write(live, 0, {"epoch": 1, SCORE: 1234.56})
    with reporting(live.folder.find_trial(0)) as report:
        report(LiveProgress(2, 14, "scoring 100/200", 54000.0, 36000.9))
        row = next(line for line in read(0) if line.startswith("0 2/2"))
    assert row.startswith("0 2/2 scoring 100/200 54000 1234.56 0:00:00 10:00:00 ")
    assert row.endswith("\N{HORIZONTAL ELLIPSIS}")


def test_what_a_killed_process_was_doing_is_not_shown(shown):
    live, view, read = shown
    folder = live.folder.find_trial(0)
    folder.root.mkdir(parents=True)
    left = folder.write_json(PROGRESS_FILE, asdict(LiveProgress(1, 7, "training", 1.0, 1.0)))
    os.utime(left, (0, 0))
    start(live, view)
    assert "0 0/2 starting 0:00:00 seed=0" in read(0)


def test_the_table_counts_the_trials_and_shows_the_parameters_of_the_best(shown):
    live, view, read = shown
    live.study.ask().set_user_attr("varied", ["optimizer.lr=0.002"])
    live.study.tell(0, 7.5)
    start(live, view, 1)
    assert {"1/3 trials, 1 complete", "best 7.50, trial 0: lr=0.002"} <= {*read(1)}


def test_the_time_left_is_that_of_whole_trials(shown):
    live, view, read = shown
    start(live, view)
    live.study.tell(0, 7.5)
    view.end(0, TrialResult(Outcome.COMPLETE, "", {SCORE: 7.5}))
    view.durations_s = [60.0]
    assert "1/3 trials, 1 complete, about 2 min 0 s left" in read()


def test_the_time_left_is_known_while_the_first_trial_is_running(shown):
    live, view, read = shown
    start(live, view)
    with reporting(live.folder.find_trial(0)) as report:
        report(LiveProgress(1, 5, "training", 5400.0, 40.4))
        assert "0/3 trials, about 2 min 1 s left" in read(0)


def test_trials_are_counted_by_how_they_ended(opened):
    study = opened[0].study
    for state in ("COMPLETE", "PRUNED", "FAIL", "FAIL"):
        value = 1.0 if state == "COMPLETE" else None
        study.tell(study.ask(), value, state=getattr(module.TrialState, state))
    study.ask()
    assert count_states(study.get_trials()) == {"complete": 1, "pruned": 1, "failed": 2}
