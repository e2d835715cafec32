"""Trains one DCGAN, scored and tracked: `python -m dcgan_sweeps.run [group=choice] [key=value]`.

With -m, a study of several.
"""

from __future__ import annotations

import sys

from dcgan_sweeps.command import Request, run_command
from dcgan_sweeps.place import say_variables
from dcgan_sweeps.sweep.job import run_job


def main() -> int:
    return run_command("config", run, run_job)


def run(request: Request) -> int:
    """Do one run and return its exit status; raises RequestError before anything is started."""
    from dcgan_sweeps.execution.parts import prepare
    from dcgan_sweeps.execution.plan import plan_new
    from dcgan_sweeps.execution.resume import plan_resumed
    from dcgan_sweeps.terminal import make_console, make_say
    from dcgan_sweeps.tracking.store import require_places

    console = make_console()
    say_variables(request.config.tracking)
    if request.config.resume is None:
        plan = plan_new(request)
    else:
        plan = plan_resumed(request, say=make_say(console))
    require_places(plan.config.tracking)  # before TensorFlow is loaded
    parts = prepare(plan.config, plan.runner, console)

    from dcgan_sweeps.execution.outcome import execute

    return execute(plan, parts, console).status


if __name__ == "__main__":
    sys.exit(main())
