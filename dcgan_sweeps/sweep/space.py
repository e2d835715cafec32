"""The search space of a study: its keys, their domains, and the conditions of some keys.

space = make_space(asked.swept, only_if={"slope": Condition("size", (3,))}, whole=frozenset())
values = suggest(trial, space)         # {"optimizer.lr": 0.0004, ...}
as_overrides(values)                   # ["optimizer.lr=0.0004", ...]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import Trial

from dcgan_sweeps.config.faults import Fault, refuse, require_none
from dcgan_sweeps.sweep.overrides import Domain
from dcgan_sweeps.terminal import shorten_keys, shorten_value

EXACT = 2**53  # the largest integer up to which Optuna stores all integers exactly
PARAMS, ONLY_IF = "hydra.sweeper.params", "hydra.sweeper.only_if"
Distribution = CategoricalDistribution | FloatDistribution | IntDistribution


@dataclass(frozen=True)
class Condition:
    """A condition: the key exists only where another key has one of these values."""

    key: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Parameter:
    """One key of a search space."""

    key: str
    text: str  # its domain, as it was written
    distribution: Distribution
    condition: Condition | None


Space = tuple[Parameter, ...]


def make_space(
    swept: Mapping[str, Domain], only_if: Mapping[str, Condition], whole: frozenset[str]
) -> Space:
    """Return the search space of swept keys, each after the key that its condition names.

    `whole` has the keys whose type is an integer. Raises RequestError.
    """
    faults: list[Fault] = []
    parameters: dict[str, Parameter] = {}
    for key, domain in swept.items():
        try:
            distribution = make_distribution(domain, key in whole)
        except ValueError as error:
            faults.append(Fault(f"{PARAMS}.{key}", f"got {domain.text}; {error}"))
            continue
        parameters[key] = Parameter(key, domain.text, distribution, only_if.get(key))
    for key, each in parameters.items():
        problem = "" if each.condition is None else _find_problem(each.condition, parameters)
        faults += [Fault(f"{ONLY_IF}.{key}", problem)] if problem else []
    require_none(faults)
    return _order(parameters)


def make_distribution(domain: Domain, whole: bool) -> Distribution:
    """Return the Optuna distribution of a domain; raises ValueError where there is none."""
    low, high = domain.low, domain.high
    if low is None or high is None:
        return CategoricalDistribution(domain.values)
    step = None if domain.log else domain.step
    if isinstance(low, int) and isinstance(high, int) and not isinstance(step, float):
        return IntDistribution(low, high, domain.log, int(step or 1))
    if whole:
        if low != int(low) or high != int(high):
            raise ValueError("the key is an integer, so both ends must be integers")
        return IntDistribution(int(low), int(high), domain.log, int(step or 1))
    return FloatDistribution(float(low), float(high), domain.log, step)


def describe_values(values: Sequence[Any]) -> Distribution:
    """Return the Optuna distribution of the values of a grid.

    Numbers have a range, since Optuna writes each choice of a list into each trial.
    """
    is_number = all(type(each) in (int, float) and abs(each) <= EXACT for each in values)
    if not is_number:
        return CategoricalDistribution(tuple(dict.fromkeys(values)))
    low, high = min(values), max(values)
    if all(type(each) is int for each in values):
        return IntDistribution(low, high)
    return FloatDistribution(float(low), float(high))


def _find_problem(condition: Condition, parameters: Mapping[str, Parameter]) -> str:
    other = parameters.get(condition.key)
    if other is None:
        return f"got {condition.key}, which is not a key of the search space"
    outside = [value for value in condition.values if not contains(other, value)]
    return f"got {outside[0]}; {condition.key} is in {other.text}" if outside else ""


def _order(parameters: Mapping[str, Parameter]) -> Space:
    ordered: dict[str, Parameter] = {}
    waiting = dict(parameters)
    while waiting:
        ready = [
            key
            for key, each in waiting.items()
            if each.condition is None or each.condition.key in ordered
        ]
        if not ready:
            raise refuse(ONLY_IF, f"these keys depend on each other: {', '.join(waiting)}")
        for key in ready:
            ordered[key] = waiting.pop(key)
    return tuple(ordered.values())


def normalise(value: Any) -> str:
    """Return a value in Hydra's grammar, with lists without spaces and text without quotes."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list):
        return f"[{','.join(map(normalise, value))}]"
    return str(value).strip("'\"").replace(", ", ",")


def find_choice(parameter: Parameter, value: Any) -> Any:
    """Return the choice that equals a configuration's value; the value where none does."""
    distribution = parameter.distribution
    if isinstance(distribution, CategoricalDistribution) and value not in distribution.choices:
        alike = [each for each in distribution.choices if normalise(each) == normalise(value)]
        return alike[0] if alike else value
    return value


def contains(parameter: Parameter, value: Any) -> bool:
    """Return whether the domain of a parameter contains a value."""
    drawn = parameter.distribution
    if isinstance(drawn, CategoricalDistribution):
        return value in drawn.choices
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    if not drawn.low <= value <= drawn.high:
        return False
    if isinstance(drawn, IntDistribution) and value != int(value):
        return False
    steps = (value - drawn.low) / drawn.step if drawn.step else 0.0
    return abs(steps - round(steps)) < 1e-9


def exists(parameter: Parameter, values: Mapping[str, Any]) -> bool:
    """Return whether a key exists, given the values of the keys before it."""
    condition = parameter.condition
    return condition is None or (
        condition.key in values and values[condition.key] in condition.values
    )


def suggest(trial: Trial, space: Space) -> dict[str, Any]:
    """Return {key: value} of a trial; the sampler suggests the values it does not have yet."""
    values: dict[str, Any] = {}
    for parameter in space:
        if exists(parameter, values):
            values[parameter.key] = suggest_value(trial, parameter.key, parameter.distribution)
    return values


def suggest_value(trial: Trial, key: str, drawn: Distribution) -> Any:
    """Return the value of one key of a trial."""
    if isinstance(drawn, CategoricalDistribution):
        return trial.suggest_categorical(key, drawn.choices)
    if isinstance(drawn, IntDistribution):
        return trial.suggest_int(key, drawn.low, drawn.high, step=drawn.step, log=drawn.log)
    return trial.suggest_float(key, drawn.low, drawn.high, step=drawn.step, log=drawn.log)


def as_overrides(values: Mapping[str, Any]) -> list[str]:
    """Return {key: value} as overrides, with every digit of a float."""
    return [f"{key}={_as_text(value)}" for key, value in values.items()]


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def shorten(overrides: Sequence[str]) -> str:
    """Return overrides in short form: keys without their groups, numbers with four digits."""
    pairs = [word.partition("=")[::2] for word in overrides]
    names = shorten_keys([key for key, _ in pairs])
    return " ".join(f"{names[key]}={shorten_value(text)}" for key, text in pairs)


def choose_defaults(space: Space, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return the point of the default configuration in a search space.

    Raises RequestError with a fault for every default that is outside.
    """
    point: dict[str, Any] = {}
    faults = []
    for parameter in space:
        if not exists(parameter, point):
            continue
        value = find_choice(parameter, defaults.get(parameter.key))
        if not contains(parameter, value):
            problem = f"its default, {value}, is outside {parameter.text}"
            faults.append(Fault(f"{PARAMS}.{parameter.key}", problem))
        point[parameter.key] = value
    require_none(faults)
    return point


def list_ends(space: Space) -> list[str]:
    """Return every value of a choice, and both ends of a range, as overrides."""
    overrides: list[str] = []
    for parameter in space:
        drawn = parameter.distribution
        ends: Sequence[Any]
        if isinstance(drawn, CategoricalDistribution):
            ends = drawn.choices
        else:
            ends = (drawn.low, drawn.high)
        overrides += [f"{parameter.key}={_as_text(value)}" for value in ends]
    return overrides
