"""The Hydra sweeper `study`, which runs every -m as a study: a grid or an Optuna search.

It translates the command line into a StudyRequest, and each trial into a job of Hydra's launcher.
Optuna is imported only to run a study, since Hydra loads this file even for --help.
"""

from __future__ import annotations

import copy
import dataclasses
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, RunMode, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from dcgan_sweeps.command import OF_THE_STUDY, OK, StudyEnded
from dcgan_sweeps.composition.grammar import quote
from dcgan_sweeps.composition.repeated import RepeatedComposition
from dcgan_sweeps.config.compose import find_conf_dir
from dcgan_sweeps.config.faults import Fault, RequestError
from dcgan_sweeps.config.nodes import escape_lookups, freeze, make_schema
from dcgan_sweeps.config.parts import PROVIDER, list_conf_folders
from dcgan_sweeps.config.schema import Config
from dcgan_sweeps.paths import resolve_places, resolve_url
from dcgan_sweeps.slurm.settings import SlurmSettings, require_slurm
from dcgan_sweeps.slurm.settings import check_settings as check_slurm_settings
from dcgan_sweeps.sweep.settings import EARLIER_BEHAVIOUR, PREFIX, StudySettings, check_settings

if TYPE_CHECKING:
    from dcgan_sweeps.sweep.folder import StudyFolder

RAY = "hydra_plugins.dcgan_sweeps_ray.RayLauncher"

ConfigStore.instance().store(
    group="hydra/sweeper",
    name="study_schema",
    node=make_schema(StudySettings),
    provider="dcgan_sweeps",
)


class StudySweeper(Sweeper):
    """Runs a study, and raises StudyEnded with its exit status."""

    def __init__(self, **settings: Any):
        """Ignore the settings, which are read from the configuration by their schema."""

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        self.callbacks = hydra_context.callbacks
        self.loader: Any = hydra_context.config_loader
        self.job = task_function
        self.master = add_study_words(config)

    def sweep(self, arguments: list[str]) -> NoReturn:
        from dcgan_sweeps.sweep.configs import read_configs
        from dcgan_sweeps.sweep.folder import name_study
        from dcgan_sweeps.sweep.request import read_study_request
        from dcgan_sweeps.sweep.study import run_study
        from dcgan_sweeps.terminal import make_console, make_say

        settings = read_settings(self.master)
        check_launcher(self.master, is_dry_run=settings.dry_run)
        words = [word for word in arguments if not word.startswith(OF_THE_STUDY)]
        if settings.confirms is not None:
            raise StudyEnded(self._confirm(words, settings.confirms))
        configs = read_configs(list_sources(self.master))
        folder = find_begun(self.master)
        if folder is not None:  # it is resumed with its own copy of the configuration files
            self._read_copy(folder)
        settings = read_settings(self.master)
        choices = self.master.hydra.runtime.choices
        if settings.confirm and settings.study_name is None:
            name = name_study(words, str(choices["search"]))
            settings = dataclasses.replace(settings, study_name=name)
        request = read_study_request(
            words,
            settings,
            {group: str(choice) for group, choice in choices.items()},
            self.loader,
            Composer(self.loader, self.master),
            make_say(make_console()),
        )
        with connect(self.master, settings):
            status = run_study(request, configs, self._start_launcher)
        if settings.confirm and status == OK:
            replace_by_confirmation(str(settings.study_name))
        raise StudyEnded(status)

    def _confirm(self, words: list[str], name: str) -> int:
        """Confirm the best configurations of a study, and return the exit code."""
        from dcgan_sweeps.sweep.configs import Source, read_configs
        from dcgan_sweeps.sweep.confirmation.study import (
            find_source,
            make_request,
            run_confirmation,
        )

        source = find_source(name, Path(self.master.tracking.dir))
        self._read_copy(source)
        request = make_request(
            source,
            words,
            read_settings(self.master),
            str(self.master.hydra.runtime.choices["hydra/launcher"]),
            Composer(self.loader, self.master),
        )
        configs = read_configs([Source("main", "file", str(source.conf))])
        with connect(self.master, request.settings):
            return run_confirmation(source, request, configs, self._start_launcher)

    def _read_copy(self, folder: StudyFolder) -> None:
        """Use a study's own copy of the configuration files; raises RequestError."""
        self.loader = copy_loader(self.loader, folder.conf)
        try:
            self.master = recompose(self.loader, self.master)
        except HydraException as error:
            problem = "was started by another version, with settings that this one lacks"
            named = Fault("hydra.sweeper.study_name", f"got {folder.name}, which {problem}")
            raise RequestError([named]) from error

    def _start_launcher(self, root: Path, conf: Path) -> Jobs:
        """Return the launcher of a study; its jobs are composed from the copy in `conf`."""
        config = copy.deepcopy(self.master)
        # Each job is composed again from overrides, and these connect it to the study.
        settings = read_settings(config)
        overrides = {
            "hydra.sweeper.study_name": root.name,
            "hydra.sweeper.storage": settings.storage,
            "hydra.sweep.dir": str(root),
            **find_lookups(config.hydra.sweeper.pruner, "hydra.sweeper.pruner"),
        }
        texts = [
            f"{key}={quote(str(value))}" for key, value in overrides.items() if value is not None
        ]
        kept = [word for word in config.hydra.overrides.hydra if not is_search_path(word)]
        with open_dict(config):
            config.hydra.overrides.hydra = [*kept, *texts]
            config.hydra.sweep.dir = escape_lookups(str(root))
            config.hydra.sweeper.study_name = root.name
        loader = copy_loader(self.loader, conf)
        context = HydraContext(config_loader=loader, callbacks=self.callbacks)
        launcher = Plugins.instance().instantiate_launcher(
            hydra_context=context, task_function=self.job, config=config
        )
        return Jobs(launcher, Composer(loader, config))


def connect(master: DictConfig, settings: StudySettings) -> AbstractContextManager[None]:
    """Return the context in which a study runs: with Ray, that of the connection to it.

    Ray is connected once, before the first thread, and before anything is written.
    """
    launcher = master.hydra.launcher
    if launcher.get("_target_") != RAY or settings.dry_run:
        return nullcontext()
    from dcgan_sweeps.slots.ray_cluster import connected

    plain: Any = OmegaConf.to_container(launcher.ray, resolve=True)
    return connected(plain, is_counted=settings.n_jobs is None)


def replace_by_confirmation(study: str) -> NoReturn:
    """Replace this process by the confirmation of a study that has ended."""
    from dcgan_sweeps.sweep.confirmation.command import choose_arguments

    sys.stdout.flush()
    command = [sys.executable, "-m", "dcgan_sweeps.confirm", f"study:{study}"]
    command += choose_arguments(sys.argv[1:])
    os.execv(sys.executable, command)


def add_study_words(config: DictConfig) -> DictConfig:
    """Return a sweep's configuration from which each job is composed with the study's settings.

    A job needs the pruner and the storage of its study.
    """
    master = copy.deepcopy(config)
    overrides = [each for each in config.hydra.overrides.task if each.startswith(OF_THE_STUDY)]
    with open_dict(master):
        master.hydra.overrides.hydra.extend(overrides)
    return master


def read_settings(master: DictConfig) -> StudySettings:
    """Return the settings of a study, checked, with the path of a SQLite storage made absolute.

    Raises RequestError.
    """
    settings = OmegaConf.to_object(master.hydra.sweeper)
    if not isinstance(settings, StudySettings):
        raise TypeError(f"hydra.sweeper is a {type(settings).__name__}")
    check_settings(settings)
    if settings.storage is None:
        return settings
    return dataclasses.replace(settings, storage=resolve_url(settings.storage, Path.cwd()))


def check_launcher(master: DictConfig, *, is_dry_run: bool) -> None:
    """Raise RequestError for settings of a launcher that are not allowed, and where it cannot run.

    The launchers of other packages check themselves when they start.
    """
    launcher = OmegaConf.to_object(master.hydra.launcher)
    if isinstance(launcher, SlurmSettings):
        check_slurm_settings(launcher)
        if not is_dry_run:
            require_slurm()


def find_begun(master: DictConfig) -> StudyFolder | None:
    """Return the folder of the named study if it has begun, else None."""
    from dcgan_sweeps.sweep.folder import StudyFolder

    name, place = read_settings(master).study_name, Path(master.tracking.dir)
    if name is None:
        return None
    folder = StudyFolder.at(place, name)
    return folder if folder.has_begun else None


def list_sources(master: DictConfig) -> list[Any]:
    """Return the elements of the search path from which a configuration was composed."""
    from dcgan_sweeps.sweep.configs import Source

    written: Any = OmegaConf.to_container(master.hydra.runtime.config_sources, resolve=False)
    return [Source(each["provider"], each["schema"], each["path"]) for each in written]


def recompose(loader: Any, master: DictConfig) -> DictConfig:
    """Compose the configuration of the same overrides from the files of another loader.

    Files of an earlier version lack settings that did not exist then.
    """
    asked = master.hydra.overrides
    overrides = [word for word in [*asked.hydra, *asked.task] if not is_search_path(word)]
    composed: DictConfig = loader.load_configuration(
        config_name=master.hydra.job.config_name, overrides=overrides, run_mode=RunMode.MULTIRUN
    )
    for key in OmegaConf.missing_keys(composed.hydra.sweeper):
        current = OmegaConf.select(master, key)
        value = EARLIER_BEHAVIOUR.get(key.removeprefix(PREFIX), current)
        OmegaConf.update(composed, key, value)
    return add_study_words(composed)


def is_search_path(word: str) -> bool:
    """Return whether an override sets Hydra's search path, of which a study has a copy."""
    return word.lstrip("+").startswith("hydra.searchpath=")


def find_lookups(node: DictConfig, prefix: str) -> Mapping[str, Any]:
    """Return {key: value} of a node's interpolations, such as ${train.epochs}.

    A job sees only Hydra's part of the configuration, in which they cannot be resolved.
    """
    written: Any = OmegaConf.to_container(node, resolve=False)
    resolved: Any = OmegaConf.to_container(node, resolve=True)
    return {f"{prefix}.{key}": value for key, value in resolved.items() if written[key] != value}


class Composer:
    """Composes the configuration of a trial as Hydra's launchers do."""

    def __init__(self, loader: Any, config: DictConfig):
        self.loader = loader
        self.compose = RepeatedComposition(loader, config, with_hydra=False)

    def __call__(self, overrides: Sequence[str]) -> Config:
        """Return the checked configuration; raises RequestError, and what Hydra raises."""
        return check(self.compose(overrides))


def finish(composed: DictConfig) -> Config:
    """Return a composed configuration, checked, without Hydra's part; raises RequestError."""
    with open_dict(composed):
        del composed["hydra"]
    return check(composed)


def check(composed: DictConfig) -> Config:
    """Return a composed configuration, checked, with absolute places; raises RequestError."""
    config: Config = resolve_places(freeze(composed), Path.cwd())
    return config


class Jobs:
    """Launches one job per call; it is called from several threads, one for each running trial."""

    def __init__(self, launcher: Any, compose: Composer):
        self.launcher = launcher
        self.compose = compose

    def __call__(self, overrides: Sequence[str], number: int) -> Any:
        """Run a job and return its result; raises the error of a failed job."""
        (done,) = self.launcher.launch([list(overrides)], initial_job_idx=number)
        return done.return_value

    def compose_alone(self, overrides: Sequence[str], config_dir: Path | None) -> Config:
        """Return the configuration of these overrides for a run outside the study.

        Raises RequestError, and what Hydra raises.
        """
        path = copy.deepcopy(self.compose.loader.get_search_path())
        for element in path.get_path():
            if element.provider == "main":
                element.path = f"file://{find_conf_dir()}"
        for package, folder in list_conf_folders():
            path.prepend(f"{PROVIDER}{package}", f"file://{folder}", "schema")
        if config_dir is not None:
            path.prepend("command-line", f"file://{config_dir}", "schema")
        loader = ConfigLoaderImpl(config_search_path=path)
        return finish(loader.load_configuration("config", list(overrides), RunMode.RUN))

    def count_places(self) -> int:
        """Return how many jobs the launcher can run at a time now; only some launchers know it."""
        count: int = self.launcher.count_places()
        return count

    @property
    def is_remote(self) -> bool:
        """Whether jobs may run on other hosts, so that only a heartbeat tells that one is alive."""
        return bool(getattr(self.launcher, "is_remote", False))

    def cancel(self, number: int) -> None:
        """End the job of a trial, if the launcher can."""
        getattr(self.launcher, "cancel", ignore)(number)

    def stop(self) -> None:
        """End all jobs, if the launcher can."""
        getattr(self.launcher, "stop", ignore)()


def ignore(*arguments: object) -> None:
    """Do nothing, as most of Hydra's launchers when a job should end."""


def copy_loader(loader: Any, conf: Path) -> ConfigLoaderImpl:
    """Return a copy of a config loader that reads `conf` instead of the original configuration.

    `conf` replaces the main configuration and the user's folders.
    """
    search_path = copy.deepcopy(loader.get_search_path())
    elements = search_path.get_path()
    copied = ("command-line", PROVIDER)
    elements[:] = [each for each in elements if not str(each.provider).startswith(copied)]
    for element in elements:
        if element.provider == "main":
            element.path = f"file://{conf}"
    return ConfigLoaderImpl(config_search_path=search_path)
