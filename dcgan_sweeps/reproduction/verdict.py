"""Compares a reproduction with its original, series by series, and judges it.

comparisons = compare_histories(expected, got, last_epoch=10)
judge(comparisons, tolerance=0.1, same_request=True).word   # identical, within tolerance, different
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dcgan_sweeps.tracking.history import History

SCORES = ("score/fcd", "score/fcd_test")
PER_EPOCH = ("score/", "digest.")

Value = float | str


@dataclass(frozen=True)
class Comparison:
    """One series of two runs; steps are optimizer steps for losses, else epochs."""

    name: str
    points: int  # number of expected values
    expected: Value  # at the last expected step
    got: Value | None  # at that step; None where it is missing
    first_step: int | None  # first step that differs; None where all are equal
    largest: float | None  # largest difference; None for digests


COLUMNS = (
    "series",
    "values",
    "expected at last",
    "got at last",
    "first that differs",
    "largest difference",
)


@dataclass(frozen=True)
class Verdict:
    """The verdict on a reproduction, and its reason."""

    word: str
    reason: str

    @property
    def reproduced(self) -> bool:
        return self.word != "different"


def compare_histories(expected: History, got: History, last_epoch: int | None) -> list[Comparison]:
    """Return a comparison for each expected series, losses first.

    With `last_epoch`, values after that epoch are left out; for losses, values after the last step
    of `got`.
    """
    losses = [points for name, points in got.metrics.items() if not name.startswith(PER_EPOCH)]
    last_step = max((step for points in losses for step in points), default=0)
    comparisons = []
    there: dict[str, Mapping[int, Value]] = {**got.metrics, **got.digests}
    wished: dict[str, Mapping[int, Value]] = {**expected.metrics, **expected.digests}
    for name, points in wished.items():
        last = math.inf
        if last_epoch is not None:
            last = last_epoch if name.startswith(PER_EPOCH) else last_step
        wanted = {step: value for step, value in points.items() if step <= last}
        if wanted:
            comparisons.append(compare_series(name, wanted, there.get(name, {})))
    return sorted(comparisons, key=lambda each: (each.name.startswith(PER_EPOCH), each.name))


def compare_series(
    name: str, expected: Mapping[int, Value], got: Mapping[int, Value]
) -> Comparison:
    """Return the comparison of two series {step: value}; equal means bit-identical."""
    differing = [step for step in sorted(expected) if got.get(step) != expected[step]]
    gaps = [
        abs(value - there)
        for step, value in expected.items()
        if isinstance(value, float) and isinstance(there := got.get(step), float)
    ]
    last = max(expected)
    return Comparison(
        name,
        len(expected),
        expected[last],
        got.get(last),
        differing[0] if differing else None,
        max(gaps, default=None),
    )


def tabulate(comparisons: Sequence[Comparison]) -> list[tuple[str, ...]]:
    """Return a row of text for each comparison, under COLUMNS."""
    return [
        (
            each.name,
            str(each.points),
            _show(each.expected),
            _show(each.got),
            "none" if each.first_step is None else f"{_unit(each.name)} {each.first_step}",
            "" if each.largest is None else f"{each.largest:.3g}",
        )
        for each in comparisons
    ]


def _show(value: Value | None) -> str:
    if isinstance(value, str):
        return value[:12]
    return "missing" if value is None else f"{value:.6f}"


def judge(comparisons: Sequence[Comparison], tolerance: float, *, same_request: bool) -> Verdict:
    """Return the verdict on a reproduction.

    "Within tolerance" means that the request was the same, and that each score at the last epoch
    is within `tolerance`, a share of the expected score. Losses do not count: training amplifies
    the last bit, so the losses of two runs that differ at all differ as those of two seeds do.
    """
    if not comparisons:
        return Verdict("different", "the run logged nothing to compare with")
    differing = [each for each in comparisons if each.first_step is not None]
    if not differing:
        points = sum(each.points for each in comparisons)
        return Verdict("identical", f"all {points} values are bit-identical")
    scores = [each for each in comparisons if each.name in SCORES]
    shares = {each.name: _share(each) for each in scores}
    shown = ", ".join(f"{name} by {share:.1%}" for name, share in shares.items())
    first = min(differing, key=lambda each: (each.name.startswith(PER_EPOCH), each.first_step))
    where = f"first at {_unit(first.name)} {first.first_step} in {first.name}"
    if not same_request:
        return Verdict("different", f"{where}; the configuration was changed")
    if scores and all(share <= tolerance for share in shares.values()):
        return Verdict("within tolerance", f"{shown}, of {tolerance:.1%} allowed; {where}")
    return Verdict("different", f"{where}; {shown or 'no score'}, {tolerance:.1%} allowed")


def _share(comparison: Comparison) -> float:
    if not isinstance(comparison.got, float) or not isinstance(comparison.expected, float):
        return float("inf")
    return abs(comparison.got - comparison.expected) / abs(comparison.expected)


def _unit(name: str) -> str:
    return "epoch" if name.startswith(PER_EPOCH) else "step"
