"""Scores logged generators again: `python -m dcgan_sweeps.score RUN_ID ... [score.key=value]`.

This is for use after a change of the score, or with another number of images. Scores of a new
identity are logged in addition to the existing ones.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dcgan_sweeps.command import FAILURE, OK, Parser, answer, started
from dcgan_sweeps.composition.command_line import compose_request
from dcgan_sweeps.config.faults import Fault, refuse, require_none
from dcgan_sweeps.config.schema import Config
from dcgan_sweeps.place import add_place, say_variables
from dcgan_sweeps.terminal import make_console, make_say, make_table

if TYPE_CHECKING:
    from dcgan_sweeps.runs.logged_run import LoggedRun
    from dcgan_sweeps.tracking.store import Client

# Parameters that tell which images a run was trained on, and for how many epochs.
NEEDED = ("data.name", "data.count", "data.limit", "seed", "train.epochs")
# Keys that may be overridden; the run's own configuration decides all others.
GROUPS = ("score", "runner", "data.dir")


def main() -> int:
    options = read_options()
    said = "interrupted; the runs scored so far are logged, repeat the command to score the others"
    return answer(lambda: score(options), said)


def read_options() -> argparse.Namespace:
    parser = Parser(
        "dcgan_sweeps.score",
        description="Scores logged generators again, and logs the scores in addition to the"
        " existing ones.",
        examples=(
            "python -m dcgan_sweeps.score RUN_ID score.count=2000",
            "python -m dcgan_sweeps.score study:lr",
        ),
        status="0 done, 1 the store failed, 2 wrong request, 130 interrupted",
    )
    parser.add_argument(
        "words",
        metavar="TARGET|KEY=VALUE",
        nargs="+",
        help="run ids, best or study:NAME (its complete trials); overrides such as"
        " score.count=2000",
    )
    add_place(parser)
    return parser.parse_intermixed_args()


def score(options: argparse.Namespace) -> int:
    """Score the selected runs and return the exit status; raises RequestError."""
    from dcgan_sweeps.runs.selection import find_all
    from dcgan_sweeps.tracking.store import StoreFailedError, answering, open_store, store_failures

    console = make_console()
    words = [word for word in options.words if "=" in word]
    selection = [word for word in options.words if "=" not in word]
    config = read_config(words)
    if not selection:
        raise refuse("TARGET", "got none; allowed: run ids, best, study:NAME")
    say_variables(options)
    with answering():
        client = open_store(options.uri, options.dir)
        runs = find_all(client, options.experiment, selection)
        require_scorable(client, runs)
    from dcgan_sweeps.device import set_up_device

    make_say(console)(set_up_device(config.runner).describe())
    from dcgan_sweeps.execution.rescoring import COLUMNS, load_all, score_all

    with answering():
        loaded = load_all(client, runs, config, console)
    try:
        with store_failures(), started():
            rows = score_all(client, loaded, console)
    except StoreFailedError as error:
        make_say(console)(f"{error}; the runs scored so far are logged")
        return FAILURE
    console.print()
    console.print(make_table(COLUMNS, rows, left=("run", "name")))
    return OK


def read_config(words: Sequence[str]) -> Config:
    """Return the default configuration with these overrides; raises RequestError."""
    faults = [
        Fault(word, f"cannot be overridden here; allowed: {', '.join(GROUPS)}")
        for word in words
        if not word.lstrip("+").startswith(GROUPS)
    ]
    require_none(faults)
    config: Config = compose_request("config", words)
    if config.score.name == "none":
        raise refuse("score", "got none; allowed: fcd")
    return config


def require_scorable(client: Client, runs: Sequence[LoggedRun]) -> None:
    """Raise RequestError with a fault for each run that has no generator or is not complete."""
    require_none(
        [
            Fault("TARGET", f"got {run.run_id}, {obstacle}")
            for run in runs
            if (obstacle := find_obstacle(client, run))
        ]
    )


def find_obstacle(client: Client, run: LoggedRun) -> str | None:
    """Return the reason why a run cannot be scored again, None if it can."""
    from dcgan_sweeps.tracking.present import find_generator

    if run.outcome != "complete":
        return f"which is {run.outcome or run.status.lower()}; allowed: complete runs"
    if find_generator(client, run.run_id) is None:
        return "which logged no generator"
    missing = [key for key in NEEDED if key not in run.params]
    if missing:
        return f"which did not log {', '.join(missing)}"
    epochs = run.params["train.epochs"]
    return None if re.fullmatch("[0-9]{1,9}", epochs) else f"which logged train.epochs={epochs}"


if __name__ == "__main__":
    sys.exit(main())
