"""Scores logged generators again: `python -m dcgan_sweeps.score RUN_ID ... [score.key=value]`.

After a change of the score, or on another count: the new identity is logged beside the old.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dcgan_sweeps.command import FAILURE, OK, Parser, answer, started
from dcgan_sweeps.composition.command_line import compose_request
from dcgan_sweeps.composition.grammar import quote
from dcgan_sweeps.config import Config, Fault, RequestError, refuse, require_none
from dcgan_sweeps.place import add_place, say_variables

if TYPE_CHECKING:
    from rich.console import Console

    from dcgan_sweeps.execution.rescoring import Judged, Loaded
    from dcgan_sweeps.runs.logged_run import LoggedRun
    from dcgan_sweeps.scoring.fcd import Scorer
    from dcgan_sweeps.tracking.store import Client

# What says which images a run was trained on, and for how long.
NEEDED = ("data.name", "data.count", "data.limit", "seed", "train.epochs")
# What a run's own configuration does not decide here.
GROUPS = ("score", "runner", "data.dir")


def main() -> int:
    options = read_options()
    said = "interrupted; what was scored is logged, the same command does the rest"
    return answer(lambda: score(options), said)


def read_options() -> argparse.Namespace:
    parser = Parser(
        "dcgan_sweeps.score",
        description="Scores logged generators again, and logs that beside what they have.",
        epilog="Exit status: 0 done, 1 the store failed, 2 a wrong request.",
    )
    parser.add_argument(
        "words",
        metavar="TARGET|KEY=VALUE",
        nargs="+",
        help="a run id, best, study:NAME (each complete trial); overrides such as score.count=2000",
    )
    add_place(parser)
    return parser.parse_intermixed_args()


def score(options: argparse.Namespace) -> int:
    """Score what was asked for and return the exit status; raises RequestError."""
    from dcgan_sweeps.runs.selection import find_all
    from dcgan_sweeps.terminal import make_console, make_say, make_table
    from dcgan_sweeps.tracking.store import StoreFailedError, answering, open_store, store_failures

    console = make_console()
    words = [word for word in options.words if "=" in word]
    selection = [word for word in options.words if "=" not in word]
    config = read_config(words)
    if not selection:
        raise refuse("TARGET", "got none; name a run id, best or study:NAME")
    say_variables(options)
    with answering():
        client = open_store(options.uri, options.dir)
        runs = find_all(client, options.experiment, selection)
        require_scorable(client, runs)
    from dcgan_sweeps.device import set_up_device

    make_say(console)(set_up_device(config.runner).describe())
    with answering():
        pairs = load_all(client, runs, Judges(config), console)
    try:
        with store_failures(), started():
            rows = score_runs(client, pairs, console)
    except StoreFailedError as error:
        make_say(console)(f"{error}; what was scored before is logged")
        return FAILURE
    console.print()
    table = make_table(COLUMNS, rows)
    table.columns[1].justify = "left"
    console.print(table)
    return OK


def read_config(words: Sequence[str]) -> Config:
    """Return the default configuration with these overrides; raises RequestError."""
    faults = [
        Fault(word, f"is decided by the run itself; allowed: {', '.join(GROUPS)}")
        for word in words
        if not word.lstrip("+").startswith(GROUPS)
    ]
    require_none(faults)
    config: Config = compose_request("config", words)
    if config.score.name == "none":
        raise refuse("score", "got none; there is nothing to score by")
    return config


def require_scorable(client: Client, runs: Sequence[LoggedRun]) -> None:
    """Raise RequestError with a fault for each run that has no generator, or is not complete."""
    from dcgan_sweeps.runs.logged_run import find_generator

    faults = []
    for run in runs:
        if run.outcome != "complete":
            state = run.outcome or run.status.lower()
            problem = f"got {run.run_id}, which is {state}; allowed: complete runs"
            faults.append(Fault("TARGET", problem))
        elif find_generator(client, run) is None:
            problem = f"got {run.run_id}, which logged no generator"
            faults.append(Fault("TARGET", problem))
        else:
            missing = [key for key in NEEDED if key not in run.params]
            if not missing and not run.params["train.epochs"].isdecimal():
                problem = f"got {run.run_id}, whose train.epochs is {run.params['train.epochs']}"
                faults.append(Fault("TARGET", problem))
            if missing:
                problem = f"got {run.run_id}, which did not log {', '.join(missing)}"
                faults.append(Fault("TARGET", problem))
    require_none(faults)


COLUMNS = ("run", "name", "identity", "fcd", "fcd_test", "share", "own fcd")


def load_all(
    client: Client, runs: Sequence[LoggedRun], judges: Judges, console: Console
) -> list[Loaded]:
    """Return each run with its generator and what it is scored with, before any is scored.

    Raises RequestError with a fault for each that cannot be loaded.
    """
    from dcgan_sweeps.execution.rescoring import Loaded, load_generator

    loaded: list[Loaded] = []
    faults: list[Fault] = []
    for run in runs:
        try:
            generator = load_generator(client, run)
            loaded.append(Loaded(run, generator, judges.find(run, console)))
        except RequestError as error:
            faults += error.faults
    require_none(faults)
    return loaded


def score_runs(client: Client, loaded: Sequence[Loaded], console: Console) -> list[tuple[str, ...]]:
    """Score each run and return its row under COLUMNS."""
    from dcgan_sweeps.execution.rescoring import rescore
    from dcgan_sweeps.metrics import SCORE
    from dcgan_sweeps.terminal import format_duration, make_say

    say = make_say(console)
    begin = time.perf_counter()
    rows: list[tuple[str, ...]] = []
    for number, each in enumerate(loaded, 1):
        run = each.run
        say(f"{number} of {len(loaded)}: {run.run_id[:8]}, {run.name}")
        named = rescore(client, each, console)
        if number < len(loaded):
            left_s = (time.perf_counter() - begin) / number * (len(loaded) - number)
            say(f"  {format_duration(left_s)} left")
        own = f"{run.metrics[SCORE]:.2f}" if SCORE in run.metrics else "none"
        share = f"{named['fcd_share']:.1%}"
        digest = each.judged.scorer.identity.digest
        scores = (f"{named['fcd']:.2f}", f"{named['fcd_test']:.2f}", share, own)
        rows.append((run.run_id[:8], run.name, digest, *scores))
    return rows


class Judges:
    """A scorer for each data set that the runs were trained on, made once."""

    def __init__(self, config: Config):
        self.config = config
        self.scorers: dict[tuple[str, ...], Scorer] = {}

    def find(self, run: LoggedRun, console: Console) -> Judged:
        """Return what a run is scored with, on the images that it says it was trained on.

        Raises RequestError for a run that names none which there are.
        """
        from dcgan_sweeps.datasets.images import choose_subset, load_images
        from dcgan_sweeps.execution.rescoring import Judged
        from dcgan_sweeps.scoring.fcd import prepare_scorer
        from dcgan_sweeps.terminal import make_say

        logged = {key: run.params[key] for key in NEEDED if key != "train.epochs"}
        words = [f"data={quote(logged.pop('data.name'))}"]
        words += [f"{key}={quote(text)}" for key, text in logged.items() if text != "None"]
        asked: Config = compose_request("config", words)
        key = (asked.data.name, str(asked.data.count))
        if key not in self.scorers:
            data = dataclasses.replace(asked.data, dir=self.config.data.dir)
            images = load_images(data, make_say(console))
            self.scorers[key] = prepare_scorer(self.config.score, images)
        scorer = self.scorers[key]
        rows = choose_subset(len(scorer.images.train_u8), asked.data.limit, asked.seed)
        return Judged(scorer, rows)


if __name__ == "__main__":
    sys.exit(main())
