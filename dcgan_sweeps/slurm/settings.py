"""The settings of the launcher `submitit_slurm`, `hydra.launcher.*`, and what it needs.

settings = OmegaConf.to_object(config.hydra.launcher)   # SlurmSettings
check_settings(settings)
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import Any, Optional

from omegaconf import MISSING

from dcgan_sweeps.config.checks import find_faults
from dcgan_sweeps.config.faults import Fault, refuse, require_none
from dcgan_sweeps.config.fields import anything, number, some_text

PREFIX = "hydra.launcher."
LAUNCHER = "submitit_slurm"
PROGRAMS = ("sbatch", "squeue", "scancel", "srun")


@dataclass(frozen=True)
class SlurmSettings:
    """The resources that each job asks of Slurm, and how its state is followed."""

    partition: Optional[str] = some_text()
    account: Optional[str] = some_text()
    qos: Optional[str] = some_text()
    constraint: Optional[str] = some_text()
    timeout_min: int = number(1)
    signal_delay_s: int = number(1, 65_535)
    cpus_per_task: int = number(1)
    gpus_per_node: Optional[int] = number(1)
    mem_gb: Optional[float] = number(0, low_open=True)
    requeue: bool = anything()
    setup: list[str] = anything()
    srun_args: list[str] = anything()
    additional_parameters: dict[str, Any] = anything()
    poll_s: float = number(1, 10)
    _target_: str = field(default=MISSING)


def check_settings(settings: SlurmSettings) -> None:
    """Raise RequestError with a fault for every setting whose value is not allowed."""
    faults = find_faults(settings, PREFIX)
    if not faults and settings.signal_delay_s >= 60 * settings.timeout_min:
        problem = f"got {settings.signal_delay_s}; allowed: less than timeout_min, in seconds"
        faults.append(Fault(f"{PREFIX}signal_delay_s", problem))
    require_none(faults)


def require_slurm() -> None:
    """Raise RequestError where Slurm's commands are not installed."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        problem = f"got {LAUNCHER}; {missing[0]} is not in PATH; start the study where Slurm is"
        raise refuse("hydra/launcher", problem)
