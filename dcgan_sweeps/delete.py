"""Deletes runs and studies: `python -m dcgan_sweeps.delete study:NAME | RUN_ID`."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from dcgan_sweeps.command import FAILURE, OK, Parser, WorkFailed, answer, started
from dcgan_sweeps.config.faults import Fault, RequestError, refuse, require_none
from dcgan_sweeps.place import add_place, say_variables

if TYPE_CHECKING:
    from dcgan_sweeps.sweep.removal import Removal


def main() -> int:
    parser = Parser(
        "dcgan_sweeps.delete",
        description="Deletes runs and studies, after asking. In MLflow they go to the trash, which"
        " `mlflow gc` empties; the folder of the run, or of the study with its trials and its"
        " journal, is deleted for good. A registered model stays.",
        examples=(
            "python -m dcgan_sweeps.delete study:lr",
            "python -m dcgan_sweeps.delete RUN_ID --yes",
        ),
        status="0 deleted, 1 the answer was no, or deleting failed, 2 wrong request",
    )
    parser.add_argument(
        "targets",
        metavar="study:NAME|RUN_ID|RUN_FOLDER",
        nargs="+",
        help="a study with its trials, or a run by its id (or its first 8 digits) or folder",
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    add_place(parser)
    said = "interrupted; run the same command again to delete the rest"
    return answer(lambda: delete(parser.parse_args()), said)


def delete(options: argparse.Namespace) -> int:
    """Delete the targets and return the exit status; raises RequestError."""
    from dcgan_sweeps.terminal import make_console, make_say
    from dcgan_sweeps.tracking.store import StoreFailedError, store_failures

    if not options.yes and not sys.stdin.isatty():
        raise refuse("--yes", "is needed here: the input is no terminal, so nobody can be asked")
    say_variables(options)
    say = make_say(make_console())
    found = plan(options)
    for each in found:
        say(each.describe())
    if not options.yes and not confirm():
        say("nothing was deleted")
        return FAILURE
    for each in found:
        try:
            with started(), store_failures():
                each.remove()
        except StoreFailedError as error:
            raise WorkFailed(f"{error}; run the same command again") from error
        say(f"deleted {each.name}")
    return OK


def plan(options: argparse.Namespace) -> list[Removal]:
    """Return the removal of each target; raises RequestError with the faults of all."""
    from dcgan_sweeps.runs.selection import Place
    from dcgan_sweeps.sweep.removal import is_local, plan_removal
    from dcgan_sweeps.tracking.store import answering, find_store, open_store

    place = Place(options.dir, options.uri, options.experiment)
    found: list[Removal] = []
    faults: list[Fault] = []
    with answering():
        is_needed = not all(map(is_local, options.targets))
        is_there = find_store(options.uri, options.dir).exists
        client = open_store(options.uri, options.dir) if is_needed or is_there else None
        for target in dict.fromkeys(options.targets):
            try:
                found.append(plan_removal(client, place, target))
            except RequestError as error:
                faults += error.faults
    require_none(faults)
    return found


def confirm() -> bool:
    """Ask on the terminal, and return whether the answer is yes."""
    try:
        return input("Delete? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


if __name__ == "__main__":
    sys.exit(main())
