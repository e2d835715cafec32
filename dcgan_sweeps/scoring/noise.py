"""Ranks scores, and marks those as tied that differ by less than the training noise.

rank_tied([155.8, 160.2, 255.9])   # ["1=", "1=", "3"]
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

# Standard deviation of fcd over training seeds, as a share of fcd; measured in docs/score.md.
TRAINING_NOISE = 0.08


def is_tied(score: float, other: float) -> bool:
    """Return whether two scores differ by no more than training seeds make them differ.

    The limit is one standard deviation of a difference, which is that of one score times the root
    of two.
    """
    return abs(score - other) <= math.sqrt(2) * TRAINING_NOISE * (score + other) / 2


def rank_tied(scores: Sequence[float]) -> list[str]:
    """Return the rank of each of some ascending scores; "1=" is a rank that is shared.

    A score shares a rank where it is tied with the first score of that rank.
    """
    leaders: list[int] = []
    for index, score in enumerate(scores):
        first = leaders[-1] if leaders else index
        leaders.append(first if is_tied(scores[first], score) else index)
    sizes = Counter(leaders)
    return [f"{first + 1}{'=' if sizes[first] > 1 else ''}" for first in leaders]
