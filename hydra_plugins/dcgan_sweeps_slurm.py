"""The Hydra launcher `submitit_slurm`, which runs each job as one job of a Slurm cluster.

submitit is imported only to submit jobs, since Hydra loads this file even for --help.
"""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from dcgan_sweeps.composition.repeated import RepeatedComposition
from dcgan_sweeps.config.nodes import make_schema
from dcgan_sweeps.slurm.settings import SlurmSettings
from hydra_plugins.dcgan_sweeps_slots import run_composed

ConfigStore.instance().store(
    group="hydra/launcher",
    name="slurm_schema",
    node=make_schema(SlurmSettings),
    provider="dcgan_sweeps",
)


class SlurmLauncher(Launcher):
    """Submits one Slurm job for each job; several threads may launch at a time."""

    is_remote = True  # the heartbeats of its trials are watched

    def __init__(self, **settings: Any):
        """Ignore the settings, which are read from the configuration by their schema."""

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        settings = OmegaConf.to_object(config.hydra.launcher)
        if not isinstance(settings, SlurmSettings):
            raise TypeError(f"hydra.launcher is a {type(settings).__name__}")
        from dcgan_sweeps.slurm.jobs import Jobs

        self.context = hydra_context
        self.job = task_function
        self.compose = RepeatedComposition(hydra_context.config_loader, config, with_hydra=True)
        folder = Path(str(config.hydra.sweep.dir))
        self.study = folder.name
        self.threads = settings.cpus_per_task
        self.jobs = Jobs(folder / "slurm", settings)
        self.jobs.cancel_earlier(self.study)

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Run the jobs in parallel and return their results; raises the error of a failed one."""
        from concurrent.futures import ThreadPoolExecutor

        numbers = range(initial_job_idx, initial_job_idx + len(job_overrides))
        if len(job_overrides) == 1:
            return [self._launch(job_overrides[0], initial_job_idx)]
        with ThreadPoolExecutor(len(job_overrides)) as threads:
            return list(threads.map(self._launch, job_overrides, numbers))

    def cancel(self, number: int) -> None:
        """Cancel one job, by its number in the study."""
        self.jobs.cancel(number)

    def stop(self) -> None:
        """Cancel every running or queued job."""
        self.jobs.stop()

    def _launch(self, overrides: Sequence[str], number: int) -> JobReturn:
        config = self.compose(overrides)
        with open_dict(config):
            config.hydra.job.id = str(number)
            config.hydra.job.num = number
        if config.runner.threads is None:  # not every cluster confines a job to its cores
            config.runner.threads = self.threads
        work = functools.partial(work_in_job, config, self.context, self.job)
        done: JobReturn = self.jobs.run(work, f"{self.study}:{number}", number, is_final)
        return done


def is_final(done: JobReturn) -> bool:
    """Return whether a job did its work to the end, and was not stopped."""
    from dcgan_sweeps.tracking.outcome import Outcome

    return getattr(done._return_value, "outcome", None) != Outcome.INTERRUPTED


def work_in_job(
    config: DictConfig, hydra_context: HydraContext, task_function: TaskFunction
) -> JobReturn:
    """Run one job in the Slurm job that was submitted for it.

    Signals before and after the training end the job; a run in training saves a checkpoint.
    """
    from hydra.core.utils import JobStatus

    from dcgan_sweeps.sweep.result import TrialResult
    from dcgan_sweeps.tracking.outcome import Outcome

    # submitit's own handlers ignore SIGTERM, and requeue the job without a checkpoint.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGUSR2, refuse_to_begin)
    place = f"Slurm job {os.environ['SLURM_JOB_ID']}"
    try:
        done = run_composed(config, hydra_context, task_function, place)
    except KeyboardInterrupt:
        result = TrialResult(Outcome.INTERRUPTED, "stopped before it began to train")
        done = JobReturn(status=JobStatus.COMPLETED, _return_value=result)
    for number in (signal.SIGTERM, signal.SIGUSR2):  # the result is written now
        signal.signal(number, signal.SIG_IGN)
    return done


def refuse_to_begin(signum: int, frame: object) -> None:
    """Fail a trial that is near its time limit and has not begun to train.

    Another job would come no further.
    """
    raise TimeoutError("its time limit came before it trained; raise hydra.launcher.timeout_min")
