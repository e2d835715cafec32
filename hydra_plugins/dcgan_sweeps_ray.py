"""The Hydra launcher `ray`, which runs each job as a Ray task: in a new process, on any node."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from dcgan_sweeps.composition.repeated import RepeatedComposition


class RayLauncher(Launcher):
    """Runs jobs on the nodes of a Ray cluster, each with the resources that `ray.remote` names."""

    is_remote = True  # the heartbeats of its trials are watched

    def __init__(self, ray: DictConfig) -> None:
        settings: Any = OmegaConf.to_container(ray, resolve=True)
        self.settings = settings

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        from dcgan_sweeps.slots.ray_cluster import start_ray

        self.context = hydra_context
        self.job = task_function
        self.compose = RepeatedComposition(hydra_context.config_loader, config, with_hydra=True)
        start_ray(self.settings)
        import ray

        self.task = ray.remote(**self.settings["remote"])(work_on_node)
        self.running: dict[int, Any] = {}
        self.changing = threading.Lock()
        self.stopped = False

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Run the jobs in parallel and return their results; raises the error of a failed one."""
        numbers = range(initial_job_idx, initial_job_idx + len(job_overrides))
        pairs = zip(job_overrides, numbers, strict=True)
        jobs = [(self._submit(overrides, number), number) for overrides, number in pairs]
        return [self._wait(job, number) for job, number in jobs]

    def count_places(self) -> int:
        """Return how many jobs fit on the nodes of the cluster, which may grow."""
        from dcgan_sweeps.slots.ray_cluster import count_places

        return count_places(self.settings["remote"])

    def cancel(self, number: int) -> None:
        """Kill a running job."""
        with self.changing:
            self._kill(number)

    def stop(self) -> None:
        """Kill every running job; jobs that wait for a node are not started."""
        with self.changing:
            self.stopped = True
            for number in self.running:
                self._kill(number)

    def _kill(self, number: int) -> None:
        import ray

        if number in self.running:
            ray.cancel(self.running[number], force=True)

    def _submit(self, overrides: Sequence[str], number: int) -> Any:
        from dcgan_sweeps.slots.processes import JobDied

        config = self.compose(overrides)
        with open_dict(config):
            config.hydra.job.id = str(number)
            config.hydra.job.num = number
        if config.runner.threads is None:
            config.runner.threads = max(1, int(self.settings["remote"]["num_cpus"]))
        with self.changing:
            if self.stopped:
                raise JobDied("stopped before it was started")
            job = self.task.remote(config, self.context, self.job, Path.cwd())
            self.running[number] = job
            return job

    def _wait(self, job: Any, number: int) -> JobReturn:
        """Return the result of a job; raises its error, and JobDied if it has none."""
        import ray
        from ray.exceptions import RayError, RayTaskError

        from dcgan_sweeps.slots.processes import JobDied
        from dcgan_sweeps.slots.ray_cluster import describe_death

        try:
            done: JobReturn = ray.get(job)
            return done
        except RayTaskError as error:  # its text is a traceback
            raise JobDied(str(error).strip().splitlines()[-1]) from error
        except RayError as error:
            raise JobDied(describe_death(error)) from error
        finally:
            with self.changing:
                if self.running[number] is job:  # else the trial was given up and runs elsewhere
                    del self.running[number]


def work_on_node(
    config: DictConfig, hydra_context: HydraContext, task_function: TaskFunction, folder: Path
) -> JobReturn:
    """Run one job in this process, which Ray started for it, in the folder of the command."""
    from dcgan_sweeps.slots.ray_cluster import find_slot
    from hydra_plugins.dcgan_sweeps_slots import work_in_slot

    os.chdir(folder)
    log = Path(str(config.hydra.sweep.dir)) / "trials" / f"{config.hydra.job.num:04d}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    slot = find_slot()
    os.environ.update(slot.environment)
    return work_in_slot(config, hydra_context, task_function, slot)
