"""Finds the run to probe, with all that is needed of it.

target = find_target(client, "dcgan_sweeps", "best", settings)
target.run.run_id, target.config.data
"""

from __future__ import annotations

from dataclasses import dataclass

from dcgan_sweeps.config.faults import refuse
from dcgan_sweeps.config.schema import Config
from dcgan_sweeps.logged_config import read_logged
from dcgan_sweeps.metrics import METRICS
from dcgan_sweeps.probing.task import Settings
from dcgan_sweeps.runs.logged_run import LoggedRun, Model, name_artifact, read_artifact
from dcgan_sweeps.runs.selection import find_run
from dcgan_sweeps.tracking.documents import LARGEST, parse_mapping
from dcgan_sweeps.tracking.present import DISCRIMINATOR, find_model
from dcgan_sweeps.tracking.store import Client

CONFIG = "config/config.yaml"
ACCURACY = METRICS["probe/accuracy"]


@dataclass(frozen=True)
class Target:
    """A complete run with a discriminator."""

    run: LoggedRun
    found: str  # how it was found, in words
    discriminator: Model
    config: Config


def find_target(client: Client, experiment: str, name: str, settings: Settings) -> Target:
    """Return the run of that name.

    Raises RequestError for a run that does not exist, is not complete, has no discriminator or no
    valid configuration, or has the results of a probe with these settings.
    """
    run, found = find_run(client, experiment, name)
    if run.outcome != "complete":
        problem = f"which is {run.outcome or run.status.lower()}; allowed: complete runs"
        raise refuse("TARGET", f"got {run.run_id}, {problem}")
    require_new(run, settings)
    discriminator = find_model(client, run.run_id, DISCRIMINATOR)
    if discriminator is None:
        raise refuse("TARGET", f"got {run.run_id}, which logged no discriminator")
    return Target(run, found, discriminator, read_config(client, run))


def require_new(run: LoggedRun, settings: Settings) -> None:
    """Raise RequestError if a run has the results of a probe with these settings."""
    name = f"{settings.prefix}/accuracy"
    if name in run.metrics:
        problem = (
            f"got {run.run_id}, which was probed with these settings: {name} is"
            f" {ACCURACY.show(run.metrics[name])}; allowed: other labels per class or draws"
        )
        raise refuse("TARGET", problem)


def read_config(client: Client, run: LoggedRun) -> Config:
    """Return the configuration that a run logged; raises RequestError."""
    text = read_artifact(client, run.run_id, CONFIG, LARGEST)
    if text is None:
        raise refuse("TARGET", f"got {run.run_id}, which logged no {CONFIG}")
    return read_logged(parse_mapping(text, name_artifact(run.run_id, CONFIG)))
