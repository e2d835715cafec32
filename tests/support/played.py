"""Studies in this process: Hydra composes them as for -m, and their trials are played."""

from __future__ import annotations

import io
import threading
import time

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.types import RunMode

from dcgan_sweeps.config.compose import find_conf_dir, register_schemas
from dcgan_sweeps.sweep.folder import StudyFolder
from dcgan_sweeps.sweep.live_study import open_live_study
from dcgan_sweeps.sweep.request import read_study_request
from dcgan_sweeps.sweep.result import TrialResult
from dcgan_sweeps.sweep.study import follow_start, open_study
from dcgan_sweeps.sweep.trial import STOPPING, make_tags, name_trial
from dcgan_sweeps.sweep.view import StudyView
from dcgan_sweeps.terminal import make_console
from dcgan_sweeps.tracking.outcome import Outcome
from hydra_plugins.dcgan_sweeps_study import Composer, add_study_words, read_settings

TINY = ("experiment=tiny", "data=synthetic", "data.count=500", "tracking=none")
LIMIT_S = 30  # of a trial that waits
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
        folder = StudyFolder.at(self.root, "s")
        request = follow_start(self.read(*words), folder)
        folder.root.mkdir(parents=True, exist_ok=True)
        study = open_study(request, folder)
        live = open_live_study(request, folder, study)
        console = console or make_console(self.file)
        return live, StudyView(console, request, folder, study, n_jobs=1)


class Launch:
    """Plays trials: number -> what each of its starts does, the last one for all further ones.

    A part is an outcome and its reason; an error, which the launcher raises; or a function of the
    study, which returns one of these. Trials without parts are complete.
    """

    def __init__(self, live, compose, parts):
        self.live, self.compose = live, compose
        self.parts = parts
        self.calls, self.overrides, self.threads = [], {}, set()
        self.is_stopped = threading.Event()
        self.is_remote = False
        self.cancelled = []
        self.places = 1

    def count_places(self):
        return self.places

    def wait_for_call(self, number):
        """Wait until a trial is launched."""
        until = time.monotonic() + LIMIT_S
        while number not in self.calls:
            assert time.monotonic() < until
            time.sleep(0.02)

    def __call__(self, overrides, number):
        start = self.calls.count(number)
        self.calls.append(number)
        self.overrides[number] = list(overrides)
        self.threads.add(threading.get_ident())
        parts = self.parts.get(number, [(Outcome.COMPLETE, "")])
        part = parts[min(start, len(parts) - 1)]
        part = part(self) if callable(part) else part
        if isinstance(part, Exception):
            raise part
        return None if part is None else self.write(number, *part)

    def write(self, number, outcome, reason="", score=None):
        """Write a trial's folder, as the trial would."""
        config, folder = self.live.request.config, self.live.folder.find_trial(number)
        folder.root.mkdir(parents=True, exist_ok=True)
        with folder.lock():
            name, tags = name_trial(number, []), make_tags(self.live.folder, number)
            folder.begin(name, tags, {}, config.tracking)
            value = 100.0 - number if score is None else score
            folder.append({"epoch": 1, "score/fcd": value})
            folder.end(outcome, reason)
        return TrialResult(outcome, reason)

    def stop(self):
        self.is_stopped.set()

    def cancel(self, number):
        self.cancelled.append(number)

    def wait_for_stop(self):
        """Wait until the controller asks the running trials to stop."""
        until = time.monotonic() + LIMIT_S
        while not self.live.study.user_attrs.get(STOPPING):
            assert time.monotonic() < until
            time.sleep(0.02)


class Played:
    """What a study came to."""

    def __init__(self, live, launch, controller, interrupts):
        self.live, self.launch, self.controller = live, launch, controller
        self.interrupts = interrupts

    def run(self, n_jobs=1):
        return self.controller.run(n_jobs, self.interrupts)

    @property
    def states(self):
        return "".join(each.state.name[0] for each in self.trials)

    @property
    def trials(self):
        return self.live.study.get_trials()
