"""Two runs side by side: `python -m dcgan_sweeps.compare A B`.

What differs in configuration, code and environment; scores, tied or not; and a page with curves
over each other and grids of samples side by side.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from dcgan_sweeps.command import OK, Parser, answer
from dcgan_sweeps.config import Fault, RequestError
from dcgan_sweeps.paths import resolve_folder
from dcgan_sweeps.place import add_place, say_variables
from dcgan_sweeps.reporting.comparison import Comparison, Side, compare, read_side
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

CURVES = {
    "score/fcd": "after each epoch; lower is better.",
    "loss/generator": "binary cross-entropy.",
    "loss/discriminator": "binary cross-entropy; balanced it is 0.693.",
}


def main() -> int:
    options = read_options()
    return answer(lambda: compare_runs(options), "interrupted, nothing was written")


def compare_runs(options: argparse.Namespace) -> int:
    """Print and write the comparison and return the exit status; raises RequestError."""
    say_variables(options)
    with answering():
        client = open_store(options.uri, options.dir)
        sides = read_sides(client, options)
        comparison = compare(*sides)
        step = choose_step(sides, options.step)
        path = write_comparison(sides, comparison, step, options)
        moved = find_moved_experiments(client, find_store(options.uri, options.dir))
    show(sides, comparison)
    say = make_say(make_console())
    for fault in moved:
        say(f"pictures are missing: {fault}")
    say(f"side by side: {path.resolve().as_uri()}")
    return OK


def read_options() -> argparse.Namespace:
    parser = Parser(
        "dcgan_sweeps.compare",
        description="Shows what differs between two runs, and their curves, grids and scores.",
        epilog="Exit status: 0 done, 2 a wrong request.",
    )
    what = "best, study:NAME (its best trial) or a run id"
    parser.add_argument("one", metavar="A", help=what)
    parser.add_argument("other", metavar="B", help=what)
    parser.add_argument(
        "--step", type=int, help="the epoch whose grids are shown first (the last that both have)"
    )
    parser.add_argument("--html", metavar="FILE", help="the page (DIR/reports/compare_A_B.html)")
    add_place(parser)
    options = parser.parse_args()
    if options.html is not None and not options.html.endswith(".html"):
        got = options.html or "nothing"
        parser.error(f"--html: got {got}; allowed: a name that ends with .html")
    return options


def read_sides(client: Client, options: argparse.Namespace) -> tuple[Side, Side]:
    """Return the two runs; raises RequestError."""
    found: list[LoggedRun] = []
    faults: list[Fault] = []
    for name, target in (("A", options.one), ("B", options.other)):
        try:
            found.append(find_run(client, options.experiment, target)[0])
        except RequestError as error:
            faults += [Fault(name, fault.problem) for fault in error.faults]
    if faults:
        raise RequestError(faults)
    one, other = (read_side(client, run) for run in found)
    return one, other


def choose_step(sides: tuple[Side, Side], asked: int | None) -> int | None:
    """Return the epoch whose grids are shown first, None where there are no grids; raises
    RequestError for one of which neither run has a grid."""
    one, other = (set(side.media.grids) for side in sides)
    if asked is not None and asked not in one | other:
        allowed = ", ".join(map(str, sorted(one | other))) or "none, these runs have no grids"
        raise RequestError([Fault("--step", f"got {asked}; allowed: {allowed}")])
    return asked if asked is not None else max(one & other or one | other, default=None)


def show(sides: tuple[Side, Side], comparison: Comparison) -> None:
    """Print what differs, and the scores."""
    console = make_console()
    say = make_say(console)
    for name, side in zip("AB", sides, strict=True):
        say(f"{name}  {side.run.run_id}  {side.run.name}  {side.run.outcome or 'not ended'}")
    say("")
    rows = [
        *((each.key, each.one, each.other, each.decisive) for each in comparison.config),
        *(
            (each.fact, each.expected, each.got, each.decisive)
            for each in (*comparison.code, *comparison.environment)
        ),
    ]
    if rows:
        cells = [[*texts, "" if decisive else "changes no result"] for *texts, decisive in rows]
        print_table(console, make_table(("what differs", "A", "B", ""), cells))
    else:
        say("configuration, code and environment are the same")
    say("")
    if comparison.scores:
        scores = [(name, f"{a:.4g}", f"{b:.4g}") for name, a, b in comparison.scores]
        print_table(console, make_table(("score", "A", "B"), scores))
    say(comparison.verdict)


def write_comparison(
    sides: tuple[Side, Side], comparison: Comparison, step: int | None, options: argparse.Namespace
) -> Path:
    """Write the page of two runs; return its path."""
    from dcgan_sweeps.reporting.page import as_image, render_page, write_page

    all_media = [side.media for side in sides]
    ids = [side.run.run_id[:8] for side in sides]
    names = [name for name in CURVES if any(name in each.curves for each in all_media)]
    content = {
        "names": [side.run.name for side in sides],
        "curves": {name: [each.curves.get(name, {}) for each in all_media] for name in names},
        "grids": [
            {epoch: as_image(file) for epoch, file in each.grids.items()} for each in all_media
        ],
        "step": step,
        "figures": {},
    }
    page = render_page(
        "compare",
        f"{ids[0]} and {ids[1]}",
        content,
        comparison=comparison,
        one=sides[0],
        other=sides[1],
        curves=[(name, CURVES[name]) for name in names],
    )
    file = options.html or str(Path(options.dir) / "reports" / f"compare_{ids[0]}_{ids[1]}.html")
    path = resolve_folder("--html", file)
    write_page(path, page)
    return path


if __name__ == "__main__":
    sys.exit(main())
