"""Hydra's sweeper `study`: every -m is one study, a grid or an Optuna search.

It only translates: what is asked of Hydra into a StudyRequest, and a trial into one job of Hydra's
launcher. Optuna is imported when a study is run, since Hydra loads this file even for --help.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from dcgan_sweeps.command import OF_THE_STUDY, StudyEnded
from dcgan_sweeps.config import Config, freeze, make_schema
from dcgan_sweeps.places import resolve_places
from dcgan_sweeps.sweep.settings import StudySettings, check_settings

ConfigStore.instance().store(
    group="hydra/sweeper",
    name="study_schema",
    node=make_schema(StudySettings),
    provider="dcgan_sweeps",
)


class StudySweeper(Sweeper):
    """Runs a study, and raises StudyEnded with its exit status."""

    def __init__(self, **settings: Any):
        """Take nothing: the settings are read from the configuration, as their schema."""

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        self.context = hydra_context
        self.job = task_function
        self.master = copy.deepcopy(config)
        # Every job is composed with the study's own settings too: it needs pruner and storage.
        words = [each for each in config.hydra.overrides.task if each.startswith(OF_THE_STUDY)]
        with open_dict(self.master):
            self.master.hydra.overrides.hydra.extend(words)

    def sweep(self, arguments: list[str]) -> NoReturn:
        from dcgan_sweeps.sweep.request import read_study_request
        from dcgan_sweeps.sweep.study import run_study

        settings = OmegaConf.to_object(self.master.hydra.sweeper)
        if not isinstance(settings, StudySettings):
            raise TypeError(f"hydra.sweeper is a {type(settings).__name__}")
        check_settings(settings)
        composer = Composer(self.context.config_loader, self.master)
        choices = self.master.hydra.runtime.choices
        request = read_study_request(
            [word for word in arguments if not word.startswith(OF_THE_STUDY)],
            settings,
            {group: str(choice) for group, choice in choices.items()},
            self.context.config_loader,
            composer,
        )
        raise StudyEnded(run_study(request, self._start_launcher))

    def _start_launcher(self, root: Path, conf: Path) -> Jobs:
        """Return the launcher of one study, whose jobs are composed from the copy in `conf`."""
        config = copy.deepcopy(self.master)
        words = [f"hydra.sweeper.study_name={root.name}", f"hydra.sweep.dir='{root}'"]
        # A job sees Hydra's part alone, in which ${train.epochs} leads nowhere.
        written: Any = OmegaConf.to_container(config.hydra.sweeper.pruner, resolve=False)
        resolved: Any = OmegaConf.to_container(config.hydra.sweeper.pruner, resolve=True)
        for key, value in resolved.items():
            if written[key] != value:
                words.append(f"hydra.sweeper.pruner.{key}={value}")
        with open_dict(config):
            config.hydra.sweeper.study_name = root.name
            config.hydra.sweep.dir = str(root)
            config.hydra.overrides.hydra.extend(words)
        loader = copy_loader(self.context.config_loader, conf)
        context = HydraContext(config_loader=loader, callbacks=self.context.callbacks)
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=context, task_function=self.job, config=config
        )
        return Jobs(launcher, Composer(loader, config))


class Composer:
    """Composes the configuration of a trial as Hydra's launchers do."""

    def __init__(self, loader: Any, config: DictConfig):
        self.loader = loader
        self.config = config
        self.lock = threading.Lock()

    def __call__(self, words: Sequence[str]) -> Config:
        """Return the checked configuration; raises RequestError, and what Hydra raises."""
        with self.lock:
            composed = self.loader.load_sweep_config(self.config, list(words))
        with open_dict(composed):
            del composed["hydra"]
        config: Config = resolve_places(freeze(composed), Path.cwd())
        return config


class Jobs:
    """One launcher, asked for one job at a time, from as many threads as there are trials."""

    def __init__(self, launcher: Any, compose: Composer):
        self.launcher = launcher
        self.compose = compose

    def __call__(self, words: Sequence[str], number: int) -> Any:
        """Return what the job returns; raises what kept it from ending."""
        (done,) = self.launcher.launch([list(words)], initial_job_idx=number)
        return done.return_value

    def stop(self) -> None:
        """End the running jobs at once, where the launcher can."""
        stop = getattr(self.launcher, "stop", None)
        if stop is not None:
            stop()


def copy_loader(loader: Any, conf: Path) -> ConfigLoaderImpl:
    """Return a config loader that reads `conf` where the other reads the main configuration."""
    search_path = copy.deepcopy(loader.get_search_path())
    for element in search_path.get_path():
        if element.provider == "main":
            element.path = f"file://{conf}"
    return ConfigLoaderImpl(config_search_path=search_path)
