"""Reads the overrides of `-m`: the fixed ones, and those with several values or a range.

asked = read_overrides(["optimizer.lr=1e-4,2e-4", "seed=1"], config_loader)
asked.fixed, asked.swept["optimizer.lr"].texts  # ("seed=1",), ("1e-4", "2e-4")
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep
from hydra.errors import HydraException

from dcgan_sweeps.config.faults import Fault, require_none

Number = int | float
MOST_POINTS = 100_000  # values of a key, and trials of a grid


@dataclass(frozen=True)
class Domain:
    """The domain of a swept key: a list of values, or the numbers from `low` to `high`.

    A range has both: the list of its values, and its ends and step.
    """

    text: str  # as it was written
    texts: tuple[str, ...] = ()  # each value, as text of an override
    values: tuple[Any, ...] = ()  # each value, as a number or bool where it is one
    low: Number | None = None
    high: Number | None = None  # inclusive
    step: Number | None = None
    log: bool = False

    @property
    def unique(self) -> Domain:
        """This domain with each value once, in the given order."""
        values = dict(zip(self.texts, self.values, strict=True))
        return replace(self, texts=tuple(values), values=tuple(values.values()))


@dataclass(frozen=True)
class Asked:
    """The overrides of a request, in Hydra's order; the last one for a key counts."""

    fixed: tuple[str, ...]
    swept: Mapping[str, Domain] = field(default_factory=dict)


def read_overrides(overrides: Sequence[str], config_loader: Any) -> Asked:
    """Return the fixed and the swept overrides; raises RequestError where parsing fails."""
    parser = OverridesParser.create(config_loader=config_loader)
    final: dict[str, str | Domain] = {}
    faults = []
    for word in overrides:
        try:
            override = parser.parse_override(word)
            override.config_loader = config_loader  # glob(...) needs it to list its group
            # +key and ++key are the same key.
            key = override.get_key_element().lstrip("+")
            final[key] = read_domain(override) if override.is_sweep_override() else word
        except (HydraException, ValueError) as error:
            problem = str(error).strip().partition("\n")[0]
            faults.append(Fault(word, f"cannot be read as key=value ({problem})"))
    require_none(faults)
    fixed = tuple(word for word in final.values() if isinstance(word, str))
    swept = {key: domain for key, domain in final.items() if isinstance(domain, Domain)}
    return Asked(fixed, swept)


def read_domain(override: Override) -> Domain:
    """Return the domain of a sweep, with its values as they were given."""
    sweep = override.value()
    if getattr(sweep, "shuffle", False):
        raise ValueError("shuffle(...) would have another order whenever the study is resumed")
    text = str(override.input_line).partition("=")[2]
    if isinstance(sweep, RangeSweep):
        check_length(sweep)
    if isinstance(sweep, IntervalSweep):
        return Domain(text, low=sweep.start, high=sweep.end, log="log" in sweep.tags)
    texts = tuple(map(str, override.sweep_string_iterator()))
    if not texts:
        raise ValueError("it has no values")
    values = tuple(_as_value(each) for each in texts)
    if isinstance(sweep, RangeSweep):
        low, high, step = min(values), max(values), abs(sweep.step or 1)
        return Domain(text, texts, values, low, high, step, "log" in sweep.tags)
    if isinstance(sweep, ChoiceSweep) and "log" in sweep.tags:
        raise ValueError("tag(log, ...) is allowed for interval and range")
    return Domain(text, texts, values)


def check_length(sweep: RangeSweep) -> None:
    """Raise ValueError for a range without values, or with more than MOST_POINTS.

    This is checked before the range is expanded, which takes time and memory for every value.
    """
    start, stop, step = sweep.start or 0, sweep.stop or 0, sweep.step or 1
    count = math.ceil((stop - start) / step)
    if not 1 <= count <= MOST_POINTS:
        raise ValueError(f"it has {max(count, 0):,} values; allowed: 1 to {MOST_POINTS:,}")


def _as_value(text: str) -> Any:
    """Return text as a number or bool where it is one, so that Optuna's plots can order it."""
    value = OverridesParser.create().parse_override(f"key={text}").value()
    return value if isinstance(value, (bool, int, float)) else text
