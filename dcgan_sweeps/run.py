"""Trains one DCGAN, or a study with -m: `python -m dcgan_sweeps.run [group=choice] [key=value]`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from dcgan_sweeps.command import Request, run_command
from dcgan_sweeps.place import say_variables
from dcgan_sweeps.sweep.job import run_job

if TYPE_CHECKING:
    from dcgan_sweeps.execution.outcome import Execution


def main() -> int:
    return run_command("config", run, run_job)


def run(request: Request) -> int:
    """Execute one run and return its exit status; raises RequestError before training starts."""
    return do_run(request).status


def do_run(request: Request) -> Execution:
    """Execute one run and return its result; raises RequestError before training starts."""
    from dcgan_sweeps.execution.components import prepare
    from dcgan_sweeps.execution.resume import build_resumed_spec
    from dcgan_sweeps.execution.spec import build_spec
    from dcgan_sweeps.terminal import make_console, make_say
    from dcgan_sweeps.tracking.store import require_places

    console = make_console()
    say_variables(request.config.tracking)
    if request.config.resume is None:
        spec = build_spec(request)
    else:
        spec = build_resumed_spec(request, say=make_say(console))
    require_places(spec.config.tracking)  # checked before TensorFlow is loaded, which is slow
    components = prepare(spec.config, spec.runner, console)

    from dcgan_sweeps.execution.outcome import execute

    return execute(spec, components, console)


if __name__ == "__main__":
    sys.exit(main())
