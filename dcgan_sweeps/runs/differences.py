"""Compares the provenance of two runs, and tells which differences can change their results.

for difference in compare_facts(expected, got):
    print(difference)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dcgan_sweeps.logged_config import rename_logged

# Packages whose version can change the results; other packages are reported as indecisive.
COMPUTING_PACKAGES = ("tensorflow", "keras", "numpy", "ml_dtypes", "nvidia", "dcgan")
# Facts that can change the results, including the facts below them.
DECISIVE = (
    "commit",
    "diff_sha256",
    "machine.cpu",
    "machine.cpu_flags",
    "machine.gpu_driver",
    "device.kind",
    "device.name",
    "device.precision",
    "device.jit",
    "device.threads",
    "device.deterministic",
    "keras",
    "data.sha256",
    "score_identity",
    "environment",
    "parts",
)
# Exceptions from DECISIVE, which change no result.
INDECISIVE = ("environment.PYTHONHASHSEED",)
# Facts that earlier versions did not log; they are not compared if one of the runs lacks them.
LOGGED_LATER = ("keras", "parts")
# Facts that differ between any two runs, or that other facts cover.
IGNORED = (
    "command",
    "config_hash",
    "run_id",
    "meanings",  # logged by earlier versions
    "packages",
    "dirty",
    "device.reasons",
    "data.source",
    "environment.CUDA_VISIBLE_DEVICES",  # covered by device.kind and device.name
    "environment.TF_CPP_MIN_LOG_LEVEL",
)


@dataclass(frozen=True)
class Difference:
    """A fact that differs between two runs; a decisive one can change the results."""

    fact: str
    expected: str
    got: str
    decisive: bool

    def __str__(self) -> str:
        weight = "" if self.decisive else " (does not change results)"
        return f"{self.fact} was {self.expected}, now {self.got}{weight}"


def compare_facts(expected: Mapping[str, Any], got: Mapping[str, Any]) -> list[Difference]:
    """Return the differences between two provenances, decisive ones first."""
    unknown = tuple(each for each in LOGGED_LATER if each not in expected or each not in got)
    before, now = _flatten(rename_logged(expected)), _flatten(rename_logged(got))
    found = [
        Difference(fact, _show(before.get(fact)), _show(now.get(fact)), _is_decisive(fact))
        for fact in sorted(set(before) | set(now))
        if before.get(fact) != now.get(fact) and not _is_under(fact, IGNORED + unknown)
    ]
    found += compare_packages(expected.get("packages", ()), got.get("packages", ()))
    return sorted(found, key=lambda each: not each.decisive)


def compare_packages(expected: list[str], got: list[str]) -> list[Difference]:
    """Return the differences between two lists of packages, each name==version."""
    before, now = (
        {name: version for name, _, version in (each.partition("==") for each in side)}
        for side in (expected, got)
    )
    return [
        Difference(
            f"package {name}",
            before.get(name, "not installed"),
            now.get(name, "not installed"),
            name.lower().startswith(COMPUTING_PACKAGES),
        )
        for name in sorted(set(before) | set(now))
        if before.get(name) != now.get(name)
    ]


def _is_decisive(fact: str) -> bool:
    return _is_under(fact, DECISIVE) and fact not in INDECISIVE


def _is_under(fact: str, names: tuple[str, ...]) -> bool:
    return any(fact == name or fact.startswith(name + ".") for name in names)


def _show(value: Any) -> str:
    text = " ".join(value) if isinstance(value, list) else str(value)
    return text if len(text) <= 100 else text[:97] + "..."


def _flatten(facts: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in facts.items():
        key = prefix + name
        flat |= _flatten(value, key + ".") if isinstance(value, Mapping) else {key: value}
    return flat
