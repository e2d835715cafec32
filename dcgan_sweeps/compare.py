"""Compares two to six runs: `python -m dcgan_sweeps.compare A B ...`.

Prints the differences in configuration, code and environment, and the scores with their ties.
Writes a page with the curves of all runs in one plot and their sample grids side by side.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from dcgan_sweeps.command import OK, Parser, answer
from dcgan_sweeps.config.faults import Fault, RequestError, refuse
from dcgan_sweeps.metrics import CURVES
from dcgan_sweeps.place import add_place, say_variables
from dcgan_sweeps.reporting.comparison import (
    LETTERS,
    NOTE,
    RunComparison,
    Side,
    compare,
    read_side,
)
from dcgan_sweeps.reporting.media import describe_media
from dcgan_sweeps.reporting.page import choose_page, render_page, write_page
from dcgan_sweeps.runs.logged_run import LoggedRun
from dcgan_sweeps.runs.selection import find_run
from dcgan_sweeps.terminal import make_console, make_say, make_table, print_table
from dcgan_sweeps.tracking.store import (
    Client,
    answering,
    find_moved_experiments,
    find_store,
    open_store,
)

FEWEST = 2  # runs


def main() -> int:
    options = read_options()
    return answer(lambda: compare_runs(options), "interrupted; nothing was written")


def read_options() -> argparse.Namespace:
    parser = Parser(
        "dcgan_sweeps.compare",
        description="Compares two to six runs: prints the differences and scores, and writes a page"
        " with curves and samples.",
        examples=(
            "python -m dcgan_sweeps.compare study:lr best",
            "python -m dcgan_sweeps.compare RUN_ID OTHER_RUN_ID THIRD_RUN_ID --html compare.html",
        ),
        status="0 done, 2 wrong request",
    )
    what = "two to six of: best, latest, study:NAME (its best trial) or a run id"
    parser.add_argument("runs", metavar="RUN", nargs="*", help=what)
    parser.add_argument(
        "--step",
        type=int,
        help="epoch of the sample grids that are shown first (default: the last that all have)",
    )
    parser.add_argument(
        "--html",
        metavar="FILE",
        help="file of the page (default: DIR/reports/compare_A_B.html, named by the run ids)",
    )
    add_place(parser)
    options = parser.parse_intermixed_args()
    if not FEWEST <= len(options.runs) <= len(LETTERS):
        count = "1 run" if len(options.runs) == 1 else f"{len(options.runs)} runs"
        parser.error(f"RUN: got {count}; allowed: {FEWEST} to {len(LETTERS)}")
    return options


def compare_runs(options: argparse.Namespace) -> int:
    """Print and write the comparison, and return the exit status; raises RequestError."""
    say_variables(options)
    with answering():
        client = open_store(options.uri, options.dir)
        sides = read_sides(client, options)
        name = "_".join(side.run.run_id[:8] for side in sides)
        path = choose_page(options.html, options.dir, f"compare_{name}")
        comparison = compare(sides)
        write_page(path, render_comparison(sides, comparison, choose_step(sides, options.step)))
        moved = find_moved_experiments(client, find_store(options.uri, options.dir))
    show(sides, comparison)
    say = make_say(make_console())
    for fault in moved:
        say(f"images are missing: {fault}")
    say(f"comparison written: {path.resolve().as_uri()}")
    return OK


def read_sides(client: Client, options: argparse.Namespace) -> list[Side]:
    """Return the runs; raises RequestError."""
    found: dict[str, LoggedRun] = {}
    faults: list[Fault] = []
    for letter, target in zip(LETTERS, options.runs, strict=False):
        try:
            run = find_run(client, options.experiment, target)[0]
        except RequestError as error:
            faults += [Fault(letter, fault.problem) for fault in error.faults]
            continue
        same = [other for other, known in found.items() if known.run_id == run.run_id]
        if same:
            problem = f"got {target}, which is the same run as {same[0]}: {run.run_id}, {run.name}"
            faults.append(Fault(letter, f"{problem}; allowed: another run"))
        found[letter] = run
    if faults:
        raise RequestError(faults)
    return [read_side(client, run) for run in found.values()]


def choose_step(sides: Sequence[Side], asked: int | None) -> int | None:
    """Return the epoch of the grids that are shown first, None if there are no grids.

    Raises RequestError for an epoch of which no run has a grid.
    """
    epochs = [set(side.media.grids) for side in sides]
    known, shared = set().union(*epochs), set.intersection(*epochs)
    if asked is not None and asked not in known:
        allowed = ", ".join(map(str, sorted(known))) or "none, since these runs have no grids"
        raise refuse("--step", f"got {asked}; allowed: {allowed}")
    return asked if asked is not None else max(shared or known, default=None)


def show(sides: Sequence[Side], comparison: RunComparison) -> None:
    """Print the differences and the scores."""
    console = make_console()
    say = make_say(console)
    letters = LETTERS[: len(sides)]
    for name, side in zip(letters, sides, strict=True):
        say(f"{name}  {side.run.run_id}  {side.run.name}  {side.run.outcome or 'unfinished'}")
    say("")
    rows = [
        (each.fact, *each.values, "" if each.decisive else "does not change results")
        for each in (*comparison.config, *comparison.code, *comparison.environment)
    ]
    if rows:
        print_table(console, make_table(("difference", *letters, ""), rows))
    else:
        say("configuration, code and environment are the same")
    say("")
    if comparison.scores:
        lines = [(line.name, *line.texts) for line in comparison.scores]
        print_table(console, make_table(("score", *letters), lines))
        say(NOTE)
    for line in filter(None, [comparison.verdict, comparison.means]):
        say(line)


def render_comparison(sides: Sequence[Side], comparison: RunComparison, step: int | None) -> str:
    """Return the page of some runs; `step` is the epoch of the grids that are shown first."""
    all_media = [describe_media(side.media) for side in sides]
    names = [side.run.name for side in sides]
    return render_page(
        "compare",
        join([side.run.run_id[:8] for side in sides]),
        {"names": names, "media": all_media, "step": step},
        comparison=comparison,
        sides=sides,
        letters=LETTERS[: len(sides)],
        note=NOTE,
        curves=[each for each in CURVES if any(each.name in side["curves"] for side in all_media)],
    )


def join(words: Sequence[str]) -> str:
    """Return words as a list in a sentence."""
    return f"{', '.join(words[:-1])} and {words[-1]}"


if __name__ == "__main__":
    sys.exit(main())
