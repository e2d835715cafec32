"""Finds the logged runs that a target names: a run id, "best", or a study.

run, found = find_run(client, "dcgan_sweeps", "best")
runs = find_all(client, "dcgan_sweeps", ["study:lr", run_id])
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dcgan_sweeps.config.faults import Fault, RequestError, refuse
from dcgan_sweeps.metrics import METRICS, SCORE
from dcgan_sweeps.paths import STUDY_NAME, STUDY_NAMES
from dcgan_sweeps.runs.configurations import average, average_group, find_lowest, group_runs
from dcgan_sweeps.runs.logged_run import RUN_ID, LoggedRun, find_runs, read_pages, read_run
from dcgan_sweeps.runs.scores import choose_identity, read_scores
from dcgan_sweeps.tracking.folder import STUDY as STUDY_TAG
from dcgan_sweeps.tracking.folder import TRIAL
from dcgan_sweeps.tracking.store import Client

BEST, LATEST, STUDY = "best", "latest", "study:"
Rivals = tuple[list[LoggedRun], str, str]  # runs, their score identity, and their description
LATEST_PAGE = 10
COMPLETE = "tags.outcome = 'complete'"
# Params by which the store leaves out most runs of other configurations; a filter has no escaping.
NARROWING = ("optimizer.lr", "model.dropout", "train.epochs", "score.count")
NUMBER = re.compile(r"[0-9][0-9.e+-]*")
ID_START = re.compile(r"[0-9a-f]{8,32}")
ALLOWED = (
    "allowed: best, latest, study:NAME or a run id (32 hexadecimal digits, or at least the first 8)"
)


@dataclass(frozen=True)
class Place:
    """The store and the experiment in which runs are found and tracked."""

    dir: str
    uri: str | None
    experiment: str


def is_run_name(target: str) -> bool:
    """Return whether `target` has the form of a target: best, latest, study:NAME or a run id."""
    return (
        target in (BEST, LATEST)
        or target.startswith(STUDY)
        or ID_START.fullmatch(target) is not None
    )


def find_run(client: Client, experiment: str, target: str) -> tuple[LoggedRun, str]:
    """Return the run that `target` names, and a description of it; for a study, its best trial.

    Raises RequestError if there is no such run.
    """
    if target == BEST or target.startswith(STUDY):
        return find_best(client, experiment, target)
    if target == LATEST:
        run = _find_latest(client, experiment)
        return run, f"latest run of experiment {experiment}: {run.run_id}, {run.name}"
    run = read_run(client, _find_id(client, experiment, target), "TARGET")
    if STUDY_TAG in run.tags and TRIAL not in run.tags:
        study = run.tags[STUDY_TAG]
        raise _refusal(f"{target}, the parent run of study {study}", f"allowed: study:{study}")
    return run, f"run {run.run_id}, {run.name}"


def _find_latest(client: Client, experiment: str) -> LoggedRun:
    """Return the run that was started last, whatever its outcome; a study's parent is none."""
    for page in read_pages(client, experiment, "", "start_time DESC", LATEST_PAGE):
        for run in page:
            if STUDY_TAG not in run.tags or TRIAL in run.tags:
                return run
    raise _refusal(LATEST, f"experiment {experiment} has no run")


def find_all(
    client: Client, experiment: str, selection: Sequence[str], *, complete: bool = True
) -> list[LoggedRun]:
    """Return the runs that the targets in `selection` name, each once; for a study, its trials.

    With `complete` only complete trials are returned. Raises RequestError with a fault for each
    target that cannot be found.
    """
    found: dict[str, LoggedRun] = {}
    faults: list[Fault] = []
    for target in selection:
        try:
            if target.startswith(STUDY):
                study = target.removeprefix(STUDY)
                runs = find_trials(client, experiment, study, complete=complete)
            else:
                runs = [find_run(client, experiment, target)[0]]
            found |= {run.run_id: run for run in runs}
        except RequestError as error:
            faults += error.faults
    if faults:
        raise RequestError(faults)
    return list(found.values())


def find_best(client: Client, experiment: str, target: str) -> tuple[LoggedRun, str]:
    """Return the best complete run in an experiment or study, and a description.

    It is the run with the lowest score of the configuration with the lowest mean, so that a lucky
    seed alone does not make a configuration the best. Without repeats that is the lowest score.
    Raises RequestError if no run has a score, or if their scores cannot be compared.
    """
    find_rivals = _find_in_experiment if target == BEST else _find_in_study
    rivals, digest, among = find_rivals(client, experiment, target)

    def read_score(run: LoggedRun) -> float:
        return read_scores(run)[digest]["fcd"]

    group = find_lowest(rivals, read_score)
    best, metric = group[0], METRICS[SCORE]
    value = metric.show(read_score(best))
    score = "" if f"fcd {value}" in best.name else f", {SCORE} {value}"  # a trial's name has it
    seeds = average_group(group, read_score)
    mean = metric.show(average(seeds))
    of = f" (mean of {len(seeds)} seeds {mean}, the lowest)" if len(seeds) > 1 else ""
    return best, f"best of {len(rivals)} complete {among}: {best.run_id}, {best.name}{score}{of}"


def find_repeats(client: Client, run: LoggedRun) -> list[LoggedRun]:
    """Return the complete runs of a run's experiment that differ from it in nothing but the seed.

    The run itself is the first, and reproductions are left out.
    """
    experiment = client.get_experiment(run.experiment_id).name
    same = " and ".join(
        f"params.`{key}` = '{run.params[key]}'"
        for key in NARROWING
        if NUMBER.fullmatch(run.params.get(key, ""))
    )
    found = find_runs(client, experiment, " and ".join(filter(None, [COMPLETE, same])))
    others = [each for each in found if each.run_id != run.run_id and "reproduces" not in each.tags]
    return group_runs([run, *others])[0]


def _find_in_experiment(client: Client, experiment: str, target: str) -> Rivals:
    """Return the complete runs with the score identity of the newest one, without reproductions."""
    runs = find_runs(client, experiment, COMPLETE)
    scored = [
        run
        for run in runs
        if run.params.get("score.identity") in read_scores(run) and "reproduces" not in run.tags
    ]
    if not scored:
        problem = f"experiment {experiment} has no complete run with a {SCORE}"
        raise _refusal(target, problem)
    newest = scored[-1].params["score.identity"]
    rivals = [run for run in scored if run.params["score.identity"] == newest]
    others = len(scored) - len(rivals)
    left_out = f" ({others} with another identity left out)" if others else ""
    return rivals, newest, f"runs with score identity {newest}{left_out}"


def _find_in_study(client: Client, experiment: str, target: str) -> Rivals:
    """Return the complete trials of a study that have a score, and their common score identity."""
    study = target.removeprefix(STUDY)
    trials = [run for run in find_trials(client, experiment, study) if read_scores(run)]
    if not trials:
        raise _refusal(target, "none of its trials has a score")
    return trials, choose_identity(trials, None), f"trials of study {study}"


def find_trials(
    client: Client, experiment: str, study: str, *, complete: bool = True
) -> list[LoggedRun]:
    """Return the trials of a study, only complete ones or all; raises RequestError if there is
    none."""
    trials = [run for run in find_of_study(client, experiment, study) if TRIAL in run.tags]
    found = [run for run in trials if run.outcome == "complete" or not complete]
    if not found:
        kind = "complete trial" if complete else "trial"
        raise _refusal(f"{STUDY}{study}", f"experiment {experiment} has no {kind} of this study")
    return found


def find_parent(client: Client, experiment: str, study: str) -> LoggedRun:
    """Return the parent run of a study; raises RequestError if there is none."""
    parents = [run for run in find_of_study(client, experiment, study) if TRIAL not in run.tags]
    if not parents:
        raise _refusal(f"{STUDY}{study}", f"experiment {experiment} has no such study")
    return parents[-1]


def find_of_study(client: Client, experiment: str, study: str) -> list[LoggedRun]:
    """Return the runs of a study, its parent and its trials; raises RequestError for its name."""
    # The name goes into an MLflow filter, which has no escaping.
    if not STUDY_NAME.fullmatch(study):
        raise _refusal(repr(f"{STUDY}{study}"), f"allowed in the name of a study: {STUDY_NAMES}")
    return find_runs(client, experiment, f"tags.{STUDY_TAG} = '{study}'")


def _find_id(client: Client, experiment: str, target: str) -> str:
    """Return the full id of the run whose id starts with `target`; raises RequestError."""
    if RUN_ID.fullmatch(target):
        return target
    if not ID_START.fullmatch(target):
        raise _refusal(target, ALLOWED)
    runs = find_runs(client, experiment, f"attributes.run_id LIKE '{target}%'")
    found = [run.run_id for run in runs]
    if len(found) != 1:
        what = f"it matches several runs: {', '.join(found)}" if found else "it matches no run"
        raise _refusal(target, what)
    return found[0]


def _refusal(got: str, problem: str) -> RequestError:
    return refuse("TARGET", f"got {got}; {problem}")
