"""Parses and applies filters of logged runs, such as `--where "optimizer.lr < 1e-3"`.

    filters = [*read_filters("optimizer.lr < 1e-3 and outcome = complete")]
    kept = [run for run in runs if meets(run, filters)]

MLflow's own search compares parameters as text, so that 1e-3 would be greater than 0.01.
"""

from __future__ import annotations

import difflib
import math
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from dcgan_sweeps.config import Fault, RequestError
from dcgan_sweeps.runs.logged_run import LoggedRun
from dcgan_sweeps.terminal import NUMBER

FORM = re.compile(r"\s*(?P<key>[\w./-]+)\s*(?P<sign><=|>=|!=|==|=|<|>)\s*(?P<value>.*?)\s*")
ORDERS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
ALLOWED = 'a parameter or metric, one of < <= > >= = !=, and a value, as in "optimizer.lr < 1e-3"'


@dataclass(frozen=True)
class Filter:
    """A comparison of a run's value; two numbers are compared as numbers, not as text."""

    key: str
    sign: str
    value: str

    def is_met(self, run: LoggedRun) -> bool:
        """Return whether a run has the key and its value meets the comparison."""
        found = find_value(run, self.key)
        if found is None:
            return False
        one, other = as_number(found), as_number(self.value)
        if self.sign in ORDERS:
            return one is not None and other is not None and ORDERS[self.sign](one, other)
        is_same = found == self.value if one is None or other is None else one == other
        return is_same == (self.sign != "!=")


def read_filters(texts: Iterable[str]) -> list[Filter]:
    """Parse filters, of which one text can have several joined by "and".

    Raises RequestError with a fault for each one that cannot be parsed.
    """
    faults, found = [], []
    for text in (
        part for each in texts for part in re.split(r"\s+and\s+", each, flags=re.IGNORECASE)
    ):
        parts = FORM.fullmatch(text)
        if parts is None or not parts["value"]:
            faults.append(Fault("--where", f"got {text}; allowed: {ALLOWED}"))
        elif parts["sign"] in ORDERS and as_number(parts["value"]) is None:
            faults.append(Fault("--where", f"got {text}; {parts['sign']} needs a number"))
        else:
            value = parts["value"].strip("'\"")
            found.append(Filter(parts["key"], parts["sign"], value))
    if faults:
        raise RequestError(faults)
    return found


def meets(run: LoggedRun, filters: Sequence[Filter]) -> bool:
    """Return whether a run meets all the filters."""
    return all(each.is_met(run) for each in filters)


def find_value(run: LoggedRun, key: str) -> str | None:
    """Return a run's parameter, metric, attribute or tag of that name, None if it has none."""
    attributes = {"name": run.name, "status": run.status, "outcome": run.outcome}
    attributes |= {"run_id": run.run_id, "wall_s": "" if run.wall_s is None else str(run.wall_s)}
    for values in (run.params, run.metrics, attributes, run.tags):
        if key in values:
            return str(values[key])
    return None


def as_number(text: str) -> float | None:
    """Return the finite number in a text, None if it is not one."""
    if NUMBER.fullmatch(text.strip()) is None:
        return None
    number = float(text)
    return number if math.isfinite(number) else None


def refuse_unknown(filters: Sequence[Filter], runs: Sequence[LoggedRun]) -> None:
    """Raise RequestError, which suggests a similar name, for a key that none of the runs has."""
    names = {name for run in runs for name in (*run.params, *run.metrics, *run.tags)}
    faults = []
    for key in (each.key for each in filters):
        if runs and all(find_value(run, key) is None for run in runs):
            close = difflib.get_close_matches(key, names, n=1, cutoff=0.5)
            hint = f"; did you mean {close[0]}?" if close else ""
            faults.append(Fault("--where", f"no run has {key}{hint}"))
    if faults:
        raise RequestError(faults)
