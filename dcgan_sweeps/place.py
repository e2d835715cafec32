"""Options for the store that a command uses: --dir, --uri, --experiment and MLflow's variables.

add_place(parser)
name_place("else", None)   # ["--dir=else"]: the options that select this store in another command
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
# Used if the request does not set the option; a blank variable counts as unset.
VARIABLES = {"uri": "MLFLOW_TRACKING_URI", "experiment": "MLFLOW_EXPERIMENT_NAME"}


URI_HELP = "another MLflow store, such as a server's address (default: $MLFLOW_TRACKING_URI)"
EXPERIMENT_HELP = (
    "experiment in which best and study:NAME are looked up (default: $MLFLOW_EXPERIMENT_NAME,"
    f" else {EXPERIMENT})"
)


def add_place(
    parser: argparse.ArgumentParser, uri: str = URI_HELP, experiment: str = EXPERIMENT_HELP
) -> None:
    """Add the options that select the store and the experiment of a command."""
    parser.add_argument(
        "--dir",
        type=_expand,
        action=_ChooseFolder,
        default=DIR,
        help="folder of the local store (default: %(default)s)",
    )
    parser.add_argument(
        "--uri",
        default=read_variable("uri"),
        help=uri,
    )
    parser.add_argument(
        "--experiment",
        default=read_variable("experiment") or EXPERIMENT,
        help=experiment,
    )


class _ChooseFolder(argparse.Action):
    """Gives --dir precedence over a store that the environment names."""

    def __call__(
        self, parser: Any, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        setattr(namespace, self.dest, values)
        # Compared by identity: a --uri that was typed is another object than the default.
        if namespace.uri is parser.get_default("uri"):
            namespace.uri = None


def read_variable(key: str) -> str | None:
    """Return the uri or the experiment that the environment names, None if it names none.

    The path of a relative SQLite file is made absolute, as in a configuration.
    """
    value = os.environ.get(VARIABLES[key], "").strip() or None
    return resolve_url(value, Path.cwd()) if value is not None and key == "uri" else value


def say_variables(place: Any) -> None:
    """Report on standard error whether the uri and experiment come from the environment."""
    say = make_say(make_console(sys.stderr))
    for key, variable in VARIABLES.items():
        value = read_variable(key)
        if value is not None and value == getattr(place, key):
            say(f"{key} from {variable}: {value}")


def name_variables(words: Sequence[str], tracking: Any) -> list[str]:
    """Return overrides for the settings that come from the environment and not from `words`.

    With them a command means the same in another environment.
    """
    named = {word.lstrip("+").partition("=")[0] for word in words}
    return [
        f"tracking.{key}={quote(getattr(tracking, key))}"
        for key in VARIABLES
        if f"tracking.{key}" not in named and read_variable(key) == getattr(tracking, key)
        if getattr(tracking, key) is not None
    ]


def name_place(folder: str, uri: str | None, experiment: str | None = None) -> list[str]:
    """Return the options of add_place that select the same store in another command.

    There are none for the default store, unless the environment names another.
    """
    words = [] if uri is None else [f"--uri={uri}"]
    if uri is None and (show_path(folder) != DIR or read_variable("uri") is not None):
        words.append(f"--dir={show_path(folder)}")
    usual = EXPERIMENT if read_variable("experiment") is None else None
    return words if experiment in (None, usual) else [*words, f"--experiment={experiment}"]


def _expand(path: str) -> str:
    # Unlike Path.expanduser() it keeps an unknown ~USER, which is reported when a store is opened.
    return os.path.expanduser(path)  # noqa: PTH111
