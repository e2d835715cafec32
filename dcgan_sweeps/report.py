"""The runs in the order of their scores: `python -m dcgan_sweeps.report [study:NAME | RUN_ID ...]`.

Scores of two identities are never ranked together.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import sys

from dcgan_sweeps.command import OK, Parser, answer
from dcgan_sweeps.metrics import METRICS, SCORE
from dcgan_sweeps.place import add_place, name_place, say_variables
from dcgan_sweeps.reporting.export import make_board_table, render_csv, render_json
from dcgan_sweeps.reporting.leaderboard import Board, Choice, rank_experiment, rank_runs
from dcgan_sweeps.reporting.page import choose_page, write_page
from dcgan_sweeps.runs.filters import read_filters
from dcgan_sweeps.runs.selection import STUDY, find_all, find_parent, is_run_name
from dcgan_sweeps.scoring.noise import TRAINING_NOISE
from dcgan_sweeps.secrets import mask_secrets
from dcgan_sweeps.terminal import make_console, make_say, print_table
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
    parser = make_parser()
    options = parser.parse_intermixed_args()
    if options.html and is_run_name(options.html):  # --html study:NAME
        options.selection.append(options.html)
        options.html = ""
    if options.limit is not None and options.limit < 1:
        parser.error(f"--limit: got {options.limit}; allowed: at least 1")
    return options


def make_parser() -> Parser:
    parser = Parser(
        "dcgan_sweeps.report",
        description="Shows runs in the order of their scores, ties marked.",
        epilog="Exit status: 0 done, 2 a wrong request, as runs whose scores cannot be compared.",
    )
    add = parser.add_argument
    selection = "study:NAME (its trials) or run ids; none: the experiment's complete runs"
    add("selection", metavar="TARGET", nargs="*", help=selection)
    where = 'such as "optimizer.lr < 1e-3 and outcome = complete"; may be given more than once'
    add("--where", metavar="FILTER", action="append", default=[], help=where)
    add("--identity", help="rank by this score identity, or the beginning of it")
    add("--limit", type=int, help=f"the best so many ({LIMIT}; --json, --csv, --html: all)")
    add("--all", action="store_true", help="also the experiment's runs that are not complete")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON object, with every digit")
    form.add_argument("--csv", action="store_true", help="CSV, with every digit and parameter")
    page = (
        "a page with figures and pictures, to be opened without a network; of a study also"
        " logged to its parent run (DIR/reports/NAME.html)"
    )
    form.add_argument("--html", nargs="?", const="", metavar="FILE", help=page)
    add_place(parser)
    return parser


def report(options: argparse.Namespace) -> int:
    """Print or write what was asked for and return the exit status; raises RequestError."""
    say_variables(options)
    filters = read_filters(options.where)
    is_whole = options.json or options.csv or options.html is not None
    limit = options.limit or (None if is_whole else LIMIT)
    choice = Choice(options.identity, filters, limit, options.all)
    with answering():
        client = open_store(options.uri, options.dir)
        if options.selection:
            runs = find_all(client, options.experiment, options.selection, complete=False)
            board = rank_runs(runs, choice)
        else:
            board = rank_experiment(client, options.experiment, choice)
        if options.json or options.csv:
            write_out(render_json(board) if options.json else render_csv(board))
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


def show(board: Board) -> None:
    """Print the leaderboard, and by what it is ranked."""
    console = make_console()
    say = make_say(console)
    print_table(console, make_board_table(board))
    console.print()
    say(f"{board.score_identity}; {METRICS[SCORE].better} is better")
    if any(row.rank.endswith("=") for row in board.rows):
        noise = f"{2**0.5 * TRAINING_NOISE:.0%}"
        say(f"= are tied: within {noise}, as two seeds of one configuration (docs/score.md)")
    for note in board.notes:
        say(note)


def write_html(client: Client, options: argparse.Namespace, board: Board) -> None:
    """Write the page of a board, and log it to the parent run of a study."""
    # Plotly and Optuna take a second, which the other forms need not wait for.
    from dcgan_sweeps.reporting.leaderboard_page import read_all_media, render_board

    say = make_say(make_console())
    path = choose_page(options.html or None, options.dir, name_file(options))
    all_media = read_all_media(client, board)
    uri = None if options.uri is None else mask_secrets(options.uri)
    place = name_place(options.dir, uri)
    write_page(path, render_board(name_page(options), board, all_media, place))
    say(f"{len(board.rows)} runs, {path.stat().st_size / 1e6:.1f} MB: {path.resolve().as_uri()}")
    for fault in find_moved_experiments(client, find_store(options.uri, options.dir)):
        say(f"pictures are missing, and nothing was logged: {fault}")
        return
    if [target.startswith(STUDY) for target in options.selection] == [True] and is_all(options):
        study = options.selection[0].removeprefix(STUDY)
        parent = find_parent(client, options.experiment, study)
        client.log_artifact(parent.run_id, str(path), "report")
        say(f"logged to the parent run {parent.run_id} as report/{path.name}")


def is_all(options: argparse.Namespace) -> bool:
    """Return whether a report is of all runs of its selection."""
    return not any([*options.where, options.identity, options.limit, options.all])


def name_page(options: argparse.Namespace) -> str:
    """Return what a report is about, in words."""
    if not options.selection:
        return f"experiment {options.experiment}"
    if len(options.selection) > 3:
        return f"{len(options.selection)} runs and studies"
    return ", ".join(target.replace(STUDY, "study ") for target in options.selection)


def name_file(options: argparse.Namespace) -> str:
    """Return the name of a report's page: each selection of runs has its own."""
    slug = re.sub(r"[^A-Za-z0-9.-]+", "_", name_page(options))[:80]
    if is_all(options) and len(options.selection) < 2:
        return slug
    chosen = [*options.where, options.identity, options.limit, options.all]
    request = repr([options.selection, chosen]).encode()
    return f"{slug}_{hashlib.sha256(request).hexdigest()[:8]}"


if __name__ == "__main__":
    sys.exit(main())
