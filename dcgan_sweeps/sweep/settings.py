"""The settings of a study, `hydra.sweeper.*`: their types and allowed values.

settings = check_settings(OmegaConf.to_object(config.hydra.sweeper))
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Optional

from omegaconf import MISSING

from dcgan_sweeps.config.checks import find_faults
from dcgan_sweeps.config.faults import Fault, RequestError
from dcgan_sweeps.config.fields import anything, number, one_of, some_text
from dcgan_sweeps.config.flat import walk
from dcgan_sweeps.config.schema import MINUTES_A_YEAR

PREFIX = "hydra.sweeper."


@dataclass(frozen=True)
class ConfirmationSettings:
    """The settings of a confirmation, `hydra.sweeper.confirmation.*`."""

    finalists: int = number(1, 20)
    against: Optional[str] = some_text()
    alpha: float = number(0, 0.5, low_open=True)
    min_gain: float = number(0, 0.9)
    max_runs: int = number(4, 100_000)
    looks: list[int] = anything()


@dataclass(frozen=True)
class StudySettings:
    """The settings of a study; Hydra's schema for `hydra/sweeper=study`."""

    study_name: Optional[str] = some_text()
    n_trials: Optional[int] = number(1, 1_000_000)
    n_jobs: Optional[int] = number(1, 4096)
    storage: Optional[str] = some_text()
    seed: int = number(0, 2**32 - 1)
    sampler: dict[str, Any] = anything()
    pruner: dict[str, Any] = anything()
    params: dict[str, str] = anything()
    only_if: dict[str, str] = anything()
    zip: bool = anything()
    warm_start: Optional[str] = some_text()
    trial_seeds: str = one_of("own", "shared")
    retries: int = number(0, 1000)
    heartbeat_timeout_s: float = number(5, 86_400)
    stop_after_failures: int = number(1, 1_000_000)
    timeout_min: Optional[float] = number(0, MINUTES_A_YEAR, low_open=True)
    target_score: Optional[float] = number(0)
    confirm: bool = anything()
    confirms: Optional[str] = some_text()
    confirmation: ConfirmationSettings = field(default_factory=ConfirmationSettings)
    skip_finished: bool = anything()
    dry_run: bool = anything()
    _target_: str = field(default=MISSING)


def check_settings(settings: StudySettings) -> None:
    """Raise RequestError with a fault for every setting whose value is not allowed."""
    faults = find_faults(settings, PREFIX)
    looks = settings.confirmation.looks
    if not looks or looks[0] < 2 or any(a >= b for a, b in itertools.pairwise(looks)):
        allowed = "ascending numbers of seeds, from 2 on"
        faults.append(Fault(f"{PREFIX}confirmation.looks", f"got {looks}; allowed: {allowed}"))
    if faults:
        raise RequestError(faults)


# The settings that may change when a study is resumed: its limits, and how it runs here.
MAY_CHANGE = (
    "n_trials",
    "n_jobs",
    "retries",
    "heartbeat_timeout_s",
    "stop_after_failures",
    "timeout_min",
    "target_score",
    "skip_finished",
    "dry_run",
)


# What studies did before they had a setting; they are resumed so, and record only other values.
EARLIER_BEHAVIOUR: Mapping[str, Any] = {
    "zip": False,
    "trial_seeds": "shared",
    "warm_start": None,
}


def describe_policy(settings: StudySettings) -> Mapping[str, Any]:
    """Return the settings that decide which trials a study has; they may not change."""
    left_out = (*MAY_CHANGE, "study_name", "storage", "_target_")
    return {key: value for key, value, _ in walk(settings) if key not in left_out}
