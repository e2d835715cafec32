"""Confirms the best configurations of a study in a study of its own, and returns the exit code.

status = run_confirmation(source, request, configs, start_launcher)

Its trials are points (arm, seed). After each look it asks for the seeds of the next one, until
the sequential test ends. Every decision follows from the trials, so a restart makes the same ones.
"""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState
from rich.console import Console

from dcgan_sweeps.command import FAILURE, OK
from dcgan_sweeps.config.faults import Fault, refuse, require_none
from dcgan_sweeps.interrupt import Interrupts, catch_interrupts
from dcgan_sweeps.randomness import stream
from dcgan_sweeps.sweep.confirmation.arms import Arm, choose_arms
from dcgan_sweeps.sweep.confirmation.command import name_command
from dcgan_sweeps.sweep.confirmation.sequential_test import Progress, Rules, Verdict, assess
from dcgan_sweeps.sweep.confirmation.verdict import (
    Result,
    print_looks,
    record_verdict,
)
from dcgan_sweeps.sweep.controller import Controller
from dcgan_sweeps.sweep.folder import Configs, StudyFolder
from dcgan_sweeps.sweep.launch import Launch, StartLauncher
from dcgan_sweeps.sweep.live_study import LiveStudy, open_live_study
from dcgan_sweeps.sweep.overrides import Domain
from dcgan_sweeps.sweep.request import Compose, Point, StudyRequest
from dcgan_sweeps.sweep.result import read_result
from dcgan_sweeps.sweep.settings import StudySettings
from dcgan_sweeps.sweep.storage import open_storage, storage_failures
from dcgan_sweeps.sweep.study import (
    EXIT_STATUS_OF_STOP,
    SERIAL,
    choose_n_jobs,
    find_slots,
    keep_configs,
    open_study,
    show,
)
from dcgan_sweeps.sweep.summary import conclude
from dcgan_sweeps.sweep.view import StudyView
from dcgan_sweeps.terminal import make_console, make_say
from dcgan_sweeps.tracking.delivery import require_tracker
from dcgan_sweeps.tracking.store import StoreFailedError, require_places

ARM, SEED = "arm", "seed"
SUFFIX = "_confirm"
FIRST_SEED, SEEDS = 1_000_000, 1_000_000  # no search has seeds from this range
PUBLISHED = "score/fcd_test"  # a search ranks by score/fcd, so it has not seen this score


def find_source(name: str, parent: Path) -> StudyFolder:
    """Return the folder of the study to be confirmed; raises RequestError where there is none."""
    folder = StudyFolder.at(parent, name)
    if not folder.has_begun:
        problem = f"got {folder.name}; there is no such study in {folder.root.parent}"
        raise refuse("study", problem)
    if "confirmation" in folder.read():
        problem = "it is a confirmation; another one would use the same seeds again"
        raise refuse("study", f"got {folder.name}; {problem}")
    return folder


def make_request(
    source: StudyFolder,
    words: Sequence[str],
    settings: StudySettings,
    launcher: str,
    compose: Compose,
) -> StudyRequest:
    """Return the request of a confirmation; `words` are its fixed overrides.

    Its configurations are those that it started with, if it has started. Raises RequestError.
    """
    name = settings.study_name or f"{source.name}{SUFFIX}"
    config = compose(words)
    folder = StudyFolder.at(Path(config.tracking.dir), name)
    known = folder.read().get("confirmation", {}) if folder.has_begun else {}
    if known:
        arms = [
            Arm(each["name"], tuple(each["overrides"]), each["promised"]) for each in known["arms"]
        ]
    else:
        with storage_failures():
            study = optuna.load_study(
                study_name=source.name, storage=open_storage(settings.storage, source.journal)
            )
        arms = [*choose_arms(source, study.get_trials(), words, settings.confirmation, compose)]
    seeds = draw_seeds(settings.seed, settings.confirmation.looks[-1])
    chosen = settings.confirmation
    confirmation = {
        "of": source.name,
        "alpha": chosen.alpha,
        "min_gain": chosen.min_gain,
        "looks": list(chosen.looks),
        "finalists": chosen.finalists,
        "against": chosen.against,
        "arms": [each.describe() for each in arms],
    }
    names = tuple(each.name for each in arms)
    swept = {
        ARM: Domain("", names, names),
        SEED: Domain("", tuple(map(str, seeds)), seeds),
    }
    settings = dataclasses.replace(
        settings, study_name=name, pruner={}, sampler={}, n_trials=None, target_score=None
    )
    return StudyRequest(
        settings, tuple(words), "none", launcher, config, tuple(words), swept, (), (), {},
        confirmation,
    )  # fmt: skip


def draw_seeds(seed: int, count: int) -> tuple[int, ...]:
    """Return the training seeds of a confirmation, which all its configurations share."""
    drawn = stream(seed, "confirm").choice(SEEDS, size=SEEDS, replace=False)[:count]
    return tuple(FIRST_SEED + int(each) for each in drawn)


def run_confirmation(
    source: StudyFolder, request: StudyRequest, configs: Configs, start_launcher: StartLauncher
) -> int:
    """Run or resume a confirmation, and return the exit code; raises RequestError."""
    console = make_console()
    say = make_say(console)
    require_places(request.config.tracking)
    slots = find_slots(request)
    n_jobs = choose_n_jobs(request, slots)
    folder = StudyFolder.at(Path(request.config.tracking.dir), str(request.settings.study_name))
    require_same_start(request, folder)
    require_tracker(request.config.tracking)
    most = request.settings.confirmation.max_runs
    arms = ", ".join(each["name"] for each in request.confirmation["arms"])
    say(f"study {folder.name}: {arms}, each on the same new seeds; at most {most} runs")
    say(f"resume with: {name_command(source.name, sys.argv[1:])}")
    with folder.lock(), catch_interrupts() as interrupts:
        keep_configs(folder, configs, say)
        study = open_study(request, folder, say)
        live = open_live_study(request, folder, study)
        launch = start_launcher(folder.root, folder.conf)
        return do_rounds(console, source, live, launch, n_jobs, interrupts)


def require_same_start(request: StudyRequest, folder: StudyFolder) -> None:
    """Raise RequestError where the confirmation has started with another request."""
    before = folder.read() if folder.has_begun else {}
    now = request.describe()
    if before:
        pairs = [*now.items(), *now["confirmation"].items()]
        known = {**before, **before.get("confirmation", {})}
        require_none(
            [
                Fault(
                    key, f"got {show(value)}; the confirmation started with {show(known.get(key))}"
                )
                for key, value in pairs
                if key not in ("confirmation", "swept") and known.get(key) != value
            ]
        )


def do_rounds(
    console: Console,
    source: StudyFolder,
    live: LiveStudy,
    launch: Launch,
    n_jobs: int | None,
    interrupts: Interrupts,
) -> int:
    """Run the rounds of a confirmation, print and record its verdict, and return the exit code."""
    say, resume = make_say(console), name_command(source.name, sys.argv[1:])
    points, stop_reason, shown = read_points(live), "", 0
    try:
        with storage_failures():
            while True:
                progress = assess_study(live)
                print_looks(say, progress.looks[shown:])
                shown = len(progress.looks)
                if not progress.wanted or stop_reason:
                    break
                points += list_missing(live.request, points, progress.wanted)
                request = dataclasses.replace(live.request, points=tuple(points))
                live = dataclasses.replace(live, request=request)
                view = StudyView(console, request, live.folder, live.study, n_jobs)
                controller = Controller(live, launch, view)
                with view.shown():
                    stop_reason = controller.run(
                        0 if request.launcher == SERIAL else n_jobs, interrupts
                    )
            interrupts.ending = True
            result = Result(live, source, progress, count_runs(live))
            record_verdict(result, launch)
            counts = conclude(
                console,
                live,
                launch,
                stop_reason,
                interrupts.listen(),
                resume if stop_reason else "",
            )
    except StoreFailedError as error:
        launch.stop()
        live.delivery.flush(0, interrupts.listen(), say)
        say(f"stopped: {error}; resume with: {resume}")
        return FAILURE
    say("")
    for line in result.describe():
        say(line)
    return EXIT_STATUS_OF_STOP.get(stop_reason, OK if counts["complete"] else FAILURE)


def read_points(live: LiveStudy) -> list[Point]:
    """Return the points of the trials that a confirmation has, in the order of their numbers."""
    return [
        make_point(live.request, *find_point(trial))
        for trial in live.study.get_trials(deepcopy=False)
    ]


def find_point(trial: FrozenTrial) -> tuple[str, int]:
    """Return the arm and the seed of a trial, which it has before it has started."""
    params: Mapping[str, Any] = trial.system_attrs.get("fixed_params", trial.params)
    return str(params[ARM]), int(params[SEED])


def make_point(request: StudyRequest, arm: str, seed: int) -> Point:
    """Return the point of an arm and a seed."""
    overrides = {each["name"]: each["overrides"] for each in request.confirmation["arms"]}
    return Point((*overrides[arm], f"{SEED}={seed}"), {ARM: arm, SEED: seed})


def list_missing(
    request: StudyRequest, points: Sequence[Point], wanted: Mapping[str, int]
) -> list[Point]:
    """Return the points that the arms still need for the seeds that they want, by seed."""
    known = {(point.values[ARM], point.values[SEED]) for point in points}
    seeds = request.swept[SEED].values
    pairs = [
        (arm, seed)
        for place, seed in enumerate(seeds[: max(wanted.values())])
        for arm, count in wanted.items()
        if place < count
    ]
    return [make_point(request, *pair) for pair in pairs if pair not in known]


def assess_study(live: LiveStudy) -> Progress:
    """Return the looks and the verdict that the trials of a confirmation allow."""
    request, chosen = live.request, live.request.settings.confirmation
    reference, *finalists = (each["name"] for each in request.confirmation["arms"])
    log_scores, failed = read_log_scores(live)
    if reference in failed:
        reason = f"{reference} failed: {failed[reference]}"
        return Progress((), {}, Verdict.NOT_SHOWN, reason)
    left = {arm: scores for arm, scores in log_scores.items() if arm not in failed}
    rules = Rules(
        chosen.alpha, chosen.min_gain, chosen.max_runs, tuple(chosen.looks), len(finalists)
    )
    return assess(rules, reference, left)


def read_log_scores(live: LiveStudy) -> tuple[dict[str, list[float]], dict[str, str]]:
    """Return {arm: log scores by seed}, and {arm: reason} of the arms with a run that failed.

    The scores of an arm end before the first seed whose run is not complete.
    """
    scores: dict[tuple[str, int], float] = {}
    failed: dict[str, str] = {}
    for trial in live.study.get_trials(deepcopy=False):
        arm, seed = find_point(trial)
        result = read_result(live.folder.find_trial(trial.number))
        if trial.state == TrialState.COMPLETE and result is not None:
            scores[arm, seed] = math.log(result.scores[PUBLISHED])
        elif trial.state == TrialState.FAIL:
            failed[arm] = str(trial.user_attrs.get("reason", "a run failed"))
    series: dict[str, list[float]] = {}
    for arm in live.request.swept[ARM].values:
        series[arm] = []
        for seed in live.request.swept[SEED].values:
            if (arm, seed) not in scores:
                break
            series[arm].append(scores[arm, seed])
    return series, failed


def count_runs(live: LiveStudy) -> int:
    return sum(each.state == TrialState.COMPLETE for each in live.study.get_trials(deepcopy=False))
