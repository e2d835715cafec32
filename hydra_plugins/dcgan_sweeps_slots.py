"""The Hydra launcher `slots`, which runs each job in a new process and a slot of this machine."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra import version
from hydra.core.utils import JobReturn, JobRuntime, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from dcgan_sweeps.composition.repeated import RepeatedComposition
from dcgan_sweeps.config.schema import Runner


class SlotsLauncher(Launcher):
    """Runs at most as many jobs at a time as this machine has slots."""

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        from dcgan_sweeps.slots.devices import build_slots
        from dcgan_sweeps.slots.processes import Processes

        self.context = hydra_context
        self.job = task_function
        self.compose = RepeatedComposition(hydra_context.config_loader, config, with_hydra=True)
        runner = OmegaConf.to_object(config.runner)
        if not isinstance(runner, Runner):
            raise TypeError(f"runner is a {type(runner).__name__}")
        self.runner = runner
        self.slots = build_slots(self.runner).slots
        self.processes = Processes(self.slots)

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Run the jobs in parallel and return their results; raises the error of a failed one."""
        from concurrent.futures import ThreadPoolExecutor

        numbers = range(initial_job_idx, initial_job_idx + len(job_overrides))
        if len(job_overrides) == 1:
            return [self._launch(job_overrides[0], initial_job_idx)]
        with ThreadPoolExecutor(len(self.slots)) as threads:
            return list(threads.map(self._launch, job_overrides, numbers))

    def stop(self) -> None:
        """Kill every running job."""
        self.processes.stop()

    def _launch(self, overrides: Sequence[str], number: int) -> JobReturn:
        config = self.compose(overrides)
        with open_dict(config):
            config.hydra.job.id = str(number)
            config.hydra.job.num = number
        work = functools.partial(work_in_slot, config, self.context, self.job)
        log = Path(str(config.hydra.sweep.dir)) / "trials" / f"{number:04d}.log"
        minutes = self.runner.trial_timeout_min
        timeout_s = None if minutes is None else 60 * minutes
        done: JobReturn = self.processes.run(work, log, timeout_s)
        if _ran_out_of_memory(done):
            done = self.processes.run_alone(work, log, timeout_s)
        return done


def work_in_slot(
    config: DictConfig, hydra_context: HydraContext, task_function: TaskFunction, slot: Any
) -> JobReturn:
    """Run one job in this process, which was started for it."""
    if slot.memory_mib is not None:
        config.runner.gpu_memory_mib = slot.memory_mib
    return run_composed(config, hydra_context, task_function, str(slot))


def run_composed(
    config: DictConfig, hydra_context: HydraContext, task_function: TaskFunction, place: str
) -> JobReturn:
    """Run one composed job as Hydra does; `place` is recorded as its slot."""
    version.setbase("1.3")
    setup_globals()
    JobRuntime.instance().set("name", config.hydra.job.name)
    with open_dict(config):
        config.hydra.job.env_set["DCGAN_SWEEPS_SLOT"] = place
    return run_job(
        hydra_context=hydra_context,
        task_function=task_function,
        config=config,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )


def _ran_out_of_memory(done: JobReturn) -> bool:
    from dcgan_sweeps.sweep.result import TrialResult

    answer = done._return_value
    return isinstance(answer, TrialResult) and answer.out_of_memory
