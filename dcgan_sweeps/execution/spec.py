"""The spec of a run: its configuration, and the point that it resumes from.

spec = build_spec(request)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from dcgan_sweeps.command import Request
from dcgan_sweeps.config.checks import find_faults
from dcgan_sweeps.config.faults import Fault, RequestError
from dcgan_sweeps.config.schema import Config, Runner
from dcgan_sweeps.logged_config import is_hashed
from dcgan_sweeps.tracking.checkpoints import Checkpoint
from dcgan_sweeps.tracking.folder import TRIAL, RunFolder
from dcgan_sweeps.tracking.outcome import Outcome

OUT_OF_MEMORY = "out of memory: "  # the reason of such a failure begins with it


@dataclass(frozen=True)
class ResumePoint:
    """A recorded run to resume from: in its own record (`same`), or in that of a new run."""

    folder: RunFolder
    lock: IO[str]  # of the folder, held
    provenance: Mapping[str, Any]  # empty where the run died before that was written
    checkpoint: Checkpoint | None  # None where the run died before its first one
    same: bool

    @property
    def name(self) -> str:
        return self.folder.read_run_id() or str(self.folder.root)


@dataclass(frozen=True)
class RunSpec:
    """A run to execute; `runner` may hold the choices that an earlier run made on its machine."""

    config: Config
    overrides: tuple[str, ...]
    name: str
    runner: Runner
    tags: Mapping[str, str] = field(default_factory=dict)
    resume_point: ResumePoint | None = None
    folder: Path | None = None  # of a new run; None: one under runs/, named by the time

    @property
    def is_trial(self) -> bool:
        """Whether the run is a trial of a study, whose controller delivers what is left."""
        return TRIAL in self.tags


@dataclass(frozen=True)
class Stop:
    """The reason to stop a run after an epoch: it is pruned, or interrupted to be resumed."""

    outcome: Outcome
    reason: str


def build_spec(request: Request) -> RunSpec:
    """Return the spec of a new run."""
    config = request.config
    name = config.tracking.run_name or name_run(request.choices["experiment"], request.overrides)
    return RunSpec(config, request.overrides, name, config.runner)


def name_run(experiment: str, overrides: tuple[str, ...]) -> str:
    """Return the name of a run: the experiment, and each override that can change its result."""
    quiet = ("experiment", "runner", "hydra")
    words = [word for word in overrides if is_hashed(word.partition("=")[0])]
    return " ".join([experiment, *(word for word in words if not word.startswith(quiet))])


def restore_runner(runner: Runner, provenance: Mapping[str, Any]) -> Runner:
    """Return `runner` with the choices that an earlier run made, read from its provenance.

    Without provenance these are unknown, and `runner` is returned unchanged. Raises RequestError
    for a choice that does not exist.
    """
    device = provenance.get("device")
    if device is None:
        return runner
    restored = dataclasses.replace(
        runner,
        device=str(device["kind"]),
        precision=str(device["precision"]),
        jit="on" if device["jit"] else "off",
        threads=int(device["threads"]),
        deterministic=bool(device["deterministic"]),
    )
    faults = [
        Fault(f"provenance.json: device.{fault.key}", fault.problem)
        for fault in find_faults(restored)
    ]
    if faults:
        raise RequestError(faults)
    return restored


def is_scored(config: Config, epoch: int) -> bool:
    """Return whether an epoch is scored: each `score.every`-th one, and always the last one."""
    every = config.score.every
    return epoch == config.train.epochs or (epoch > 0 and epoch % every == 0)


def is_examined(config: Config, epoch: int) -> bool:
    """Return whether the extra metrics are computed after an epoch."""
    when = config.score.extra_metrics
    if when == "every":
        return is_scored(config, epoch)
    return when == "last" and epoch == config.train.epochs
