"""Names the command that confirms a study, with the arguments that it shares with the study's own.

name_command("fcd", sys.argv[1:])   # "python -m dcgan_sweeps.confirm study:fcd runner.slots=2"
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

# The beginnings of the arguments that a study and its confirmation may have in common: places,
# limits, and how the trials are launched.
OF_A_CONFIRMATION = (
    "--config-dir=",
    "data.dir=",
    "hydra.launcher.",
    "hydra/launcher=",
    "hydra.sweeper.confirmation.",
    "hydra.sweeper.n_jobs=",
    "hydra.sweeper.retries=",
    "hydra.sweeper.storage=",
    "runner.",
    "tracking.",
)


def choose_arguments(words: Sequence[str]) -> list[str]:
    """Return the arguments of a study's command that also apply to its confirmation."""
    return [word for word in words if word.startswith(OF_A_CONFIRMATION)]


def name_command(study: str, words: Sequence[str]) -> str:
    """Return the command that confirms a study; `words` are the arguments of this command."""
    command = ["python", "-m", "dcgan_sweeps.confirm", f"study:{study}"]
    return shlex.join([*command, *choose_arguments(words)])
