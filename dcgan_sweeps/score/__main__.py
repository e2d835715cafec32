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

from dcgan_sweeps.command import (
    DONE,
    INTERRUPTED,
    compose_request,
    quote,
    report_faults,
    take_signals,
)
from dcgan_sweeps.config import Config, Fault, RequestError

if TYPE_CHECKING:
    from rich.console import Console

    from dcgan_sweeps.execution.rescoring import Judged
    from dcgan_sweeps.score.fcd import Scorer
    from dcgan_sweeps.tracking.archive import LoggedRun
    from dcgan_sweeps.tracking.store import Client

# What a run's own configuration does not decide here.
GROUPS = ("score", "runner", "data.dir")


def main() -> int:
    options = read_options()
    take_signals()
    try:
        return score(options)
    except RequestError as error:
        return report_faults(error.faults)
    except KeyboardInterrupt:
        print("interrupted; what was scored is logged, the same command does the rest")
        return INTERRUPTED


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "dcgan_sweeps.score",
        description="Scores logged generators again, and logs that beside what they have.",
        epilog="Exit status: 0 done, 2 a wrong request.",
    )
    parser.add_argument(
        "words",
        metavar="TARGET|KEY=VALUE",
        nargs="+",
        help="a run id, best, study:NAME (each complete trial); overrides such as score.count=2000",
    )
    parser.add_argument("--dir", default="mlruns", help="folder of the local store (mlruns)")
    parser.add_argument("--uri", help="another MLflow store, such as a server's address")
    parser.add_argument("--experiment", default="dcgan_sweeps", help="of best and study:NAME")
    return parser.parse_args()


def score(options: argparse.Namespace) -> int:
    """Score what was asked for and return the exit status; raises RequestError."""
    from dcgan_sweeps.terminal import make_console, make_say, make_table
    from dcgan_sweeps.tracking.store import answering, open_store
    from dcgan_sweeps.tracking.targets import find_all

    console = make_console()
    words = [word for word in options.words if "=" in word]
    targets = [word for word in options.words if "=" not in word]
    config = read_config(words)
    if not targets:
        raise RequestError([Fault("TARGET", "got none; name a run id, best or study:NAME")])
    with answering():
        client = open_store(options.uri, options.dir)
        runs = find_all(client, options.experiment, targets)
        require_scorable(client, runs)
    from dcgan_sweeps.device import set_up_device

    make_say(console)(set_up_device(config.runner).describe())
    with answering():
        rows = score_runs(client, runs, config, console)
    console.print()
    console.print(make_table(COLUMNS, rows))
    return DONE


def read_config(words: Sequence[str]) -> Config:
    """Return the default configuration with these overrides; raises RequestError."""
    faults = [
        Fault(word, f"is decided by the run itself; allowed: {', '.join(GROUPS)}")
        for word in words
        if not word.lstrip("+").startswith(GROUPS)
    ]
    if faults:
        raise RequestError(faults)
    config: Config = compose_request("config", words)
    if config.score.name == "none":
        raise RequestError([Fault("score", "got none; there is nothing to score by")])
    return config


def require_scorable(client: Client, runs: Sequence[LoggedRun]) -> None:
    """Raise RequestError with a fault for each run that has no generator, or is not complete."""
    from dcgan_sweeps.tracking.archive import find_generator

    faults = []
    for run in runs:
        if run.outcome != "complete":
            state = run.outcome or run.status.lower()
            problem = f"got {run.run_id}, which is {state}; allowed: complete runs"
            faults.append(Fault("TARGET", problem))
        elif find_generator(client, run) is None or "data.name" not in run.params:
            problem = f"got {run.run_id}, which logged no generator"
            faults.append(Fault("TARGET", problem))
    if faults:
        raise RequestError(faults)


COLUMNS = ("run", "name", "identity", "fcd", "fcd_test", "share", "own fcd")


def score_runs(
    client: Client, runs: Sequence[LoggedRun], config: Config, console: Console
) -> list[tuple[str, ...]]:
    """Score each run and return its row under COLUMNS."""
    from dcgan_sweeps.execution.rescoring import load_generator, rescore
    from dcgan_sweeps.terminal import format_duration, make_say
    from dcgan_sweeps.tracking.scores import SCORE

    say, judges = make_say(console), Judges(config)
    begin = time.perf_counter()
    rows: list[tuple[str, ...]] = []
    for number, run in enumerate(runs, 1):
        say(f"{number} of {len(runs)}: {run.run_id[:8]}, {run.name}")
        judged = judges.find(run, console)
        named = rescore(client, run, load_generator(client, run), judged, console)
        if number < len(runs):
            left_s = (time.perf_counter() - begin) / number * (len(runs) - number)
            say(f"  {format_duration(left_s)} left")
        own = f"{run.metrics[SCORE]:.2f}" if SCORE in run.metrics else "none"
        share = f"{named['fcd_share']:.1%}"
        digest = judged.scorer.identity.digest
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
        from dcgan_sweeps.data.images import choose_subset, load_images
        from dcgan_sweeps.execution.rescoring import Judged
        from dcgan_sweeps.score.fcd import prepare_scorer
        from dcgan_sweeps.terminal import make_say

        logged = {key: run.params[key] for key in ("data.name", "data.count", "data.limit", "seed")}
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
