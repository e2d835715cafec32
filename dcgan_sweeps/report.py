"""The runs in the order of their scores: `python -m dcgan_sweeps.report [study:NAME | RUN_ID ...]`.

Scores of two identities are never ranked together.
"""

from __future__ import annotations

import argparse
import sys

from dcgan_sweeps.command import DONE, add_place, report_faults, take_signals
from dcgan_sweeps.config import RequestError
from dcgan_sweeps.reporting.leaderboard import COLUMNS, Board, rank_experiment, rank_runs
from dcgan_sweeps.score.noise import TRAINING_NOISE
from dcgan_sweeps.terminal import make_console, make_say, make_table
from dcgan_sweeps.tracking.store import answering, open_store
from dcgan_sweeps.tracking.targets import find_all

LIMIT, MOST = 100, 10_000


def main() -> int:
    options = read_options()
    take_signals()
    try:
        show(find_board(options))
    except RequestError as error:
        return report_faults(error.faults)
    return DONE


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "dcgan_sweeps.report",
        description="Shows runs in the order of their scores, ties marked.",
        epilog="Exit status: 0 done, 2 a wrong request, as runs whose scores cannot be compared.",
    )
    parser.add_argument(
        "targets",
        metavar="TARGET",
        nargs="*",
        help="study:NAME (its complete trials) or run ids; none: the experiment's complete runs",
    )
    parser.add_argument("--identity", help="rank by this score identity, or the beginning of it")
    parser.add_argument("--limit", type=int, default=LIMIT, help=f"the best so many ({LIMIT})")
    add_place(parser)
    options = parser.parse_intermixed_args()
    if not 1 <= options.limit <= MOST:
        parser.error(f"--limit: got {options.limit}; allowed: 1 to {MOST}")
    return options


def find_board(options: argparse.Namespace) -> Board:
    """Return what was asked for; raises RequestError."""
    with answering():
        client = open_store(options.uri, options.dir)
        if not options.targets:
            return rank_experiment(client, options.experiment, options.identity, options.limit)
        runs = find_all(client, options.experiment, options.targets)
        return rank_runs(runs, options.identity, options.limit)


def show(board: Board) -> None:
    """Print the leaderboard, and by what it is ranked."""
    console = make_console()
    say = make_say(console)
    table = make_table(COLUMNS, [row.as_text() for row in board.rows])
    for index in (1, 2):
        table.columns[index].justify = "left"
    console.print(table)
    console.print()
    words = f" ({board.description})" if board.description else ""
    say(f"score identity {board.identity}{words}; lower is better")
    if any(row.rank.endswith("=") for row in board.rows):
        noise = f"{2**0.5 * TRAINING_NOISE:.0%}"
        say(f"= are tied: within {noise}, as two seeds of one configuration (docs/score.md)")
    if board.left_out:
        say(board.left_out)


if __name__ == "__main__":
    sys.exit(main())
