"""A run that is going on: what it shall do, what it is made of, its record, and who watches it.

live = LiveRun(spec, components, recorder, interrupts, console, judge)
for end in train_and_score(live): ...
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rich.console import Console

from dcgan_sweeps.config import Config, flatten
from dcgan_sweeps.execution.components import Components
from dcgan_sweeps.execution.spec import RunSpec, Stop
from dcgan_sweeps.gan.state import read_state
from dcgan_sweeps.gan.step import Training
from dcgan_sweeps.interrupt import Interrupts
from dcgan_sweeps.logged_config import compute_config_hash
from dcgan_sweeps.tracking.recorder import Recorder


@dataclass(frozen=True)
class EpochEnd:
    """An epoch that is done and recorded; checkpointed and scored where that was due."""

    number: int
    scores: Mapping[str, float]


Judge = Callable[[EpochEnd], Stop | None]


@dataclass(frozen=True)
class LiveRun:
    """One run in this process; `judge` is asked after each epoch whether it shall stop there."""

    spec: RunSpec
    components: Components
    recorder: Recorder
    interrupts: Interrupts
    console: Console
    judge: Judge

    @property
    def config(self) -> Config:
        return self.spec.config

    def save_checkpoint(self, training: Training) -> None:
        """Write a checkpoint of the training and of the record; raises CheckpointError."""
        self.recorder.save_checkpoint(
            read_state(training), compute_config_hash(flatten(self.config))
        )
