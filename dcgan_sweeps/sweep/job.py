"""Runs a job of `-m` under any launcher: one trial of a study, or a single run.

hydra.main(...)(run_job)()   # Hydra calls it with each composed configuration
"""

from __future__ import annotations

import dataclasses
import os
import platform
import traceback
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from dcgan_sweeps.command import Request, RunFailed, read_request
from dcgan_sweeps.secrets import mask_secrets
from dcgan_sweeps.sweep.folder import StudyFolder
from dcgan_sweeps.sweep.result import TrialResult, read_result
from dcgan_sweeps.tracking.outcome import Outcome

if TYPE_CHECKING:
    import optuna

# The outcomes after which a trial may be started again.
GO_ON = (Outcome.INTERRUPTED, Outcome.FAILED)
SLOT = "DCGAN_SWEEPS_SLOT"


def run_job(composed: DictConfig) -> TrialResult:
    """Run the job of one composed configuration; in a study it never raises.

    Outside a study it raises RunFailed, which tells Hydra's own sweeper.
    """
    asked = HydraConfig.get()
    settings: dict[str, Any] = OmegaConf.to_container(asked.sweeper)  # type: ignore[assignment]
    if settings.get("study_name") is None:
        return _run_alone(composed)
    folder = StudyFolder(Path(asked.sweep.dir))
    with folder.open_log(asked.job.num) as log:
        try:
            return _run_trial(composed, folder, asked.job.num, settings, log)
        except Exception as error:
            text = traceback.format_exc()
            log.write(mask_secrets(text))
            reason = str(error) or type(error).__name__
            return TrialResult(Outcome.FAILED, reason, traceback=text)


def _run_alone(composed: DictConfig) -> TrialResult:
    from dcgan_sweeps.execution.components import prepare
    from dcgan_sweeps.execution.spec import build_spec
    from dcgan_sweeps.terminal import make_console

    console = make_console()
    spec = build_spec(read_request(composed, "config"))
    components = prepare(spec.config, spec.runner, console)

    from dcgan_sweeps.execution.outcome import execute

    execution = execute(spec, components, console)
    if execution.outcome != Outcome.COMPLETE:
        raise RunFailed(f"{execution.outcome}: {execution.reason}")
    return TrialResult(execution.outcome, execution.reason, execution.scores)


def _run_trial(
    composed: DictConfig, folder: StudyFolder, number: int, settings: dict[str, Any], log: IO[str]
) -> TrialResult:
    from dcgan_sweeps.sweep.heartbeat import beating
    from dcgan_sweeps.sweep.holders import wait_for_others
    from dcgan_sweeps.sweep.trial import attach, is_told
    from dcgan_sweeps.terminal import make_console, make_say

    heartbeat = folder.find_heartbeat(number)
    wait_for_others(heartbeat)
    with beating(heartbeat):
        trial = attach(folder, number, settings, make_say(make_console(log)))
        done = read_result(folder.find_trial(number))
        if done is not None and (is_told(trial) or done.outcome not in GO_ON):
            return done  # another job has run the trial meanwhile
        return _train(composed, folder, trial, log)


def _train(
    composed: DictConfig, folder: StudyFolder, trial: optuna.Trial, log: IO[str]
) -> TrialResult:
    from dcgan_sweeps.execution.components import prepare
    from dcgan_sweeps.sweep.trial import build_trial_spec, make_judge, note_identity
    from dcgan_sweeps.terminal import make_console, make_say

    console = make_console(log)
    say = make_say(console)
    number = trial.number
    slot = os.environ.get(SLOT, "")
    place = {"slot": f"{platform.node()}, {slot}"} if slot else {}
    request: Request = read_request(composed, "config")
    spec = build_trial_spec(request, folder, number, trial.user_attrs["varied"], say)
    spec = dataclasses.replace(spec, tags={**spec.tags, **place})
    components = prepare(spec.config, spec.runner, console)
    if components.scorer is not None:
        note_identity(trial, components.scorer.identity)

    from dcgan_sweeps.execution.outcome import execute

    execution = execute(spec, components, console, make_judge(trial, spec.config))
    result = read_result(execution.recorder.folder)
    if result is None:  # a full disk
        result = TrialResult(execution.outcome, execution.reason, execution.scores)
    log.write(result.traceback)
    return result
