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

from dcgan_sweeps.config.faults import Fault, RequestError
from dcgan_sweeps.metrics import METRICS, OWN
from dcgan_sweeps.runs.logged_run import LoggedRun
from dcgan_sweeps.terminal import NUMBER

FORM = re.compile(r"\s*(?P<key>[\w./+-]+)\s*(?P<sign><=|>=|!=|==|=|<|>)\s*(?P<value>.*?)\s*")
ORDERS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
# Headings of the leaderboard, and what they stand for.
HEADINGS = {
    **{each.short: name for name, each in METRICS.items() if each.short and name.startswith(OWN)},
    "run": "run_id",
    "state": "outcome",
    "time": "wall_s",
}
ALLOWED = 'a parameter or metric, one of < <= > >= = !=, and a value, as in "lr < 1e-3"'


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


def find_value(run: LoggedRun, name: str) -> str | None:
    """Return a run's parameter, metric, attribute or tag of that name, None if it has none.

    A name is a key, or a heading of the leaderboard, such as "lr" and "fcd".
    """
    found = find_keys(run, name)
    return _read_key(run, found[0]) if len(found) == 1 else None


def find_keys(run: LoggedRun, name: str) -> list[str]:
    """Return the keys of a run that a name can stand for: itself, if it is one."""
    if _read_key(run, name) is not None:
        return [name]
    if name in HEADINGS:
        return [key for key in [HEADINGS[name]] if _read_key(run, key) is not None]
    return [key for key in run.params if key.endswith(f".{name}")]


def _read_key(run: LoggedRun, key: str) -> str | None:
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


def find_short_names(runs: Sequence[LoggedRun]) -> dict[str, list[str]]:
    """Return {heading or last part of a parameter: the keys that it can stand for}."""
    names = {heading: [key] for heading, key in HEADINGS.items()}
    for key in dict.fromkeys(key for run in runs for key in run.params):
        leaf = key.rpartition(".")[2]
        if leaf != key and leaf not in HEADINGS:
            names.setdefault(leaf, []).append(key)
    return names


def list_headings(runs: Sequence[LoggedRun], varied: Sequence[str]) -> list[str]:
    """Return the names that a filter on these runs can use: headings, and parameters that vary."""
    names = find_short_names(runs)
    leaves = [key.rpartition(".")[2] for key in varied]
    params = [
        leaf if len(names.get(leaf, ())) == 1 else key
        for key, leaf in zip(varied, leaves, strict=True)
    ]
    known = [name for name, key in HEADINGS.items() if any(_read_key(run, key) for run in runs)]
    return [*params, *known]


def refuse_unknown(filters: Sequence[Filter], runs: Sequence[LoggedRun]) -> None:
    """Raise RequestError for a name that stands for nothing that a run has, or for several keys."""
    if not runs:
        return
    faults = []
    for name in (each.key for each in filters):
        found = {key for run in runs for key in find_keys(run, name)}
        if len(found) > 1:
            faults.append(Fault("--where", f"got {name}; allowed: {' or '.join(sorted(found))}"))
        elif not found:
            faults.append(Fault("--where", describe_unknown(name, runs)))
    if faults:
        raise RequestError(faults)


def describe_unknown(name: str, runs: Sequence[LoggedRun]) -> str:
    """Return a sentence on a name that no run has, with a similar one and the allowed ones."""
    known = {key for run in runs for key in (*run.params, *run.metrics, *run.tags)}
    close = difflib.get_close_matches(name, [*known, *find_short_names(runs)], n=1, cutoff=0.5)
    hint = f"; did you mean {close[0]}?" if close else ""
    values: dict[str, set[str]] = {}
    for run in runs:
        for key, text in run.params.items():
            values.setdefault(key, set()).add(text)
    varied = [key for key, texts in values.items() if len(texts) > 1 and "." in key]
    allowed = ", ".join(list_headings(runs, varied))
    return f"no run has {name}{hint}; allowed: {allowed}, or any key of the configuration"
