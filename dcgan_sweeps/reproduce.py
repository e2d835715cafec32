"""Trains a logged run again and compares the results: `python -m dcgan_sweeps.reproduce TARGET`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from dcgan_sweeps.command import FAILURE, OK, USAGE, Parser, answer
from dcgan_sweeps.config.faults import refuse
from dcgan_sweeps.execution.components import prepare
from dcgan_sweeps.execution.spec import RunSpec, restore_runner
from dcgan_sweeps.logged_config import replace_keys
from dcgan_sweeps.paths import resolve_folder
from dcgan_sweeps.place import add_place, say_variables
from dcgan_sweeps.reproduction.verdict import COLUMNS, compare_histories, judge, tabulate
from dcgan_sweeps.terminal import make_console, make_say, make_table

if TYPE_CHECKING:
    from rich.console import Console

    from dcgan_sweeps.execution.components import Components
    from dcgan_sweeps.reproduction.target import Original
    from dcgan_sweeps.runs.selection import Place

# Largest relative difference of the scores at the last epoch; docs/reproducing.md derives it.
TOLERANCE = 0.22


def main() -> int:
    options = read_options()
    return answer(lambda: reproduce(options), "interrupted before anything was started")


def read_options() -> argparse.Namespace:
    parser = Parser(
        "dcgan_sweeps.reproduce",
        description="Trains a logged run again as a new run, and prints whether the results are"
        " identical, within tolerance or different.",
        examples=(
            "python -m dcgan_sweeps.reproduce best",
            "python -m dcgan_sweeps.reproduce study:lr --epochs 2",
            "python -m dcgan_sweeps.reproduce RUN_ID --check-only",
        ),
        status="0 identical or within tolerance, 1 different or failed, 2 wrong request,"
        " 130 interrupted",
    )
    parser.add_argument(
        "target",
        metavar="TARGET",
        help="best, latest, study:NAME (its best trial), a run id, or a logged config file",
    )
    parser.add_argument(
        "--check-only", action="store_true", help="compare the provenance only, without training"
    )
    parser.add_argument(
        "--epochs", type=int, help="reproduce the first EPOCHS epochs only (default: all)"
    )
    parser.add_argument(
        "--tolerance",
        type=float,
        default=TOLERANCE,
        help="relative difference allowed between the last scores (default: %(default)s)",
    )
    parser.add_argument(
        "--code", action="store_true", help="run with the logged code: its commit and its diff"
    )
    parser.add_argument(
        "--yes",
        nargs="?",
        const="",
        metavar="DIGEST",
        help="with --code: confirm that you have read the code; with DIGEST, only the code that"
        " was printed with this digest is run",
    )
    add_place(parser)
    options = parser.parse_args()
    if options.epochs is not None and options.epochs < 1:
        parser.error(f"--epochs: got {options.epochs}; allowed: at least 1")
    if not 0 <= options.tolerance <= 1:
        parser.error(f"--tolerance: got {options.tolerance}; allowed: 0 to 1")
    return options


def reproduce(options: argparse.Namespace) -> int:
    """Reproduce the run that the options name and return the exit status; raises RequestError."""
    from dcgan_sweeps.reproduction.target import find_original
    from dcgan_sweeps.runs.selection import Place
    from dcgan_sweeps.tracking.store import answering

    console = make_console()
    folder = resolve_folder("tracking.dir", options.dir)
    place = Place(str(folder), options.uri, options.experiment)
    say_variables(options)
    with answering():
        original = find_original(options.target, place)
    say = make_say(console)
    say(original.found)
    for edit in (*original.edited, *original.altered):
        say(f"edited since it was logged: {edit}")
    if options.code:
        return reproduce_with_its_code(options, original, place.dir, console)
    spec = build_reproduction_spec(original, place, options.epochs)
    components = prepare(spec.config, spec.runner, console)
    is_same = print_differences(spec, components, original, console)
    if options.check_only:
        return OK if is_same else FAILURE
    return train_and_judge(spec, components, original, options, console)


def build_reproduction_spec(original: Original, place: Place, epochs: int | None) -> RunSpec:
    """Return the spec of the same run, tracked at `place`, with the device that it ran on."""
    config = original.config
    if epochs is not None and epochs > config.train.epochs:
        problem = f"got {epochs}; allowed: at most {config.train.epochs}, the epochs of the run"
        raise refuse("--epochs", problem)
    folder = config.data.dir
    changed = {
        "tracking.dir": place.dir,
        "tracking.uri": place.uri,
        "tracking.experiment": place.experiment,
        "tracking.run_name": None,
        "train.epochs": config.train.epochs if epochs is None else epochs,
        "data.dir": folder if folder is not None and Path(folder).is_dir() else None,
        "resume": None,
    }
    runner = restore_runner(config.runner, original.provenance)
    name, tags = f"reproduction of {original.name}", {"reproduces": original.name}
    return RunSpec(replace_keys(config, changed), original.overrides, name, runner, tags)


def reproduce_with_its_code(
    options: argparse.Namespace, original: Original, folder: str, console: Console
) -> int:
    """Print the code of a run, and run it if --yes confirms that it was read."""
    from dcgan_sweeps.reproduction.worktree import digest_code, run_code, show_code

    say = make_say(console)
    say(show_code(original))
    digest = digest_code(original)
    if options.yes is None:
        say(f"This code comes from the store. To run it as your user, add --yes={digest}.")
        return USAGE
    if options.yes not in ("", digest):
        problem = f"got {options.yes}; the code shown above has the digest {digest}"
        raise refuse("--yes", problem)
    words = [original.name, f"--dir={folder}", f"--experiment={options.experiment}"]
    words += [f"--tolerance={options.tolerance}"]
    words += [] if options.uri is None else [f"--uri={options.uri}"]
    words += [] if options.epochs is None else [f"--epochs={options.epochs}"]
    words += ["--check-only"] if options.check_only else []
    return run_code(original, words)


def print_differences(
    spec: RunSpec, components: Components, original: Original, console: Console
) -> bool:
    """Print how code and machine differ from those of the run.

    Return whether no difference can change the result.
    """
    from dcgan_sweeps.execution.start import gather_facts
    from dcgan_sweeps.runs.differences import compare_facts
    from dcgan_sweeps.tracking.provenance import read_code

    say = make_say(console)
    if not original.provenance:
        say("provenance: none was logged, so code and environment cannot be compared")
        return False
    differences = compare_facts(original.provenance, gather_facts(spec, components, read_code()))
    for difference in differences:
        say(str(difference))
    decisive = sum(each.decisive for each in differences)
    noun = "difference" if decisive == 1 else "differences"
    say(f"provenance: {decisive or 'no'} {noun} that can change the result")
    return decisive == 0 and not original.edited and not original.altered


def train_and_judge(
    spec: RunSpec,
    components: Components,
    original: Original,
    options: argparse.Namespace,
    console: Console,
) -> int:
    """Train again, print the comparison and the verdict, and return the exit status."""
    from dcgan_sweeps.execution.outcome import execute
    from dcgan_sweeps.tracking.history import read_history
    from dcgan_sweeps.tracking.mirror import is_delivered
    from dcgan_sweeps.tracking.outcome import Outcome

    execution = execute(spec, components, console)
    if execution.outcome == Outcome.INTERRUPTED:
        return execution.status
    folder = execution.recorder.folder
    got = read_history(folder.read_history(), str(folder.history))
    comparisons = compare_histories(original.history, got, options.epochs)
    verdict = judge(comparisons, options.tolerance, same_request=not original.edited)
    console.print()
    console.print(make_table(COLUMNS, tabulate(comparisons)))
    if options.epochs is not None:
        console.print(f"only epochs 1 to {options.epochs} were trained and compared")
    make_say(console)(f"verdict: {verdict.word}: {verdict.reason}")
    is_whole = is_delivered(folder)  # if not, execute has printed how to deliver the rest
    execution.recorder.add_tags({"reproduces.verdict": verdict.word})
    if is_whole:
        execution.delivery.deliver_rest(spec.config.tracking.flush_timeout_s)
        for name, text in execution.delivery.describe([folder], str(folder.root)).items():
            make_say(console)(f"{name}: {text}")
    return OK if verdict.reproduced else FAILURE


if __name__ == "__main__":
    sys.exit(main())
