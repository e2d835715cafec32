"""Lists configurations by score: `python -m dcgan_sweeps.report [study:NAME | RUN_ID ...]`.

Runs that differ in nothing but their seed are one row, with their mean. Scores of different
identities are never ranked together.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import os
import re
import sys

from dcgan_sweeps.command import OK, Parser, answer
from dcgan_sweeps.metrics import METRICS, SCORE
from dcgan_sweeps.place import add_place, name_place, say_variables
from dcgan_sweeps.reporting.confirmation import (
    Confirmation,
    describe_confirmation,
    read_confirmation,
)
from dcgan_sweeps.reporting.export import (
    make_board_table,
    make_columns,
    make_legend,
    render_csv,
    render_json,
)
from dcgan_sweeps.reporting.leaderboard import (
    Board,
    Choice,
    mark_inactive,
    rank_experiment,
    rank_runs,
    read_conditions,
)
from dcgan_sweeps.reporting.page import choose_page, write_page
from dcgan_sweeps.runs.filters import read_filters
from dcgan_sweeps.runs.selection import STUDY, find_all, find_parent, is_run_name
from dcgan_sweeps.secrets import mask_secrets
from dcgan_sweeps.terminal import make_console, make_say, print_table
from dcgan_sweeps.tracking.folder import STUDY as STUDY_TAG
from dcgan_sweeps.tracking.store import (
    Client,
    answering,
    find_moved_experiments,
    find_store,
    open_store,
)

BY = ("configuration", "run")
LIMIT = 100  # rows of the printed table; --json, --csv and --html have all


def main() -> int:
    options = read_options()
    return answer(lambda: report(options), "interrupted; nothing was written")


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
        description="Lists configurations by the mean score of their seeds, with ties marked, as a"
        " table, JSON, CSV or an HTML page.",
        examples=(
            "python -m dcgan_sweeps.report",
            "python -m dcgan_sweeps.report study:lr --html",
            'python -m dcgan_sweeps.report --where "lr < 1e-3" --csv',
        ),
        status="0 done, 2 wrong request, or scores that cannot be compared",
    )
    add = parser.add_argument
    selection = "study:NAME (its trials) or run ids (default: all complete runs of the experiment)"
    add("selection", metavar="TARGET", nargs="*", help=selection)
    where = (
        'filter such as "lr < 1e-3 and outcome = complete", with a heading of the table or any key;'
        " may be given more than once"
    )
    add("--where", metavar="FILTER", action="append", default=[], help=where)
    identity = (
        "score identity to rank by, or its beginning (default: the one that all runs have, or"
        " that of the newest complete run)"
    )
    add("--identity", help=identity)
    by = "what has a row: configuration, with the mean of its seeds (default), or run"
    add("--by", choices=BY, default=BY[0], help=by)
    limit = f"show at most LIMIT rows (default: {LIMIT}; with --json, --csv or --html: all)"
    add("--limit", type=int, help=limit)
    add("--all", action="store_true", help="include runs of the experiment that are not complete")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON, with every digit")
    form.add_argument("--csv", action="store_true", help="print CSV, with every digit")
    page = (
        "write a page with figures and samples that opens offline; the page of a study is also"
        " logged to its parent run (default: DIR/reports/NAME.html)"
    )
    form.add_argument("--html", nargs="?", const="", metavar="FILE", help=page)
    add_place(parser)
    return parser


def report(options: argparse.Namespace) -> int:
    """Print or write the requested report and return the exit status; raises RequestError."""
    say_variables(options)
    filters = read_filters(options.where)
    is_whole = options.json or options.csv or options.html is not None
    limit = options.limit or (None if is_whole else LIMIT)
    choice = Choice(options.identity, filters, limit, options.all, options.by == "run")
    with answering():
        client = open_store(options.uri, options.dir)
        if options.selection:
            runs = find_all(client, options.experiment, options.selection, complete=False)
            board = rank_runs(runs, choice)
        else:
            board = rank_experiment(client, options.experiment, choice)
        if any(row.run.tags.get(STUDY_TAG) for row in board.rows):
            board = mark_inactive(board, read_conditions(client, options.experiment))
        shown = read_shown_confirmation(client, options)
        if shown is not None:
            board = dataclasses.replace(board, confirmation=describe_confirmation(shown))
        if options.json or options.csv:
            write_out(render_json(board) if options.json else render_csv(board))
        elif options.html is not None:
            write_html(client, options, board, shown)
        else:
            show(board)
    return OK


def write_out(text: str) -> None:
    """Write text to standard output until its reader closes the pipe."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes standard output once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def show(board: Board) -> None:
    """Print the leaderboard and the identity of its scores."""
    console = make_console()
    say = make_say(console)
    print_table(console, make_board_table(board))
    console.print()
    legend = make_legend(make_columns(board))
    if legend:
        say(legend)
    say(f"{board.score_identity}; {METRICS[SCORE].better} is better")
    for note in filter(None, [board.tie_rule, *board.notes]):
        say(note)


def read_shown_confirmation(client: Client, options: argparse.Namespace) -> Confirmation | None:
    """Return the confirmation of the study that is shown alone, None if there is none."""
    if [target.startswith(STUDY) for target in options.selection] != [True]:
        return None
    return read_confirmation(client, options.experiment, options.selection[0].removeprefix(STUDY))


def write_html(
    client: Client, options: argparse.Namespace, board: Board, confirmation: Confirmation | None
) -> None:
    """Write the page of a board, and log it to the parent run of a study."""
    # Importing Optuna takes a second, and no other format needs them.
    from dcgan_sweeps.reporting.leaderboard_page import read_all_media, render_board

    say = make_say(make_console())
    path = choose_page(options.html or None, options.dir, name_file(options))
    all_media = read_all_media(client, board)
    uri = None if options.uri is None else mask_secrets(options.uri)
    place = name_place(options.dir, uri)
    write_page(path, render_board(name_page(options), board, all_media, place, confirmation))
    size = f"{len(board.runs)} runs, {path.stat().st_size / 1e6:.1f} MB"
    say(f"report written ({size}): {path.resolve().as_uri()}")
    for fault in find_moved_experiments(client, find_store(options.uri, options.dir)):
        say(f"images are missing, and the report was not logged: {fault}")
        return
    if [target.startswith(STUDY) for target in options.selection] == [True] and is_all(options):
        study = options.selection[0].removeprefix(STUDY)
        parent = find_parent(client, options.experiment, study)
        client.log_artifact(parent.run_id, str(path), "report")
        say(f"logged to the parent run {parent.run_id} as report/{path.name}")


def is_all(options: argparse.Namespace) -> bool:
    """Return whether a report has all runs of its selection."""
    return not any(list_choices(options))


def list_choices(options: argparse.Namespace) -> list[object]:
    """Return the options that change the rows of a report, each false where it is not given."""
    by_run = options.by if options.by != BY[0] else None
    return [*options.where, options.identity, options.limit, options.all, by_run]


def name_page(options: argparse.Namespace) -> str:
    """Return the title of a report."""
    if not options.selection:
        return f"experiment {options.experiment}"
    if len(options.selection) > 3:
        return f"{len(options.selection)} runs and studies"
    return ", ".join(target.replace(STUDY, "study ") for target in options.selection)


def name_file(options: argparse.Namespace) -> str:
    """Return the file name of a report's page, without its ending; each selection has its own."""
    slug = re.sub(r"[^A-Za-z0-9.-]+", "_", name_page(options))[:80]
    if is_all(options) and len(options.selection) < 2:
        return slug
    request = repr([options.selection, list_choices(options)]).encode()
    return f"{slug}_{hashlib.sha256(request).hexdigest()[:8]}"


if __name__ == "__main__":
    sys.exit(main())
