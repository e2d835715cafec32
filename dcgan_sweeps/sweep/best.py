"""Lists the overrides that run the configuration of a study's best trial alone.

list_overrides([*request.fixed, *best.user_attrs["varied"]], folder.own_conf, launch)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dcgan_sweeps.composition.grammar import quote
from dcgan_sweeps.config.flat import flatten
from dcgan_sweeps.secrets import mask_secrets
from dcgan_sweeps.sweep.launch import Composers

# Keys that say where a run is stored; they do not affect its result.
NOT_ITS_OWN = ("tracking.", "resume")


def list_overrides(overrides: Sequence[str], own: Path, composers: Composers) -> list[str]:
    """Return the overrides with which `run` repeats a trial that had these overrides.

    A value is added where a search file sets it, or where conf/ was edited since. Where the
    overrides choose a config file of the user, --config-dir names `own`, the study's copy.
    """
    wanted = flatten(composers.compose(overrides))
    places: list[str] = []
    try:
        alone = flatten(composers.compose_alone(overrides, None))
    except Exception:  # Hydra's error for a choice that is not in conf/
        alone = flatten(composers.compose_alone(overrides, own))
        places = [f"--config-dir={own}"]
    more = [
        f"{key}={write_value(value)}"
        for key, value in wanted.items()
        if alone[key] != value and not key.startswith(NOT_ITS_OWN)
    ]
    # A masked password would be useless in the file.
    public = [word for word in overrides if mask_secrets(word) == word]
    return [*places, *public, *more]


def write_value(value: Any) -> str:
    """Return a value of a configuration as the text of an override."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list):
        return f"[{','.join(map(write_value, value))}]"
    return quote(value) if isinstance(value, str) else repr(value)
