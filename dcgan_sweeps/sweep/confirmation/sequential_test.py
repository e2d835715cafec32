"""Tests sequentially whether one of several configurations is better than a reference.

progress = assess(rules, "default", {"default": [5.57, 5.61], "trial 14": [5.30, 5.41]})
progress.wanted     # {"default": 3, "trial 14": 3}: the seeds that each needs for the next look
progress.verdict    # or "confirmed", "not shown", "worse"

Scores are compared on the log scale, where the spread between training seeds is about the same for
all configurations. A look compares the finalists after equally many seeds. Pocock's bound keeps the
error over all looks at alpha (S. J. Pocock, Biometrika 64, 1977), Bonferroni's over the finalists;
quantiles of the t distribution stand for those of the normal one, since the spread is estimated
(C. Jennison, B. W. Turnbull, Group Sequential Methods, 1999, chapter 11).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

import numpy as np
from scipy import optimize, stats

ACCURACY = 2e-4  # of the probability from which the bound is computed


class Verdict(StrEnum):
    """The end of a confirmation."""

    CONFIRMED = "confirmed"
    NOT_SHOWN = "not shown"
    WORSE = "worse"


@dataclass(frozen=True)
class Rules:
    """The rules of a confirmation.

    `alpha` is the probability of confirming a configuration that is not better than the reference,
    over all looks and finalists. A gain below `min_gain`, a share of the reference's score, is not
    worth finding.
    """

    alpha: float
    min_gain: float
    max_runs: int
    looks: tuple[int, ...]  # seeds of each configuration, ascending, from 2 on
    finalists: int  # at the start


@dataclass(frozen=True)
class Gain:
    """How much lower the score of a finalist is than that of the reference, as a share of it.

    The interval holds at all looks together: a finalist is confirmed when `low` is above 0.
    """

    arm: str
    gain: float
    low: float
    high: float


@dataclass(frozen=True)
class Look:
    """The comparison after `seeds` seeds of each configuration that was still in the test."""

    seeds: int
    spread: float  # standard deviation of the log score between seeds, pooled
    gains: tuple[Gain, ...]
    dropped: Mapping[str, str]  # {finalist: reason}


@dataclass(frozen=True)
class Progress:
    """The looks so far; `wanted` is {arm: seeds} of the next look, {} at the end.

    `best` is the finalist with the largest gain among those that were not dropped, else among all.
    """

    looks: tuple[Look, ...]
    wanted: Mapping[str, int]
    verdict: Verdict | None = None
    reason: str = ""
    best: Gain | None = None


def assess(rules: Rules, reference: str, log_scores: Mapping[str, Sequence[float]]) -> Progress:
    """Return the looks that these scores allow, and the verdict or the seeds of the next look.

    `log_scores` has the natural logarithms of the scores of the reference and of each finalist, in
    the order of the seeds. It is computed from the first look on, so it is the same after a
    restart.
    """
    alive = [arm for arm in log_scores if arm != reference]
    if not alive:
        return Progress((), {}, Verdict.NOT_SHOWN, "no finalist is left")
    level = find_level(rules.alpha / rules.finalists, rules.looks)
    looks: list[Look] = []
    runs, used = 0, dict.fromkeys(log_scores, 0)
    for seeds in rules.looks:
        arms = [reference, *alive]
        runs += sum(seeds - used[arm] for arm in arms)
        if looks and runs > rules.max_runs:
            reason = f"{rules.max_runs} runs are spent"
            return Progress(tuple(looks), {}, Verdict.NOT_SHOWN, reason, _find_best(looks, alive))
        if any(len(log_scores[arm]) < seeds for arm in arms):
            return Progress(tuple(looks), dict.fromkeys(arms, seeds))
        used |= dict.fromkeys(arms, seeds)
        samples = {arm: log_scores[arm][: used[arm]] for arm in log_scores}
        look = take_look(rules, level, reference, alive, samples)
        looks.append(look)
        confirmed = [gain for gain in look.gains if gain.low > 0]
        if confirmed:
            best = max(confirmed, key=lambda gain: gain.gain)
            reason = f"after {seeds} seeds each"
            return Progress(tuple(looks), {}, Verdict.CONFIRMED, reason, best)
        alive = [arm for arm in alive if arm not in look.dropped]
        if not alive:
            verdict = Verdict.WORSE if all(g.high < 0 for g in look.gains) else Verdict.NOT_SHOWN
            reason = f"a gain of {rules.min_gain:.0%} is ruled out after {seeds} seeds each"
            return Progress(tuple(looks), {}, verdict, reason, _find_best(looks, alive))
    reason = f"all {rules.looks[-1]} seeds are spent"
    return Progress(tuple(looks), {}, Verdict.NOT_SHOWN, reason, _find_best(looks, alive))


def take_look(
    rules: Rules,
    level: float,
    reference: str,
    alive: Sequence[str],
    samples: Mapping[str, Sequence[float]],
) -> Look:
    """Return the comparison of the finalists in `alive` with the reference.

    `samples` also has the finalists that were dropped before, which tell about the spread. `level`
    is the one-sided probability of error of a single comparison.
    """
    spread, df = pool_spread(samples.values())
    seeds = len(samples[reference])
    means = {arm: float(np.mean(samples[arm])) for arm in (reference, *alive)}
    margin = float(stats.t.ppf(1 - level, df)) * spread * math.sqrt(2 / seeds)
    lead = min(means[arm] for arm in alive)
    gains, dropped = [], {}
    for arm in alive:
        drop = means[reference] - means[arm]  # of the log score; positive if it is better
        gain = Gain(arm, *(-math.expm1(-each) for each in (drop, drop - margin, drop + margin)))
        gains.append(gain)
        if gain.high < rules.min_gain:
            dropped[arm] = f"a gain of {rules.min_gain:.0%} is ruled out"
        elif means[arm] - lead > margin:
            dropped[arm] = "worse than another finalist"
    return Look(seeds, spread, tuple(gains), dropped)


def pool_spread(samples: Iterable[Sequence[float]]) -> tuple[float, int]:
    """Return the pooled standard deviation within the samples, and its degrees of freedom."""
    several = [sample for sample in samples if len(sample) > 1]
    df = sum(len(sample) - 1 for sample in several)
    squares = sum(float(np.var(sample)) * len(sample) for sample in several)
    return math.sqrt(squares / df), df


@cache
def find_level(alpha: float, looks: tuple[int, ...]) -> float:
    """Return the one-sided level of each look with which the error of all together is `alpha`.

    This is Pocock's constant, for looks after these numbers of seeds.
    """
    seeds = np.array(looks, float)
    correlation = np.sqrt(np.minimum.outer(seeds, seeds) / np.maximum.outer(seeds, seeds))
    together = stats.multivariate_normal(
        np.zeros(len(seeds)), correlation, seed=0, abseps=ACCURACY, releps=ACCURACY
    )

    def excess(bound: float) -> float:
        together.random_state = np.random.RandomState(0)
        return 1 - float(together.cdf(np.full(len(seeds), bound))) - alpha

    lowest, highest = stats.norm.ppf(1 - alpha), stats.norm.ppf(1 - alpha / len(seeds) / 2)
    if len(seeds) == 1:
        return alpha
    return float(stats.norm.sf(optimize.brentq(excess, lowest - 0.01, highest, xtol=1e-3)))


def _find_best(looks: Sequence[Look], alive: Sequence[str]) -> Gain:
    """Return the largest gain of the last look, preferably of a finalist that is still in."""
    gains = looks[-1].gains
    still = [gain for gain in gains if gain.arm in alive]
    return max(still or gains, key=lambda gain: gain.gain)
