"""One start of a trial: its spec, the point that it resumes from, and its pruning callback.

trial = attach(folder, number, settings, say)
spec = build_trial_spec(request, folder, number, varied, say)
execute(spec, components, console, make_judge(trial, spec.config))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import optuna

from dcgan_sweeps.command import Request
from dcgan_sweeps.config.faults import refuse
from dcgan_sweeps.config.flat import flatten
from dcgan_sweeps.config.schema import Config
from dcgan_sweeps.datasets.loading import load_images
from dcgan_sweeps.execution.resume import (
    hold,
    read_own_checkpoint,
    read_unedited,
    released_on_refusal,
)
from dcgan_sweeps.execution.spec import ResumePoint, RunSpec, Stop, restore_runner
from dcgan_sweeps.logged_config import compute_config_hash
from dcgan_sweeps.runs.logged_run import find_finished
from dcgan_sweeps.runs.scores import describe_mixed
from dcgan_sweeps.scoring.identity import Identity, identify
from dcgan_sweeps.sweep.folder import StudyFolder
from dcgan_sweeps.sweep.holders import wait_until_free
from dcgan_sweeps.sweep.ranking import find_identities
from dcgan_sweeps.sweep.result import IDENTITY, SCORE
from dcgan_sweeps.sweep.samplers import make_pruner
from dcgan_sweeps.sweep.space import shorten
from dcgan_sweeps.sweep.storage import database_failures, reopen_storage
from dcgan_sweeps.tracking.delivery import is_mirrored
from dcgan_sweeps.tracking.folder import RUN_FILE, STUDY, TRIAL, RunFolder
from dcgan_sweeps.tracking.outcome import Outcome
from dcgan_sweeps.tracking.store import StoreFailedError, answering, open_store

if TYPE_CHECKING:
    from dcgan_sweeps.execution.live_run import EpochEnd

# Characters of a name's overrides: the MLflow UI centres pictures below the whole name of a run.
LONGEST_NAME = 50
STOPPING = "stopping"  # the study's attribute that asks running trials to stop after an epoch


def attach(
    folder: StudyFolder, number: int, settings: Mapping[str, Any], say: Callable[[str], None]
) -> optuna.Trial:
    """Return the Optuna trial that the controller asked for, with the study's pruner."""
    storage = reopen_storage(settings["storage"], folder.journal, say)
    study = optuna.load_study(
        study_name=folder.name, storage=storage, pruner=make_pruner(settings["pruner"])
    )
    trial_id = storage.get_trial_id_from_study_id_trial_number(study._study_id, number)
    return optuna.Trial(study, trial_id)


def is_told(trial: optuna.Trial) -> bool:
    """Return whether a trial has ended for its study."""
    return trial.storage.get_trial(trial._trial_id).state.is_finished()


def compute_identity(config: Config) -> Identity | None:
    """Return the score identity of a configuration, None where it is not scored.

    It reads the data, and does not import TensorFlow.
    """
    if config.score.name == "none":
        return None
    return identify(config.score, load_images(config.data, lambda line: None).digest)


def find_done(config: Config, identity: Identity | None) -> tuple[str, float] | None:
    """Return the id and score of a complete run with this configuration and score identity.

    Returns None where there is none, or where runs are not tracked. Raises RequestError where the
    tracker does not answer.
    """
    tracking, digest = config.tracking, identity.digest if identity else ""
    if not is_mirrored(tracking):
        return None
    config_hash = compute_config_hash(flatten(config))
    with answering():
        client = open_store(tracking.uri, tracking.dir)
        for run in find_finished(client, tracking.experiment, config_hash):
            if SCORE in run.metrics and run.params.get("score.identity") == digest:
                return run.run_id, run.metrics[SCORE]
    return None


def note_identity(trial: optuna.Trial, identity: Identity) -> None:
    """Record the score identity of a trial.

    Raises RequestError that names both identities where a search has trials of another one, since
    it could not rank them. This happens when the classifier changes between two starts of a study.
    """
    mine = (identity.digest, identity.describe())
    found = find_identities(trial.study.get_trials(deepcopy=False)) | dict([mine])
    if len(found) > 1 and "sampler" in trial.study.user_attrs["asked"]:
        raise refuse("score", describe_mixed(found))
    trial.set_user_attr(IDENTITY, mine)


def build_trial_spec(
    request: Request,
    folder: StudyFolder,
    number: int,
    varied: Sequence[str],
    say: Callable[[str], None],
) -> RunSpec:
    """Return the spec of a trial that starts, or resumes from a checkpoint.

    Raises RequestError for a trial that is still running.
    """
    run_folder = folder.find_trial(number)
    wait_until_free(run_folder)
    resume_point = find_resume_point(request.config, run_folder, number, say)
    runner = request.config.runner
    if resume_point is not None:
        runner = restore_runner(runner, resume_point.provenance)
    return RunSpec(
        request.config,
        request.overrides,
        name_trial(number, varied),
        runner,
        make_tags(folder, number),
        resume_point,
        run_folder.root,
    )


def name_trial(number: int, varied: Sequence[str]) -> str:
    """Return the name of a trial's run: its number, and as many of its own overrides as fit."""
    words = shorten(varied)
    if len(words) > LONGEST_NAME:
        first = words[:LONGEST_NAME]
        words = f"{first.rpartition(' ')[0] or first} ..."
    return f"{number}: {words}"


def make_tags(folder: StudyFolder, number: int) -> dict[str, str]:
    """Return the tags that mark a run as a trial of a study."""
    return {STUDY: folder.name, TRIAL: str(number)}


def find_resume_point(
    config: Config, run_folder: RunFolder, number: int, say: Callable[[str], None]
) -> ResumePoint | None:
    """Return the point that a trial resumes from, None where it has not started before."""
    if not (run_folder.root / RUN_FILE).is_file():
        return None
    run_folder.samples.mkdir(exist_ok=True)
    provenance = read_unedited(config, run_folder)
    with released_on_refusal(hold(run_folder)) as lock:
        checkpoint = read_own_checkpoint(run_folder, config, say)
        where = "its start" if checkpoint is None else f"step {checkpoint.step}"
        say(f"trial {number} resumes from {where}")
        return ResumePoint(run_folder, lock, provenance, checkpoint, same=True)


def make_judge(trial: optuna.Trial, config: Config) -> Callable[[EpochEnd], Stop | None]:
    """Return the pruning callback of a trial, which reports each score and may stop the trial.

    Where a database fails, the trial is interrupted, and reports this score when it is resumed.
    """
    study = trial.study
    reported = set(study.trials[trial.number].intermediate_values)

    def judge(end: EpochEnd) -> Stop | None:
        try:
            with database_failures():
                return decide(end)
        except StoreFailedError as error:
            return Stop(Outcome.INTERRUPTED, str(error))

    def decide(end: EpochEnd) -> Stop | None:
        if SCORE in end.scores and end.number not in reported:
            reported.add(end.number)
            trial.report(end.scores[SCORE], end.number)
        if end.number >= config.train.epochs:
            return None
        if end.scores and trial.should_prune():
            score = end.scores[SCORE]
            return Stop(Outcome.PRUNED, f"after epoch {end.number}, with {SCORE} {score:.2f}")
        if study.user_attrs.get(STOPPING):
            return Stop(Outcome.INTERRUPTED, f"the study was stopped in epoch {end.number}")
        return None

    return judge
