"""Writes the overrides that ask for a data set, for a command to copy.

choose_overrides(config.data)  # ["data=folder", "data.dir=pictures", "data.size=64", ...]
"""

from __future__ import annotations

import dataclasses

from dcgan_sweeps.composition.grammar import quote
from dcgan_sweeps.config.schema import Data

SUBSET = ("limit", "shuffle_buffer")  # settings of the training, not of the data set


def choose_overrides(data: Data) -> list[str]:
    """Return the overrides of a data set: its name, and every other setting that is not null."""
    settings = {
        f"data.{key}": value
        for key, value in dataclasses.asdict(data).items()
        if key not in ("name", *SUBSET) and value is not None
    }
    return [f"{key}={quote(str(value))}" for key, value in {"data": data.name, **settings}.items()]
