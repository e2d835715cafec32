"""Launches one job of a study through Hydra, and composes its configuration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from dcgan_sweeps.config.schema import Config


class Composers(Protocol):
    """Composes overrides for a trial of a study, or for a single run; raises Hydra's errors."""

    @property
    def compose(self) -> Callable[[Sequence[str]], Config]: ...
    @property
    def compose_alone(self) -> Callable[[Sequence[str], Path | None], Config]: ...


class Launch(Composers, Protocol):
    """Hydra's launcher, which runs one job per call."""

    @property
    def is_remote(self) -> bool:
        """Whether jobs may run on other hosts, so that only a heartbeat tells that one is alive."""

    def __call__(self, overrides: Sequence[str], number: int) -> Any: ...
    def count_places(self) -> int:
        """Return how many jobs the launcher can run at a time now; only some launchers know it."""

    def cancel(self, number: int) -> None:
        """End the job of a trial, if the launcher can."""

    def stop(self) -> None:
        """End all jobs, if the launcher can."""


StartLauncher = Callable[[Path, Path], Launch]
