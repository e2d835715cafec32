"""Evaluates the features of a logged discriminator: `python -m dcgan_sweeps.probe RUN_ID`.

This is the evaluation of the paper (Radford et al. 2015, section 5): linear classifiers that learn
from a few labels. The accuracies are logged to the run.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence

from dcgan_sweeps.command import FAILURE, OK, Parser, answer, started
from dcgan_sweeps.composition.command_line import compose_request
from dcgan_sweeps.config.faults import Fault, refuse, require_none
from dcgan_sweeps.config.schema import Config, Data
from dcgan_sweeps.interrupt import catch_interrupts
from dcgan_sweeps.place import add_place, say_variables
from dcgan_sweeps.terminal import make_console, make_say, make_table

LABELS = DRAWS = 100  # as in the paper
MOST_LABELS, MOST_DRAWS = 10_000_000, 100_000
ALL = "all"
# Keys that may be overridden; the run's own configuration decides all others.
GROUPS = ("runner.", "data.dir=")


def main() -> int:
    options = read_options()
    said = "interrupted; nothing was logged, repeat the command to start again"
    return answer(lambda: probe(options), said)


def read_options() -> argparse.Namespace:
    parser = Parser(
        "dcgan_sweeps.probe",
        description="Trains linear classifiers on the features of a logged discriminator, on those"
        " of an untrained one and on raw pixels, and logs their accuracies to the run.",
        examples=(
            "python -m dcgan_sweeps.probe RUN_ID",
            "python -m dcgan_sweeps.probe best --labels-per-class 10 --draws 20",
        ),
        status="0 done, 1 the store failed, 2 wrong request, 130 interrupted",
    )
    parser.add_argument(
        "words",
        metavar="TARGET|KEY=VALUE",
        nargs="+",
        help="best, latest, study:NAME (its best trial) or a run id; overrides of data.dir and"
        " runner, such as runner.threads=1",
    )
    parser.add_argument(
        "--labels-per-class",
        type=read_labels,
        default=LABELS,
        help="labels of each class that a classifier learns from, or all (default: %(default)s)",
    )
    parser.add_argument(
        "--draws",
        type=int,
        help=f"draws of these labels (default: {DRAWS}; 1 with all labels)",
    )
    add_place(parser)
    options = parser.parse_intermixed_args()
    labels, draws = options.labels_per_class, options.draws
    if labels is None and draws not in (None, 1):
        parser.error(f"--draws: got {draws}; allowed: 1, since all labels are in each draw")
    if draws is not None and not 1 <= draws <= MOST_DRAWS:
        parser.error(f"--draws: got {draws}; allowed: 1 to {MOST_DRAWS}")
    if draws is None:
        options.draws = 1 if labels is None else DRAWS
    return options


def read_labels(text: str) -> int | None:
    """Return the number of labels, None for all; raises an error of argparse."""
    if text == ALL:
        return None
    if text.isdecimal() and 1 <= int(text) <= MOST_LABELS:
        return int(text)
    raise argparse.ArgumentTypeError(f"got {text}; allowed: 1 to {MOST_LABELS}, or {ALL}")


def probe(options: argparse.Namespace) -> int:
    """Probe the run that is named and return the exit status; raises RequestError."""
    from dcgan_sweeps.probing.target import find_target
    from dcgan_sweeps.probing.task import Settings
    from dcgan_sweeps.tracking.store import StoreFailedError, answering, open_store, store_failures

    console = make_console()
    say = make_say(console)
    overrides = read_overrides([word for word in options.words if "=" in word])
    name = read_target([word for word in options.words if "=" not in word])
    settings = Settings(options.labels_per_class, options.draws)
    say_variables(options)
    with answering():
        client = open_store(options.uri, options.dir)
        target = find_target(client, options.experiment, name, settings)
    say(target.found)
    data = choose_data(target.config.data, overrides.data, options.words)
    from dcgan_sweeps.device import set_up_device

    say(set_up_device(overrides.runner).describe())
    from dcgan_sweeps.datasets.loading import load_images
    from dcgan_sweeps.probing.evaluation import evaluate, load_discriminator
    from dcgan_sweeps.probing.record import COLUMNS, describe_gain, log_record, tabulate

    # Stops between two draws, since an exception inside of a library may be lost.
    with catch_interrupts() as interrupts:
        with answering():
            discriminator = load_discriminator(client, target)
        images = load_images(data, say)
        record = evaluate(discriminator, images, settings, console, interrupts)
        console.print()
        console.print(make_table(COLUMNS, tabulate(record)))
        say(describe_gain(record))
        try:
            with store_failures(), started():
                log_record(client, target.run, record, target.config.train.epochs)
        except StoreFailedError as error:
            say(f"{error}; repeat the command to log the results")
            return FAILURE
    say(f"logged to run {target.run.run_id} as {settings.prefix}/...")
    return OK


def read_overrides(words: Sequence[str]) -> Config:
    """Return the default configuration with these overrides; raises RequestError."""
    require_none(
        [
            Fault(word, "cannot be overridden here; allowed: data.dir, runner")
            for word in words
            if not word.lstrip("+").startswith(GROUPS)
        ]
    )
    config: Config = compose_request("config", words)
    return config


def read_target(words: Sequence[str]) -> str:
    """Return the one target among the arguments; raises RequestError."""
    if len(words) != 1:
        named = " and ".join(words) or "none"
        raise refuse("TARGET", f"got {named}; allowed: one of best, latest, study:NAME, a run id")
    return words[0]


def choose_data(logged: Data, asked: Data, words: Sequence[str]) -> Data:
    """Return the data of the run, from the folder that was asked for, or else from its own."""
    if any(word.lstrip("+").startswith("data.dir=") for word in words):
        return dataclasses.replace(logged, dir=asked.dir)
    return logged


if __name__ == "__main__":
    sys.exit(main())
