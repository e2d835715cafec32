"""Groups runs by configuration, which is all that can change their result except for the seed.

for runs in group_runs(found):
    samples = average_seeds((run.params.get(SEED, ""), score) for run, score in zip(runs, scores))
pool_spread(all_samples).compute_interval(mean=271.8, count=3)   # (249.1, 296.6)
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from scipy.special import stdtrit

from dcgan_sweeps.logged_config import is_hashed
from dcgan_sweeps.runs.logged_run import LoggedRun

SEED = "seed"
CONFIDENCE = 0.95  # of the intervals
# Params that follow from the others or from the seed, or that only name the run.
DERIVED = (SEED, "config_hash", "score.identity", "trial")
T = TypeVar("T")


@dataclass(frozen=True)
class Spread:
    """The spread of a score over the seeds of one configuration.

    `sd` is the standard deviation of the logarithm of the score, `df` its degrees of freedom, and
    `count` the number of configurations from which it was pooled.
    """

    sd: float
    df: int
    count: int

    @property
    def quantile(self) -> float:
        """The quantile of Student's t for a two-sided interval of CONFIDENCE."""
        return float(stdtrit(self.df, (1 + CONFIDENCE) / 2))

    def compute_interval(self, mean: float, count: int) -> tuple[float, float]:
        """Return the confidence interval of the mean score of `count` seeds.

        It is symmetric on the logarithmic scale: the mean, divided and multiplied by
        exp(t sd / sqrt(count)).
        """
        factor = math.exp(min(self.quantile * self.sd / math.sqrt(count), 700))
        return mean / factor, mean * factor

    def compute_limit(self, count: int, other: int) -> float:
        """Return the difference that seeds explain of two means, as a share of the mean of both.

        `count` and `other` are the numbers of their seeds.
        """
        return self.quantile * self.sd * math.sqrt(1 / count + 1 / other)


def group_runs(runs: Sequence[LoggedRun]) -> list[list[LoggedRun]]:
    """Return the runs of each configuration, in the order of the first run of each."""
    return group_by_configuration(runs, lambda run: run)


def group_by_configuration(items: Sequence[T], get_run: Callable[[T], LoggedRun]) -> list[list[T]]:
    """Return the items whose runs differ in nothing but their seed, as one list each.

    The order is that of the first item of each list.
    """
    runs = [get_run(item) for item in items]
    known = dict.fromkeys(key for run in runs for key in run.params)
    keys = [key for key in known if is_hashed(key) and key not in DERIVED]
    groups: dict[Hashable, list[T]] = {}
    for item, run in zip(items, runs, strict=True):
        groups.setdefault(_identify(run, keys), []).append(item)
    return [*groups.values()]


def _identify(run: LoggedRun, keys: Sequence[str]) -> Hashable:
    values = tuple(run.params.get(key) for key in keys)
    # Without a logged seed, only an equal hash shows that nothing else differs.
    return values if SEED in run.params else (*values, run.params.get("config_hash"))


def average_seeds(scores: Iterable[tuple[str, float]]) -> list[float]:
    """Return the mean score of each seed; `scores` are pairs of a seed and a score.

    A run that was repeated with the same seed says nothing about the noise of seeds.
    """
    by_seed: dict[str, list[float]] = {}
    for seed, score in scores:
        by_seed.setdefault(seed, []).append(score)
    return [average(each) for each in by_seed.values()]


def average(scores: Sequence[float]) -> float:
    """Return the mean of some scores, of which the sum may be beyond any float."""
    return math.fsum(score / len(scores) for score in scores)


def pool_spread(samples: Iterable[Sequence[float]]) -> Spread | None:
    """Return the spread pooled over the scores of each configuration, one score for each seed.

    Configurations of one seed, and scores that are not positive, are left out. None if nothing is
    left.
    """
    logs = [[math.log(x) for x in each if x > 0] for each in samples]
    repeated = [each for each in logs if len(each) > 1]
    df = sum(len(each) - 1 for each in repeated)
    if not df:
        return None
    squares = sum((len(each) - 1) * statistics.variance(each) for each in repeated)
    return Spread(math.sqrt(squares / df), df, len(repeated))


def find_lowest(runs: Sequence[LoggedRun], score: Callable[[LoggedRun], float]) -> list[LoggedRun]:
    """Return the runs of the configuration with the lowest mean score, lowest score first."""
    groups = group_runs(runs)
    best = min(groups, key=lambda group: average(average_group(group, score)))
    return sorted(best, key=score)


def average_group(runs: Sequence[LoggedRun], score: Callable[[LoggedRun], float]) -> list[float]:
    """Return the mean score of each seed of a configuration."""
    return average_seeds((run.params.get(SEED, ""), score(run)) for run in runs)
