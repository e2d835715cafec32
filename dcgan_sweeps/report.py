"""The runs in the order of their scores: `python -m dcgan_sweeps.report [study:NAME | RUN_ID ...]`.

Scores of two identities are never ranked together.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from dcgan_sweeps.command import OK, Parser, answer
from dcgan_sweeps.paths import resolve_folder
from dcgan_sweeps.place import add_place, name_place, say_variables
from dcgan_sweeps.reporting.export import LEFT, render_csv, render_json, tabulate
from dcgan_sweeps.reporting.leaderboard import Board, Choice, rank_experiment, rank_runs
from dcgan_sweeps.runs.filters import read_filters
from dcgan_sweeps.runs.selection import STUDY, find_all, is_run_name
from dcgan_sweeps.scoring.noise import TRAINING_NOISE
from dcgan_sweeps.terminal import LiveCount, make_console, make_say, make_table, print_table
from dcgan_sweeps.tracking.secrets import mask_secrets
from dcgan_sweeps.tracking.store import (
    Client,
    answering,
    find_moved_experiments,
    find_store,
    open_store,
)

LIMIT = 100  # of what a person reads; what another program reads is whole


def main() -> int:
    options = read_options()
    return answer(lambda: report(options), "interrupted, nothing was written")


def read_options() -> argparse.Namespace:
    parser = Parser(
        "dcgan_sweeps.report",
        description="Shows runs in the order of their scores, ties marked.",
        epilog="Exit status: 0 done, 2 a wrong request, as runs whose scores cannot be compared.",
    )
    parser.add_argument(
        "selection",
        metavar="TARGET",
        nargs="*",
        help="study:NAME (its trials) or run ids; none: the experiment's complete runs",
    )
    parser.add_argument(
        "--where",
        metavar="FILTER",
        action="append",
        default=[],
        help='such as "optimizer.lr < 1e-3 and outcome = complete"; may be given more than once',
    )
    parser.add_argument("--identity", help="rank by this score identity, or the beginning of it")
    parser.add_argument(
        "--limit", type=int, help=f"the best so many ({LIMIT}; --json, --csv, --html: all)"
    )
    parser.add_argument(
        "--all", action="store_true", help="also the runs of the experiment that are not complete"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON object, with every digit")
    form.add_argument("--csv", action="store_true", help="CSV, with every digit and parameter")
    form.add_argument(
        "--html",
        nargs="?",
        const="",
        metavar="FILE",
        help="a page with figures and pictures, to be opened without a network; of a study also"
        " logged to its parent run (DIR/reports/NAME.html)",
    )
    add_place(parser)
    options = parser.parse_intermixed_args()
    if options.html and is_run_name(options.html):  # --html study:NAME
        options.selection.append(options.html)
        options.html = ""
    if options.html and not options.html.endswith(".html"):
        parser.error(f"--html: got {options.html}; allowed: a name that ends with .html")
    if options.limit is not None and options.limit < 1:
        parser.error(f"--limit: got {options.limit}; allowed: at least 1")
    return options


def report(options: argparse.Namespace) -> int:
    """Print or write what was asked for and return the exit status; raises RequestError."""
    say_variables(options)
    filters = read_filters(options.where)
    is_whole = options.json or options.csv or options.html is not None
    limit = options.limit or (None if is_whole else LIMIT)
    choice = Choice(options.identity, filters, limit, options.all)
    with answering():
        client = open_store(options.uri, options.dir)
        with LiveCount("runs read") as counter:
            board = build_board(client, options, choice, counter)
        if options.json:
            write_out(render_json(board))
        elif options.csv:
            write_out(render_csv(board))
        elif options.html is not None:
            write_html(client, options, board)
        else:
            show(board)
    return OK


def write_out(text: str) -> None:
    """Write text to standard output, as much of it as its reader wants."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def build_board(
    client: Client, options: argparse.Namespace, choice: Choice, counter: LiveCount
) -> Board:
    """Return the runs that were asked for; raises RequestError."""
    if not options.selection:
        return rank_experiment(client, options.experiment, choice, counter.show)
    runs = find_all(client, options.experiment, options.selection, complete=False)
    return rank_runs(runs, choice)


def show(board: Board) -> None:
    """Print the leaderboard, and by what it is ranked."""
    console = make_console()
    say = make_say(console)
    columns = tabulate(board)
    table = make_table(list(columns), list(zip(*columns.values(), strict=True)))
    for index, name in enumerate(columns):
        if name in LEFT:
            table.columns[index].justify = "left"
    print_table(console, table)
    console.print()
    words = f" ({board.description})" if board.description else ""
    say(f"score identity {board.identity}{words}; lower is better")
    if any(row.rank.endswith("=") for row in board.rows):
        noise = f"{2**0.5 * TRAINING_NOISE:.0%}"
        say(f"= are tied: within {noise}, as two seeds of one configuration (docs/score.md)")
    for note in board.notes:
        say(note)


def write_html(client: Client, options: argparse.Namespace, board: Board) -> None:
    """Write the page of a board, and log it to the parent run of a study."""
    # Plotly and Optuna take a second, which the other forms need not wait for.
    from dcgan_sweeps.reporting.page import write_page
    from dcgan_sweeps.reporting.report import read_all_media, render_report
    from dcgan_sweeps.runs.selection import find_parent

    say = make_say(make_console())
    title = name_page(options.selection, options.experiment)
    chosen = [*options.where, options.identity, options.limit, options.all]
    is_whole = not any(chosen)
    slug = re.sub(r"[^A-Za-z0-9.-]+", "_", title)[:80]
    if not is_whole or len(options.selection) > 1:  # a page of its own for each request
        request = repr([options.selection, chosen]).encode()
        slug += f"_{hashlib.sha256(request).hexdigest()[:8]}"
    file = options.html or str(Path(options.dir) / "reports" / f"{slug}.html")
    path = resolve_folder("--html", file)
    with LiveCount("runs with curves and pictures") as counter:
        all_media = read_all_media(client, board, counter.show)
    uri = None if options.uri is None else mask_secrets(options.uri)
    place = name_place(options.dir, uri)
    write_page(path, render_report(title, board, all_media, place))
    say(f"{len(board.rows)} runs, {path.stat().st_size / 1e6:.1f} MB: {path.resolve().as_uri()}")
    for fault in find_moved_experiments(client, find_store(options.uri, options.dir)):
        say(f"pictures are missing, and nothing was logged: {fault}")
        return
    if len(options.selection) == 1 and options.selection[0].startswith(STUDY) and is_whole:
        study = options.selection[0].removeprefix(STUDY)
        parent = find_parent(client, options.experiment, study)
        client.log_artifact(parent.run_id, str(path), "report")
        say(f"logged to the parent run {parent.run_id} as report/{path.name}")


def name_page(selection: Sequence[str], experiment: str) -> str:
    """Return what a report is about, in words."""
    if not selection:
        return f"experiment {experiment}"
    if len(selection) > 3:
        return f"{len(selection)} selected"
    return ", ".join(target.replace(STUDY, "study ") for target in selection)


if __name__ == "__main__":
    sys.exit(main())
