"""A run in progress: its spec, its components, its recorder, and its judge.

live = LiveRun(spec, components, recorder, interrupts, display, judge)
for end in train_and_score(live): ...
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dcgan_sweeps.config.flat import flatten
from dcgan_sweeps.config.schema import Config
from dcgan_sweeps.execution.components import Components
from dcgan_sweeps.execution.display import CHECKPOINT, RunDisplay
from dcgan_sweeps.execution.spec import RunSpec, Stop
from dcgan_sweeps.gan.state import read_state
from dcgan_sweeps.gan.step import Training
from dcgan_sweeps.interrupt import Interrupts
from dcgan_sweeps.logged_config import compute_config_hash
from dcgan_sweeps.tracking.recorder import Recorder


@dataclass(frozen=True)
class EpochEnd:
    """The end of an epoch that is trained and recorded, with its scores where they were due."""

    number: int
    scores: Mapping[str, float]


Judge = Callable[[EpochEnd], Stop | None]


@dataclass(frozen=True)
class LiveRun:
    """One run in this process; `judge` decides after each epoch whether the run stops."""

    spec: RunSpec
    components: Components
    recorder: Recorder
    interrupts: Interrupts
    display: RunDisplay
    judge: Judge

    @property
    def config(self) -> Config:
        return self.spec.config

    def save_checkpoint(self, training: Training) -> None:
        """Write a checkpoint of training and record; raises CheckpointError."""
        with self.display.stage(CHECKPOINT):
            self.recorder.save_checkpoint(
                read_state(training), compute_config_hash(flatten(self.config))
            )
