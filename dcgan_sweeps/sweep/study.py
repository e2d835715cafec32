"""Runs a study, from its request to its exit code.

status = run_study(request, configs, start_launcher)
"""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import optuna
from rich.console import Console

from dcgan_sweeps.command import FAILURE, INTERRUPTED, OK
from dcgan_sweeps.composition.grammar import quote
from dcgan_sweeps.composition.keys import show_value
from dcgan_sweeps.config.faults import Fault, RequestError, refuse, require_none
from dcgan_sweeps.interrupt import Interrupts, catch_interrupts
from dcgan_sweeps.place import name_variables, say_variables
from dcgan_sweeps.slots.devices import build_slots
from dcgan_sweeps.slots.slots import Slots
from dcgan_sweeps.slurm.settings import LAUNCHER as SLURM
from dcgan_sweeps.sweep.controller import Controller
from dcgan_sweeps.sweep.estimate import print_dry_run
from dcgan_sweeps.sweep.folder import Configs, StudyFolder, name_study
from dcgan_sweeps.sweep.growth import EARLIER, grow_journal, is_grown, keep_numbers, list_grids
from dcgan_sweeps.sweep.launch import Launch, StartLauncher
from dcgan_sweeps.sweep.live_study import LiveStudy, open_live_study
from dcgan_sweeps.sweep.request import StudyRequest
from dcgan_sweeps.sweep.samplers import make_pruner
from dcgan_sweeps.sweep.settings import EARLIER_BEHAVIOUR
from dcgan_sweeps.sweep.storage import open_storage, require_storage, storage_failures
from dcgan_sweeps.sweep.summary import conclude
from dcgan_sweeps.sweep.view import StudyView
from dcgan_sweeps.sweep.warm_start import read_earlier
from dcgan_sweeps.terminal import make_console, make_say
from dcgan_sweeps.tracking.delivery import require_tracker
from dcgan_sweeps.tracking.store import StoreFailedError, require_places

RAY = "ray"  # the launcher that counts the places of its cluster, which may grow
CLUSTERS = (SLURM, RAY)  # the launchers whose number of jobs this machine does not limit
SERIAL = "basic"  # the launcher that runs one job at a time, in the controlling process
# All other ends depend on whether a trial is complete.
EXIT_STATUS_OF_STOP = {"interrupted": INTERRUPTED, "failures": FAILURE}


def run_study(request: StudyRequest, configs: Configs, start_launcher: StartLauncher) -> int:
    """Run or resume a study, and return the exit code; raises RequestError.

    `configs` are the current config files that the request was composed from.
    """
    console = make_console()
    say = make_say(console)
    settings = request.settings
    require_places(request.config.tracking)
    say_variables(request.config.tracking)
    slots = find_slots(request)
    n_jobs = choose_n_jobs(request, slots)
    name = settings.study_name or name_study(request.overrides, request.search)
    folder = StudyFolder.at(Path(request.config.tracking.dir), name)
    request = follow_start(request, folder)
    earlier = read_earlier(request)
    if settings.storage is not None:
        require_storage(settings.storage)
    if settings.dry_run:
        print_dry_run(console, request, slots, n_jobs)
        return OK
    require_tracker(request.config.tracking)
    say(f"study {folder.name}: {request.total} trials, {describe_slots(request, slots)}")
    if earlier:
        say(f"warm start: the sampler knows {len(earlier)} trials of {settings.warm_start}")
    say(f"resume with: {say_how_to_go_on(request, folder.name)}")
    is_new = not folder.root.exists()
    with folder.lock(), catch_interrupts() as interrupts:
        keep_configs(folder, configs, say)
        try:
            study = open_study(request, folder, say)
            launch = start_launcher(folder.root, folder.conf)
        except RequestError:
            if is_new:  # a refused request leaves no files
                shutil.rmtree(folder.root)
            raise
        live = open_live_study(request, folder, study)
        return do_trials(console, live, launch, n_jobs, interrupts)


def keep_configs(folder: StudyFolder, configs: Configs, say: Callable[[str], None]) -> None:
    """Copy the config files of a new study; for a resumed one, say which have changed."""
    if not folder.has_begun:
        folder.copy_conf(configs)
    elif changed := folder.find_changed_configs(configs):
        say(f"changed since the study started, so not used: {', '.join(changed)}")


def do_trials(
    console: Console, live: LiveStudy, launch: Launch, n_jobs: int | None, interrupts: Interrupts
) -> int:
    """Run the trials of a study, print and record the summary, and return the exit code."""
    request, say = live.request, make_say(console)
    resume = say_how_to_go_on(request, live.folder.name)
    view = StudyView(console, request, live.folder, live.study, n_jobs)
    controller = Controller(live, launch, view)
    at_a_time = 0 if request.launcher == SERIAL else n_jobs
    try:
        with storage_failures():
            with view.shown():
                stop_reason = controller.run(at_a_time, interrupts)
            interrupts.ending = True  # every trial that ended is recorded
            command = resume if stop_reason in ("interrupted", "time limit") else ""
            counts = conclude(console, live, launch, stop_reason, interrupts.listen(), command)
    except (StoreFailedError, RequestError) as error:
        launch.stop()
        live.delivery.flush(0, interrupts.listen(), say)
        say(f"stopped: {error}; resume with: {resume}")
        return FAILURE
    finished = OK if counts["complete"] else FAILURE
    return EXIT_STATUS_OF_STOP.get(stop_reason, finished)


def open_study(
    request: StudyRequest, folder: StudyFolder, say: Callable[[str], None] = print
) -> optuna.Study:
    """Create or load the Optuna study; raises RequestError where it belongs to another request."""
    known = folder.read() if folder.has_begun else {}
    is_more = folder.has_begun and known["swept"] != request.describe()["swept"]
    if is_more:
        grow_journal(folder, request)
    study = optuna.create_study(
        storage=open_storage(request.settings.storage, folder.journal, say),
        study_name=folder.name,
        pruner=make_pruner(request.settings.pruner),
        direction="minimize",
        load_if_exists=True,
    )
    require_same(study, request, folder)
    if is_more:
        known[EARLIER] = list_grids(folder)
    if is_more or not folder.has_begun:
        folder.write({**known, "words": list(request.overrides), **request.describe()})
    return study


def find_slots(request: StudyRequest) -> Slots:
    """Return the slots of this machine, none for a cluster; raises RequestError."""
    return Slots(()) if request.launcher in CLUSTERS else build_slots(request.config.runner)


def choose_n_jobs(request: StudyRequest, slots: Slots) -> int | None:
    """Return how many trials run at a time; None: as many as the launcher has places for.

    Raises RequestError for more than there are slots, and where a cluster needs a number.
    """
    room = 1 if request.launcher == SERIAL else len(slots.slots)
    asked = request.settings.n_jobs
    if asked is None and request.launcher == SLURM:
        problem = f"got null; with hydra/launcher={request.launcher} it has to be set"
        raise refuse("hydra.sweeper.n_jobs", f"{problem}: the most jobs that run or wait at a time")
    if request.launcher == RAY:
        return asked
    if asked is None:
        return room
    if request.launcher in (SERIAL, "slots") and asked > room:
        problem = f"got {asked}; allowed: at most {room} with hydra/launcher={request.launcher}"
        raise refuse("hydra.sweeper.n_jobs", problem)
    return asked


def follow_start(request: StudyRequest, folder: StudyFolder) -> StudyRequest:
    """Return the request of a study that may have started, with the trial numbers that it has.

    Raises RequestError where it has started with another request.
    """
    if not folder.has_begun:
        return request
    before = {**EARLIER_BEHAVIOUR, **folder.read()}
    now = {**EARLIER_BEHAVIOUR, **request.describe()}
    may_grow = not request.is_search and is_grown(
        before.get("swept", []), now["swept"], paired=request.settings.zip
    )
    changed = [key for key, value in now.items() if before.get(key) != value]
    require_none(
        [
            Fault(key, f"got {show(now[key])}; the study started with {show(before.get(key))}")
            for key in changed
            if not (key == "swept" and may_grow)
        ]
    )
    return request if request.is_search else keep_numbers(request, list_grids(folder))


def show(setting: Any) -> str:
    """Return a setting of a study as text for a message; some are lists, pairs or mappings."""
    if isinstance(setting, Mapping):
        return " ".join(f"{key}={show(each)}" for key, each in setting.items()) or "none"
    if not isinstance(setting, list):
        return show_value(setting)
    if any(isinstance(each, list) for each in setting):
        return show(dict(setting))
    return ",".join(map(show, setting)) or "none"


def require_same(study: optuna.Study, request: StudyRequest, folder: StudyFolder) -> None:
    """Raise RequestError where a storage has another study of this name, or lacks its trials."""
    mine = {"folder": str(folder.root), "asked": request.describe()}
    before = {key: study.user_attrs.get(key) for key in mine}
    trials = folder.root / "trials"
    if before == {"folder": None, "asked": None}:
        if trials.is_dir() and any(trials.iterdir()):
            problem = "the trials of this study are in another storage; name that storage"
            raise refuse("hydra.sweeper.storage", problem)
        for key, value in mine.items():
            study.set_user_attr(key, value)
    elif before != mine:
        problem = f"it already has a study of this name, in {before['folder']}"
        raise refuse("hydra.sweeper.storage", problem)


def describe_slots(request: StudyRequest, slots: Slots) -> str:
    """Return in words where the trials run."""
    if request.launcher != "slots":
        return f"launcher {request.launcher}"
    out = "".join(f"; left out: {reason}" for reason in slots.left_out.values())
    return "; ".join(map(str, slots.slots)) + out


def say_how_to_go_on(request: StudyRequest, name: str) -> str:
    """Return the command that resumes a study."""
    overrides = [word for word in sys.argv[1:] if "hydra.sweeper.study_name=" not in word]
    overrides += name_variables(overrides, request.config.tracking)
    return shlex.join(
        ["python", "-m", "dcgan_sweeps.run", *overrides, f"hydra.sweeper.study_name={quote(name)}"]
    )
