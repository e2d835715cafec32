"""Where a command looks for runs: --dir, --uri, --experiment, and MLflow's own variables.

add_place(parser)
name_place("else", None)   # ["--dir=else"]: the words that lead another command there
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dcgan_sweeps.composition.grammar import quote
from dcgan_sweeps.paths import resolve_url, show_path
from dcgan_sweeps.terminal import make_console, make_say

DIR, EXPERIMENT = "mlruns", "dcgan_sweeps"
# They say so where a request does not; one that is blank counts as none.
VARIABLES = {"uri": "MLFLOW_TRACKING_URI", "experiment": "MLFLOW_EXPERIMENT_NAME"}


def add_place(parser: argparse.ArgumentParser) -> None:
    """Add the options that name the store in which a command looks for runs."""
    parser.add_argument(
        "--dir",
        type=_expand,
        action=_ChooseFolder,
        default=DIR,
        help="folder of the local store (%(default)s)",
    )
    parser.add_argument(
        "--uri",
        default=read_variable("uri"),
        help="another MLflow store, such as a server's address ($MLFLOW_TRACKING_URI)",
    )
    parser.add_argument(
        "--experiment",
        default=read_variable("experiment") or EXPERIMENT,
        help=f"of best and study:NAME ($MLFLOW_EXPERIMENT_NAME, else {EXPERIMENT})",
    )


class _ChooseFolder(argparse.Action):
    """Takes --dir, which is asked for here and now, before a store that the environment names."""

    def __call__(
        self, parser: Any, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        setattr(namespace, self.dest, values)
        # The very object that is the default: a --uri that was typed is another.
        if namespace.uri is parser.get_default("uri"):
            namespace.uri = None


def read_variable(key: str) -> str | None:
    """Return the uri or the experiment that the environment names, None where it names none. The
    path of a relative SQLite file is made absolute, as in a configuration."""
    value = os.environ.get(VARIABLES[key], "").strip() or None
    return resolve_url(value, Path.cwd()) if value is not None and key == "uri" else value


def say_variables(place: Any) -> None:
    """Say on standard error which uri and experiment of a place come from the environment."""
    say = make_say(make_console(sys.stderr))
    for key, variable in VARIABLES.items():
        value = read_variable(key)
        if value is not None and value == getattr(place, key):
            say(f"{key} from {variable}: {value}")


def name_variables(words: Sequence[str], tracking: Any) -> list[str]:
    """Return overrides that say what the environment decided, and these words do not: with them a
    command means the same where the environment is another."""
    named = {word.lstrip("+").partition("=")[0] for word in words}
    return [
        f"tracking.{key}={quote(getattr(tracking, key))}"
        for key in VARIABLES
        if f"tracking.{key}" not in named and read_variable(key) == getattr(tracking, key)
        if getattr(tracking, key) is not None
    ]


def name_place(folder: str, uri: str | None, experiment: str | None = None) -> list[str]:
    """Return the words of add_place that lead another command to the same runs: of the default
    place none, unless the environment names another."""
    words = [] if uri is None else [f"--uri={uri}"]
    if uri is None and (show_path(folder) != DIR or read_variable("uri") is not None):
        words.append(f"--dir={show_path(folder)}")
    usual = EXPERIMENT if read_variable("experiment") is None else None
    return words if experiment in (None, usual) else [*words, f"--experiment={experiment}"]


def _expand(path: str) -> str:
    # Unlike that of a Path it leaves the ~ of nobody, which is refused where a store is looked for.
    return os.path.expanduser(path)  # noqa: PTH111
