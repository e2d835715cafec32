"""Confirms the best configurations of a study: `python -m dcgan_sweeps.confirm study:NAME`."""

from __future__ import annotations

import sys
from pathlib import Path

from dcgan_sweeps.command import Parser, print_faults, run_command
from dcgan_sweeps.config.faults import Fault, RequestError, refuse, require_none
from dcgan_sweeps.run import run
from dcgan_sweeps.sweep.confirmation.command import OF_A_CONFIRMATION
from dcgan_sweeps.sweep.folder import StudyFolder
from dcgan_sweeps.sweep.job import run_job

PREFIX, PLACE = "study:", "tracking.dir="
OPTIONS = {
    "finalists": "how many of the best configurations are compared with the default (3)",
    "against": "a run to compare them with, in place of the default: a run id, best or latest",
    "alpha": "probability of confirming a configuration that is not better (0.05)",
    "min-gain": "stop where a gain of this share of the score is ruled out (0.03)",
    "max-runs": "runs of all configurations together (48)",
}


def main() -> int:
    parser = Parser(
        "dcgan_sweeps.confirm",
        description="Trains the best configurations of a study and its default again, on new seeds,"
        " until a sequential test confirms the best one or gives it up. The confirmation is a"
        " study of its own, named NAME_confirm; the same command resumes it.",
        examples=(
            "python -m dcgan_sweeps.confirm study:fcd",
            "python -m dcgan_sweeps.confirm study:fcd --finalists 1 runner.slots=2",
        ),
        status="0 there is a verdict, also one against the study, 1 a configuration could not be"
        " trained, 2 wrong request, 130 interrupted",
        epilog="All further arguments are overrides of launcher, runner and tracking, as of"
        " dcgan_sweeps.run.",
    )
    parser.add_argument("study", metavar="study:NAME", help="a study with complete trials")
    for name, purpose in OPTIONS.items():
        parser.add_argument(f"--{name}", metavar=name.upper().replace("-", "_"), help=purpose)
    options, overrides = parser.parse_known_args()
    try:
        words = make_words(options.study, overrides)
    except RequestError as error:
        return print_faults([*map(str, error.faults)])
    for name in OPTIONS:
        key = name.replace("-", "_")
        value = getattr(options, key)
        words += [] if value is None else [f"hydra.sweeper.confirmation.{key}={value}"]
    # The logged command has to be one that can be typed.
    sys.argv = [str(Path(__file__).with_name("run.py")), "-m", *words]
    return run_command("config", run, run_job)


def make_words(target: str, overrides: list[str]) -> list[str]:
    """Return the arguments of `run -m` that confirm a study; raises RequestError."""
    name = target.removeprefix(PREFIX)
    if name == target:
        raise refuse("study", f"got {target}; allowed: study:NAME")
    places = [word.removeprefix(PLACE) for word in overrides if word.startswith(PLACE)]
    folder = StudyFolder.at(Path(places[-1] if places else "mlruns"), name)
    if not folder.has_begun:
        raise refuse("study", f"got {name}; there is no such study in {folder.root.parent}")
    allowed = ", ".join(f"{each}..." for each in OF_A_CONFIRMATION)
    require_none(
        [
            Fault(word, f"does not belong to a confirmation; allowed: {allowed}")
            for word in overrides
            if not word.startswith(OF_A_CONFIRMATION)
        ]
    )
    return [*folder.read()["fixed"], *overrides, f"hydra.sweeper.confirms={name}"]


if __name__ == "__main__":
    sys.exit(main())
