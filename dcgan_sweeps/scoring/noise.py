"""Ranks scores, and marks those as tied that differ by less than the training noise.

rank_tied([155.8, 160.2, 255.9], is_tied)   # ["1=", "1=", "3"]
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar

# Standard deviation of fcd over training seeds, as a share of fcd; measured in docs/search.md.
TRAINING_NOISE = 0.15

T = TypeVar("T")


def is_tied(score: float, other: float) -> bool:
    """Return whether two scores differ by no more than training seeds make them differ.

    The limit is one standard deviation of a difference, which is that of one score times the root
    of two.
    """
    return is_within(score, other, math.sqrt(2) * TRAINING_NOISE)


def is_within(score: float, other: float, limit: float) -> bool:
    """Return whether two scores differ by at most `limit`, a share of the mean of both."""
    return abs(score - other) <= limit * (score + other) / 2


def rank_tied(ordered: Sequence[T], are_tied: Callable[[T, T], bool]) -> list[str]:
    """Return the rank of each of some scores in ascending order; "1=" is a rank that is shared.

    A score shares a rank where it is tied with the first score of that rank.
    """
    leaders: list[int] = []
    for index, score in enumerate(ordered):
        first = leaders[-1] if leaders else index
        leaders.append(first if are_tied(ordered[first], score) else index)
    sizes = Counter(leaders)
    return [f"{first + 1}{'=' if sizes[first] > 1 else ''}" for first in leaders]
