"""Which scores can be told apart.

rank_tied([155.8, 160.2, 255.9])   # ["1=", "1=", "3"]
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

# Standard deviation of fcd over training seeds, as a share of it; measured in docs/score.md.
TRAINING_NOISE = 0.08


def is_tied(score: float, other: float) -> bool:
    """Return whether two runs differ by less than two seeds of one configuration would. By one
    standard deviation of such a difference, the root of two times that of one score."""
    return abs(score - other) <= math.sqrt(2) * TRAINING_NOISE * (score + other) / 2


def rank_tied(scores: Sequence[float]) -> list[str]:
    """Return the rank of each of some ascending scores; "1=" shares its rank with others.

    A score shares the rank of the best one that it is tied with, so that within a rank all are
    tied with its first.
    """
    leaders: list[int] = []
    for index, score in enumerate(scores):
        first = leaders[-1] if leaders else index
        leaders.append(first if is_tied(scores[first], score) else index)
    sizes = Counter(leaders)
    return [f"{first + 1}{'=' if sizes[first] > 1 else ''}" for first in leaders]
