"""When a confirmation ends, with which verdict, and how often it is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from dcgan_sweeps.sweep.confirmation.sequential_test import (
    Rules,
    Verdict,
    assess,
    find_level,
    pool_spread,
)

LOOKS = (2, 3, 4, 6, 8, 12, 16)
RULES = Rules(alpha=0.05, min_gain=0.03, max_runs=48, looks=LOOKS, finalists=1)
SPREAD = 0.07  # of the log score, as measured


def play(rules, gains, random, spread=SPREAD):
    """Confirm arms with these gains; return the progress and the number of runs."""
    means = {"default": 0.0, **{f"arm {i}": np.log1p(-gain) for i, gain in enumerate(gains)}}
    drawn = {arm: list(random.normal(mean, spread, LOOKS[-1])) for arm, mean in means.items()}
    counts = dict.fromkeys(drawn, 0)
    while True:
        progress = assess(rules, "default", {arm: drawn[arm][: counts[arm]] for arm in drawn})
        if not progress.wanted:
            return progress, sum(counts.values())
        counts |= progress.wanted


def test_the_first_look_needs_two_seeds_of_each_and_every_later_one_its_own():
    progress = assess(RULES, "default", {"default": [], "arm 0": []})
    assert (progress.looks, progress.wanted) == ((), {"default": 2, "arm 0": 2})
    again = assess(RULES, "default", {"default": [0.0, 0.1], "arm 0": [0.0, 0.1]})
    assert (len(again.looks), again.wanted) == (1, {"default": 3, "arm 0": 3})


def test_a_large_gain_is_confirmed_with_an_interval_above_zero():
    scores = {"default": [5.5, 5.6, 5.55], "arm 0": [4.5, 4.6, 4.55]}
    progress = assess(RULES, "default", scores)
    assert (progress.verdict, progress.wanted) == (Verdict.CONFIRMED, {})
    assert 0 < progress.best.low < progress.best.gain < progress.best.high
    assert progress.best.gain == pytest.approx(1 - np.exp(-1))


def test_a_configuration_that_is_worse_is_given_up_as_worse():
    scores = {"default": [4.5, 4.6, 4.55], "arm 0": [5.5, 5.6, 5.55]}
    assert assess(RULES, "default", scores).verdict == Verdict.WORSE


def test_no_gain_worth_finding_is_not_shown():
    flat = [5.0, 5.001, 4.999, 5.0, 5.001, 4.999]
    progress = assess(RULES, "default", {"default": flat, "arm 0": flat})
    assert progress.verdict == Verdict.NOT_SHOWN
    assert "a gain of 3% is ruled out" in progress.reason


def test_a_finalist_that_is_clearly_behind_another_is_dropped_and_asks_for_no_more_seeds():
    rules = Rules(0.05, 0.03, 48, LOOKS, 2)
    near = [5.0, 5.05, 4.95, 5.0]
    scores = {"default": near, "arm 0": [4.93, 4.97, 4.88, 4.94], "arm 1": [5.6, 5.5, 5.55, 5.58]}
    progress = assess(rules, "default", {arm: each[:2] for arm, each in scores.items()})
    assert "arm 1" in progress.looks[-1].dropped
    assert progress.wanted.keys() == {"default", "arm 0"}


def test_no_round_is_started_that_would_exceed_the_budget():
    rules = Rules(0.05, 0.03, 7, LOOKS, 1)
    progress, runs = play(rules, (0.0,), np.random.default_rng(3))
    assert (progress.verdict, runs) == (Verdict.NOT_SHOWN, 6)
    assert progress.reason == "7 runs are spent"


def test_the_level_of_a_look_is_pocock_s():
    # Jennison and Turnbull, table 2.1: five equally spaced looks, two-sided 0.1, constant 2.122.
    level = find_level(0.05, (10, 20, 30, 40, 50))
    assert stats.norm.isf(level) == pytest.approx(2.122, abs=0.01)
    assert find_level(0.05, (4,)) == 0.05


def test_the_spread_is_pooled_within_the_arms():
    assert pool_spread([[1.0, 3.0], [7.0, 9.0], [5.0]]) == (pytest.approx(np.sqrt(2)), 2)


@pytest.mark.parametrize("finalists", [1, 3])
def test_equal_configurations_are_seldom_confirmed_and_a_gain_of_a_fifth_soon(finalists):
    random = np.random.default_rng(finalists)
    rules = Rules(0.05, 0.03, 48, LOOKS, finalists)
    null = [play(rules, [0.0] * finalists, random)[0] for _ in range(300)]
    false = sum(each.verdict == Verdict.CONFIRMED for each in null)
    # More than 26 of 300 happen in 0.3 % of cases at a rate of 5 %.
    assert false <= 26
    rest = [0.0] * (finalists - 1)
    found = [play(rules, [0.2, *rest], random) for _ in range(100)]
    assert sum(each.verdict == Verdict.CONFIRMED for each, _ in found) >= 95
    assert np.mean([runs for _, runs in found]) < {1: 8, 3: 14}[finalists]


def test_the_verdict_is_the_same_after_a_restart():
    random = np.random.default_rng(1)
    drawn = {arm: list(random.normal(0, SPREAD, 16)) for arm in ("default", "arm 0")}
    whole = assess(RULES, "default", drawn)
    assert assess(RULES, "default", drawn) == whole
    shorter = {arm: each[: whole.looks[-1].seeds] for arm, each in drawn.items()}
    assert assess(RULES, "default", shorter) == whole
