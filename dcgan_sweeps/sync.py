"""Delivers runs and studies to MLflow: `python -m dcgan_sweeps.sync [RUN_FOLDER|study:NAME]`.

It is meant for runs with tracking.offline, and for use after an outage of the tracker.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from dcgan_sweeps.command import FAILURE, OK, Parser, answer
from dcgan_sweeps.place import add_place

if TYPE_CHECKING:
    from dcgan_sweeps.sweep.pending import Pending


def main() -> int:
    parser = Parser(
        "dcgan_sweeps.sync",
        description="Delivers runs and studies to MLflow, by default all that are not delivered"
        " yet. Nothing is delivered twice. Each run goes to the store and experiment recorded in"
        " its folder, unless --uri or --experiment names another.",
        examples=(
            "python -m dcgan_sweeps.sync",
            "python -m dcgan_sweeps.sync study:lr",
            "python -m dcgan_sweeps.sync --uri http://127.0.0.1:5000",
        ),
        status="0 every run is delivered, 1 the tracker failed, 2 wrong request",
    )
    parser.add_argument(
        "targets",
        metavar="RUN_FOLDER|study:NAME",
        nargs="*",
        help="the folder of a run, or a study with its trials (default: everything in --dir)",
    )
    add_place(
        parser,
        uri="MLflow store to deliver to (default: the one in the run's folder)",
        experiment="experiment to deliver to (default: the one in the run's folder)",
    )
    # Each run folder records where the run is tracked; only the command line overrides that.
    parser.set_defaults(uri=None, experiment=None)
    said = "interrupted; run the same command again to deliver the rest"
    return answer(lambda: sync(parser.parse_args()), said)


def sync(options: argparse.Namespace) -> int:
    """Deliver the requested runs and return the exit status; raises RequestError."""
    from dcgan_sweeps.sweep.pending import Where, find_pending, read_targets
    from dcgan_sweeps.terminal import make_console, make_say
    from dcgan_sweeps.tracking.inspection import find_reason

    say = make_say(make_console())
    where = Where(options.dir, options.uri, options.experiment)
    found = read_targets(options.targets, where) if options.targets else find_pending(where)
    if not found:
        say(f"all runs in {options.dir} are delivered")
        return OK
    failed = 0
    for number, each in enumerate(found, 1):
        try:
            text = deliver(each)
        except Exception as error:  # whatever a tracker raises
            failed += 1
            text = f"not delivered: {find_reason(error)}"
        say(f"{number}/{len(found)}  {each.folder.root}  {text}")
    say(f"{len(found) - failed} of {len(found)} delivered")
    return FAILURE if failed else OK


def deliver(pending: Pending) -> str:
    """Deliver one run and return a description of its state; raises what MLflow raises."""
    from dcgan_sweeps.tracking.best_model import BestModel

    pending.update()
    if isinstance(pending.part, BestModel):
        return pending.part.address or "the best trial has logged no generator"
    ending = pending.folder.read_ending()
    run = f"run {pending.folder.read_run_id()}"
    if ending is None:
        return (
            f"{run}, which has not ended; resume it, or run"
            " python -m dcgan_sweeps.doctor --close-stale"
        )
    return f"{run}, {ending.outcome}"


if __name__ == "__main__":
    sys.exit(main())
