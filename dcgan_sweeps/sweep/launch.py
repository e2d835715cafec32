"""What a study asks of Hydra: to do one job of its launcher, and to compose its configuration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from dcgan_sweeps.config import Config


class Composers(Protocol):
    """Compose overrides as a trial of the study, and as a run alone; raise whatever Hydra does."""

    @property
    def compose(self) -> Callable[[Sequence[str]], Config]: ...
    @property
    def compose_alone(self) -> Callable[[Sequence[str], Path | None], Config]: ...


class Launch(Composers, Protocol):
    """Hydra's launcher, which does one job a call."""

    def __call__(self, overrides: Sequence[str], number: int) -> Any: ...
    def stop(self) -> None: ...


StartLauncher = Callable[[Path, Path], Launch]
