"""What a person reads in a terminal while a run goes on."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from dcgan_sweeps.execution import display as module
from dcgan_sweeps.execution.display import SCORING, TRAINING, Estimate, RunDisplay

METRICS = {"train/images_per_s": 5400.0, "loss/generator": 0.7}


@pytest.fixture
def clock(monkeypatch):
    """The seconds that the display reads, which a test sets."""
    times = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: times[0])
    return times


@pytest.fixture
def display(clock):
    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    return RunDisplay(
        console, lambda progress: None, steps=40, epochs=4, plan={SCORING: range(1, 5)}
    )


def read(display):
    """Return the two lines of the display as they are now."""
    with display.console.capture() as capture:
        display.console.print(display.draw())
    bar, doing = capture.get().splitlines()
    return " ".join(Console(file=io.StringIO()).render_str(bar).plain.split()), doing.strip()


def train(display, clock, epoch, seconds):
    with display.stage(TRAINING):
        clock[0] += seconds
        display.show_steps(epoch, 10 * epoch, METRICS)


def test_scoring_is_named_counts_its_batches_and_the_clock_goes_on(display, clock):
    train(display, clock, 1, 10)
    with display.stage(SCORING):
        batches = display.track(["a", "b"])
        next(batches)
        next(batches)
        clock[0] += 5
        bar, doing = read(display)
    assert "10/40" in bar
    assert "0:00:15" in bar
    assert doing == "scoring 1/2 batches"


def test_training_is_named_with_its_speed_and_losses(display, clock):
    with display.stage(TRAINING):
        clock[0] += 1
        display.show_steps(1, 5, METRICS)
        assert read(display)[1] == "training 5400 images/s  G loss 0.700"


def test_the_clock_goes_on_after_the_last_step(display, clock):
    train(display, clock, 4, 40)
    before = read(display)[0]
    with display.stage("saving the models"):
        clock[0] += 7
        bar, doing = read(display)
    assert "0:00:40" in before
    assert "0:00:47" in bar
    assert doing == "saving the models"


def test_the_time_left_has_the_scoring_of_the_epochs_to_come(display, clock):
    train(display, clock, 1, 10)
    with display.stage(SCORING):
        clock[0] += 20
    assert "left 0:01:30" in read(display)[0]  # three epochs of 10 s and 20 s


def test_the_time_left_shrinks_while_scoring_goes_on(display, clock):
    train(display, clock, 1, 10)
    with display.stage(SCORING):
        clock[0] += 20
    train(display, clock, 2, 10)
    with display.stage(SCORING):
        clock[0] += 15
        assert "left 0:01:05" in read(display)[0]  # 5 s, and two epochs of 30 s


def test_no_time_left_is_told_before_the_first_step(display):
    assert "left" not in read(display)[0]


def test_a_resumed_run_estimates_from_its_own_steps():
    estimate = Estimate(40, {SCORING: range(1, 5)})
    estimate.skip(2)
    estimate.add_steps(10, 5.0)
    estimate.add_stage(SCORING, 3, 2.0)
    assert estimate.compute_left_s(30) == 5.0 + 2.0


def test_nothing_is_drawn_without_a_terminal(clock):
    file = io.StringIO()
    with RunDisplay(Console(file=file), lambda progress: None, 40, 4, {}) as display:
        display.print_epoch(1, {"loss/generator": 0.7})
    assert file.getvalue() == "epoch  1/4  G loss 0.700\n"
