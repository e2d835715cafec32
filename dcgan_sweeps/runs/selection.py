"""Which logged runs people mean: an id, "best", or a study.

run, found = find_run(client, "dcgan_sweeps", "best")
runs = find_all(client, "dcgan_sweeps", ["study:lr", run_id])
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dcgan_sweeps.config import Fault, RequestError
from dcgan_sweeps.paths import STUDY_NAME, STUDY_NAMES
from dcgan_sweeps.runs.logged_run import RUN_ID, SCORE, LoggedRun, find_runs, read_run
from dcgan_sweeps.runs.scores import choose_identity, read_scores
from dcgan_sweeps.tracking.folder import STUDY as STUDY_TAG
from dcgan_sweeps.tracking.folder import TRIAL
from dcgan_sweeps.tracking.store import Client

BEST, STUDY = "best", "study:"
ID_START = re.compile(r"[0-9a-f]{8,32}")
ALLOWED = "allowed: best, study:NAME, a run id (32 hexadecimal digits, or the first 8)"


@dataclass(frozen=True)
class Place:
    """Where runs are looked for, and where new ones are tracked."""

    dir: str
    uri: str | None
    experiment: str


def is_run_name(target: str) -> bool:
    """Return whether `target` has the form of what names a logged run."""
    return target == BEST or target.startswith(STUDY) or ID_START.fullmatch(target) is not None


def find_run(client: Client, experiment: str, target: str) -> tuple[LoggedRun, str]:
    """Return the run that `target` names, of a study its best trial, and which it is, in words.

    Raises RequestError for what cannot be found.
    """
    if target == BEST:
        return find_best(client, experiment)
    if target.startswith(STUDY):
        return find_best_trial(client, experiment, target.removeprefix(STUDY))
    run = read_run(client, _find_id(client, experiment, target), "TARGET")
    if STUDY_TAG in run.tags and TRIAL not in run.tags:
        study = run.tags[STUDY_TAG]
        problem = f"got {target}, the parent run of study {study}; allowed: study:{study}"
        raise RequestError([Fault("TARGET", problem)])
    return run, f"run {run.run_id}, {run.name}"


def find_all(
    client: Client, experiment: str, selection: Sequence[str], *, complete: bool = True
) -> list[LoggedRun]:
    """Return the runs that `selection` name, each once; of a study its trials, the complete ones or
    all of them.

    Raises RequestError with a fault for each target that cannot be found.
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


def find_best(client: Client, experiment: str) -> tuple[LoggedRun, str]:
    """Return the complete run with the lowest score, and among which it is that, in words.

    Scores are compared within one identity, that of the newest run; reproductions do not compete.
    """
    scored = [
        run
        for run in find_runs(client, experiment, "tags.outcome = 'complete'")
        if SCORE in run.metrics and "score.identity" in run.params and "reproduces" not in run.tags
    ]
    if not scored:
        problem = f"got best; experiment {experiment} has no complete run with a {SCORE}"
        raise RequestError([Fault("TARGET", problem)])
    identity = scored[-1].params["score.identity"]
    rivals = [run for run in scored if run.params["score.identity"] == identity]
    best = min(rivals, key=lambda run: run.metrics[SCORE])
    among = f"best of {len(rivals)} complete runs of score identity {identity}"
    others = len(scored) - len(rivals)
    left_out = f", {others} of other identities left out" if others else ""
    score = f"{SCORE} {best.metrics[SCORE]:.2f}"
    return best, f"{among}{left_out}: {best.run_id}, {best.name}, {score}"


def find_best_trial(client: Client, experiment: str, study: str) -> tuple[LoggedRun, str]:
    """Return the complete trial of a study with the lowest score, and which it is, in words.

    Raises RequestError where the trials have scores that cannot be compared.
    """
    trials = [run for run in find_trials(client, experiment, study) if read_scores(run)]
    if not trials:
        raise RequestError([Fault("TARGET", f"got study:{study}; no trial of it has a score")])
    digest = choose_identity(trials, None)
    best = min(trials, key=lambda run: read_scores(run)[digest]["fcd"])
    score = f"{SCORE} {read_scores(best)[digest]['fcd']:.2f}"
    found = f"best of {len(trials)} complete trials of study {study}: {best.run_id}, {best.name}"
    return best, f"{found}, {score}"


def find_trials(
    client: Client, experiment: str, study: str, *, complete: bool = True
) -> list[LoggedRun]:
    """Return the trials of a study, the complete ones or all of them; raises RequestError where
    there is none."""
    trials = [run for run in _find_of_study(client, experiment, study) if TRIAL in run.tags]
    found = [run for run in trials if run.outcome == "complete" or not complete]
    if not found:
        kind = "complete trial" if complete else "trial"
        problem = f"got study:{study}; experiment {experiment} has no {kind} of it"
        raise RequestError([Fault("TARGET", problem)])
    return found


def find_parent(client: Client, experiment: str, study: str) -> LoggedRun:
    """Return the parent run of a study; raises RequestError where there is none."""
    parents = [run for run in _find_of_study(client, experiment, study) if TRIAL not in run.tags]
    if not parents:
        problem = f"got study:{study}; experiment {experiment} has no such study"
        raise RequestError([Fault("TARGET", problem)])
    return parents[-1]


def _find_of_study(client: Client, experiment: str, study: str) -> list[LoggedRun]:
    # Into a filter of MLflow's, which quotes nothing.
    if not STUDY_NAME.fullmatch(study):
        problem = f"got {f'{STUDY}{study}'!r}; allowed in the name of a study: {STUDY_NAMES}"
        raise RequestError([Fault("TARGET", problem)])
    return find_runs(client, experiment, f"tags.{STUDY_TAG} = '{study}'")


def _find_id(client: Client, experiment: str, target: str) -> str:
    """Return the id of the run that `target` is the beginning of; raises RequestError."""
    if RUN_ID.fullmatch(target):
        return target
    if not ID_START.fullmatch(target):
        raise RequestError([Fault("TARGET", f"got {target}; {ALLOWED}")])
    found = [
        run.run_id for run in find_runs(client, experiment, f"attributes.run_id LIKE '{target}%'")
    ]
    if len(found) != 1:
        what = f"runs that begin so: {', '.join(found)}" if found else "no run begins so"
        raise RequestError([Fault("TARGET", f"got {target}; {what}")])
    return found[0]
