"""The Hydra launcher `ray`, which runs each job as a Ray task: in a new process, on any node."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

CANCEL_S = 10  # for Ray to confirm that a job was killed; a node that does not answer cannot
LOOK_S = 2.0  # between two checks of a job's node


class RayLauncher(Launcher):
    """Runs jobs on the nodes of a Ray cluster, each with the resources that `ray.remote` names."""

    def __init__(self, ray: DictConfig) -> None:
        settings: Any = OmegaConf.to_container(ray, resolve=True)
        self.settings = settings

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        from dcgan_sweeps.slots.ray_cluster import start_ray

        self.context = hydra_context
        self.job = task_function
        self.master = config
        start_ray(self.settings)
        import ray

        self.task = ray.remote(**self.settings["remote"])(work_on_node)
        self.running: dict[int, Any] = {}
        self.cancelled_s: dict[int, float] = {}
        self.changing = threading.Lock()
        self.stopped = False

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Run the jobs in parallel and return their results; raises the error of a failed one."""
        numbers = range(initial_job_idx, initial_job_idx + len(job_overrides))
        for overrides, number in zip(job_overrides, numbers, strict=True):
            self._submit(overrides, number)
        return [self._wait(number) for number in numbers]

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
            self.cancelled_s[number] = time.monotonic()
            ray.cancel(self.running[number], force=True)

    def _submit(self, overrides: Sequence[str], number: int) -> None:
        from dcgan_sweeps.slots.processes import JobDied

        config = self.context.config_loader.load_sweep_config(self.master, list(overrides))
        with open_dict(config):
            config.hydra.job.id = str(number)
            config.hydra.job.num = number
        if config.runner.threads is None:
            config.runner.threads = max(1, int(self.settings["remote"]["num_cpus"]))
        self._find_note(number).unlink(missing_ok=True)
        with self.changing:
            if self.stopped:
                raise JobDied("stopped before it was started")
            self.running[number] = self.task.remote(config, self.context, self.job, Path.cwd())

    def _wait(self, number: int) -> JobReturn:
        """Return the result of a job; raises its error, and JobDied if it has none."""
        import ray
        from ray.exceptions import RayError, RayTaskError

        from dcgan_sweeps.slots.processes import JobDied
        from dcgan_sweeps.slots.ray_cluster import describe_death

        try:
            while not ray.wait([self.running[number]], timeout=LOOK_S)[0]:
                self._require_node(number)
            done: JobReturn = ray.get(self.running[number])
            return done
        except RayTaskError:
            raise
        except (RayError, JobDied) as error:
            self._wait_for_process(number)
            raise JobDied(describe_death(error)) from error
        finally:
            with self.changing:
                del self.running[number]
                self.cancelled_s.pop(number, None)

    def _require_node(self, number: int) -> None:
        """Raise JobDied for a job whose node Ray has declared dead, or was cancelled in vain.

        Ray itself waits as long as the process of such a job runs, and then for the dead node.
        """
        from dcgan_sweeps.slots.processes import JobDied
        from dcgan_sweeps.slots.ray_cluster import is_alive

        note = self._find_note(number)
        if note.is_file() and not is_alive(note.read_text()):
            raise JobDied("its Ray node died")
        if time.monotonic() - self.cancelled_s.get(number, float("inf")) > CANCEL_S:
            raise JobDied("it was cancelled, and its Ray node does not answer")

    def _wait_for_process(self, number: int) -> None:
        """Wait until the process of a job has left the trial's folder; raises RequestError."""
        from dcgan_sweeps.sweep.folder import StudyFolder
        from dcgan_sweeps.sweep.trial import wait_for_end

        wait_for_end(StudyFolder(Path(str(self.master.hydra.sweep.dir))).find_trial(number))

    def _find_note(self, number: int) -> Path:
        """Return the file that names the node on which a job runs."""
        return find_file(self.master, number, ".node")


def find_file(config: DictConfig, number: int, suffix: str) -> Path:
    """Return a file of a trial that lies next to the trial's folder."""
    return Path(str(config.hydra.sweep.dir)) / "trials" / f"{number:04d}{suffix}"


def work_on_node(
    config: DictConfig, hydra_context: HydraContext, task_function: TaskFunction, folder: Path
) -> JobReturn:
    """Run one job in this process, which Ray started for it, in the folder of the command."""
    from dcgan_sweeps.files import write_whole
    from dcgan_sweeps.slots.ray_cluster import find_slot, watch_node
    from hydra_plugins.dcgan_sweeps_slots import work_in_slot

    os.chdir(folder)
    log = find_file(config, config.hydra.job.num, ".log")
    write_whole(log.with_suffix(".node"), watch_node())
    with log.open("a") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    slot = find_slot()
    os.environ.update(slot.environment)
    return work_in_slot(config, hydra_context, task_function, slot)
