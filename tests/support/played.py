"""Studies in this process: Hydra composes them as for -m, and their trials are played."""

from __future__ import annotations

import io

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.types import RunMode

from dcgan_sweeps.config import find_conf_dir, register_schemas
from dcgan_sweeps.sweep.folder import StudyFolder
from dcgan_sweeps.sweep.live_study import open_live_study
from dcgan_sweeps.sweep.request import read_study_request
from dcgan_sweeps.sweep.study import open_study
from dcgan_sweeps.sweep.view import StudyView
from dcgan_sweeps.terminal import make_console
from hydra_plugins.dcgan_sweeps_study import Composer, add_study_words, read_settings

TINY = ("experiment=tiny", "data=synthetic", "data.count=500", "tracking=none")
OF_THE_STUDY = ("hydra.", "search=", "sampler=", "pruner=")


class Studies:
    """Studies in one folder, and what they print."""

    def __init__(self, root):
        self.root = root
        self.file = io.StringIO()
        self.compose = None

    @property
    def printed(self):
        return self.file.getvalue()

    def read(self, *words):
        """Return the request of a study, as the sweeper reads it."""
        register_schemas()
        words = (*TINY, f"tracking.dir={self.root}", *words)
        settings = [word for word in words if word.lstrip("+").startswith(OF_THE_STUDY)]
        mine = [word for word in words if word not in settings]
        loader = ConfigLoaderImpl(create_config_search_path(str(find_conf_dir())))
        composed = loader.load_configuration("config", settings, RunMode.MULTIRUN)
        master = add_study_words(composed)
        choices = {key: str(name) for key, name in master.hydra.runtime.choices.items()}
        self.compose = Composer(loader, master)
        return read_study_request(
            mine, read_settings(master), choices, loader, self.compose, lambda line: None
        )

    def open(self, *words, console=None):
        """Return a study that begins, or goes on, and its view."""
        request = self.read(*words)
        folder = StudyFolder.at(self.root, "s")
        folder.root.mkdir(parents=True, exist_ok=True)
        study = open_study(request, folder)
        live = open_live_study(request, folder, study)
        console = console or make_console(self.file)
        return live, StudyView(console, request, folder, study, n_jobs=1)
