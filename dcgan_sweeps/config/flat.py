"""Configurations as flat mappings with dotted keys.

flatten(config)["optimizer.lr"]  # 0.0002
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import Field, fields, is_dataclass
from typing import Any


def walk(config: Any, prefix: str = "") -> Iterator[tuple[str, Any, Field[Any]]]:
    """Yield (dotted key, value, field) of every leaf."""
    for each in fields(config):
        key, value = prefix + each.name, getattr(config, each.name)
        if is_dataclass(value):
            yield from walk(value, key + ".")
        else:
            yield key, value, each


def flatten(config: Any) -> dict[str, Any]:
    """Return {dotted key: value} of every leaf."""
    return {key: value for key, value, _ in walk(config)}


def flatten_nested(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return {dotted key: value} of every leaf of nested mappings."""
    flat: dict[str, Any] = {}
    for name, value in nested.items():
        key = f"{prefix}{name}"
        flat |= flatten_nested(value, key + ".") if isinstance(value, Mapping) else {key: value}
    return flat
