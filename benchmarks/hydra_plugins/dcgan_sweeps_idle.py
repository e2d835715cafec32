"""A launcher for `benchmarks.controller`: it writes the folder of a trial that has no work."""

from __future__ import annotations

import json
import os
import resource
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class IdleLauncher(Launcher):
    """Notes the time and memory of the controlling process in a file, once in NOTE_EVERY trials."""

    NOTE_EVERY = 50

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        self.study = Path(str(config.hydra.sweep.dir))
        self.notes = Path(os.environ["NOTES"])

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        from dcgan_sweeps.sweep.result import TrialResult
        from dcgan_sweeps.tracking.folder import RunFolder
        from dcgan_sweeps.tracking.outcome import Outcome

        if initial_job_idx % self.NOTE_EVERY == 0:
            self._note(initial_job_idx)
        folder = RunFolder(self.study / "trials" / f"{initial_job_idx:04d}")
        folder.root.mkdir(parents=True)
        folder.write_json("run.json", {"name": str(initial_job_idx)})
        folder.append({"epoch": 1, "score/fcd": 100.0 + initial_job_idx % 7})
        folder.end(Outcome.COMPLETE, "")
        done = JobReturn(status=JobStatus.COMPLETED)
        done.return_value = TrialResult(Outcome.COMPLETE, "")
        return [done]

    def _note(self, number: int) -> None:
        memory_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        note: dict[str, Any] = {"trial": number, "wall_s": time.monotonic()}
        note |= {"cpu_s": time.process_time(), "memory_mib": memory_mib}
        with self.notes.open("a") as file:
            file.write(json.dumps(note) + "\n")
