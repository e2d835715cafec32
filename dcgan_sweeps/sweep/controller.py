"""Runs the trials of a study: asks Optuna for them, launches them, and tells Optuna the results.

stop_reason = Controller(live, launch, view).run(2, interrupts)

Only the controller asks and tells. It reads the outcome of a trial from the trial's folder. After
a restart it resumes, from its checkpoint, every trial that was asked but not yet told.
"""

from __future__ import annotations

import dataclasses
import time
import traceback
from collections import deque
from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState

from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.config.schema import Config
from dcgan_sweeps.interrupt import Interrupts, JobPreempted
from dcgan_sweeps.secrets import mask_secrets
from dcgan_sweeps.sweep.holders import is_alive
from dcgan_sweeps.sweep.launch import Launch
from dcgan_sweeps.sweep.live_study import LiveStudy
from dcgan_sweeps.sweep.result import SCORE, TrialResult, read_result, write_result
from dcgan_sweeps.sweep.running import Failure, RunningTrials
from dcgan_sweeps.sweep.samplers import make_sampler
from dcgan_sweeps.sweep.space import (
    Distribution,
    as_overrides,
    describe_values,
    suggest,
    suggest_value,
)
from dcgan_sweeps.sweep.trial import (
    STOPPING,
    compute_identity,
    find_done,
    make_tags,
    name_trial,
    note_identity,
)
from dcgan_sweeps.sweep.view import StudyView
from dcgan_sweeps.sweep.warm_start import read_earlier, suggest_after
from dcgan_sweeps.tracking.outcome import Outcome

STATE_OF_OUTCOME = {
    Outcome.COMPLETE: TrialState.COMPLETE,
    Outcome.PRUNED: TrialState.PRUNED,
    Outcome.DIVERGED: TrialState.FAIL,
    Outcome.FAILED: TrialState.FAIL,
}
LOOK_S = 0.25  # between two checks of the running trials
LAST_WAIT_S = 20  # for trials that were stopped at once
STOPPED = TrialResult(Outcome.INTERRUPTED, "stopped at once")


class Controller:
    """Runs the trials of one start of a study."""

    def __init__(self, live: LiveStudy, launch: Launch, view: StudyView):
        self.live = live
        self.request = live.request
        self.settings = live.request.settings
        self.folder = live.folder
        self.study = live.study
        self.launch = launch
        self.view = view
        self.distributions: dict[str, Distribution] = {}  # of a grid's keys
        self.last_states: deque[TrialState] = deque(maxlen=self.settings.stop_after_failures)
        self.best_score = float("inf")
        self.earlier = read_earlier(live.request)
        self.unfinished: deque[int] = deque()
        self.running = RunningTrials(launch, live.folder, self.settings.heartbeat_timeout_s)
        self.stop_reason = ""
        self.serial = False
        self.begin_s = time.monotonic()

    def run(self, n_jobs: int | None, interrupts: Interrupts) -> str:
        """Run the study with `n_jobs` trials at a time; 0 runs each trial in this thread.

        With None, as many run as the launcher has places for, counted anew for each trial.
        Returns why the study ended: "" when every trial is told, "interrupted", "time limit",
        "target" or "failures".
        """
        self.serial = n_jobs == 0
        self.study.set_user_attr(STOPPING, False)
        try:
            self._recover()
            self._check_limits(interrupts)
            while self._launch(n_jobs):
                self._collect()
                self._check_limits(interrupts)
                self.view.refresh(self.running)
        except KeyboardInterrupt:
            self._stop_now(interrupts)
        return self.stop_reason

    def _recover(self) -> None:
        """Tell the results of trials that an earlier start finished, and queue the others."""
        trials = self.study.get_trials(deepcopy=False)
        for trial in sorted(trials, key=_find_end):
            if trial.state.is_finished():
                self._note(trial.state, trial.value)
        for trial in trials:
            folder = self.folder.find_trial(trial.number)
            if trial.state.is_finished():
                self.live.follow(folder)
            elif trial.state == TrialState.RUNNING and is_alive(self.folder, trial.number):
                self._adopt(trial)
            elif trial.state == TrialState.RUNNING:
                result = read_result(folder)
                if result is None or result.outcome == Outcome.INTERRUPTED:
                    self.unfinished.append(trial.number)
                else:
                    self._finish(trial.number, result)

    def _adopt(self, trial: FrozenTrial) -> None:
        """Wait for a trial that outlives the controller that has launched it."""
        varied = trial.user_attrs["varied"]
        config = self.launch.compose([*self.request.fixed, *varied])
        self.view.adopt(trial.number, varied, config)
        self.running.adopt(trial.number)

    def _launch(self, n_jobs: int | None) -> bool:
        """Launch trials while there is room; return whether any is running."""
        while not self.stop_reason and len(self.running) < self._count_places(n_jobs):
            number = self._find_next()
            if number is None:
                break
            prepared = self._prepare(number)
            if prepared is None:
                continue
            overrides, config = prepared
            self.view.start(number, self._read(number).user_attrs["varied"], config)
            self.running.start(number, overrides, in_this_thread=self.serial)
        return bool(self.running)

    def _count_places(self, n_jobs: int | None) -> int:
        """Return how many trials may run now: at least one, which a launcher may let wait."""
        return max(self.launch.count_places() if n_jobs is None else n_jobs, 1)

    def _find_next(self) -> int | None:
        """Return the next trial: an unfinished one first, else a new one."""
        if self.unfinished:
            return self.unfinished.popleft()
        trials = self.study.get_trials(deepcopy=False)
        number = len(trials)
        if not any(trial.state == TrialState.WAITING for trial in trials):
            if number >= self.request.total:
                return None
            point = self._find_point(number)
            if point is not None:
                self.study.enqueue_trial(dict(point))
        return self.study.ask().number

    def _find_point(self, number: int) -> Any:
        """Return the point that a new trial has before it is asked, None if the sampler is asked.

        It is that of a grid, the search's defaults, or one after the trials of another study.
        """
        if not self.request.is_search:
            return self.request.points[number].values
        if number == 0:
            return self.request.defaults
        if not self.earlier:
            return None
        sampler = make_sampler(self.settings.sampler, self.settings.seed, number)
        return suggest_after(self.study, self.earlier, sampler, self.request.space)

    def _prepare(self, number: int) -> tuple[list[str], Config] | None:
        """Return the overrides and the configuration of a trial, None where it is finished."""
        trial = optuna.Trial(self.study, self._read(number)._trial_id)
        varied = self._sample(trial, number)
        trial.set_user_attr("varied", varied)
        overrides = [*self.request.fixed, *varied]
        try:
            config = self.launch.compose(overrides)
        except Exception as error:  # Hydra raises ValueError too
            reason = f"composition failed: {str(error).strip().partition(chr(10))[0]}"
            text = mask_secrets(traceback.format_exc())
            with self.folder.open_log(number) as log:
                log.write(text)
            result = TrialResult(Outcome.FAILED, reason, traceback=text)
            self._write(number, result)
            self._finish(number, result, is_final=True)
            return None
        if self.settings.skip_finished and self._skip(number, trial, config):
            return None
        return overrides, config

    def _skip(self, number: int, trial: optuna.Trial, config: Config) -> bool:
        """Finish a trial with a complete run of its configuration; return whether there is one."""
        identity = compute_identity(config)
        try:
            done = find_done(config, identity)
        except RequestError as error:  # the tracker is gone, so the trial runs
            self.view.say(f"trial {number:>3} cannot be looked up among finished runs: {error}")
            return False
        if done is None:
            return False
        run_id, score = done
        reason = f"already finished by run {run_id}"
        result = TrialResult(Outcome.COMPLETE, reason, {SCORE: score})
        try:
            if identity is not None:
                note_identity(trial, identity)
        except RequestError as error:  # its score has another identity than the study's
            result = TrialResult(Outcome.FAILED, str(error))
        self._finish(number, result, is_final=True, run_id=run_id)
        return True

    def _sample(self, trial: optuna.Trial, number: int) -> list[str]:
        if not self.request.is_search:
            point = self.request.points[number]
            for key, value in point.values.items():
                if key not in self.distributions:
                    self.distributions[key] = self._choose_distribution(key)
                suggest_value(trial, key, self.distributions[key])
                if trial.params[key] != value:
                    raise RuntimeError(f"trial {number} has {key}={trial.params[key]}")
            return list(point.overrides)
        self.study.sampler = make_sampler(self.settings.sampler, self.settings.seed, number)
        fresh = optuna.Trial(self.study, trial._trial_id)
        values = suggest(fresh, self.request.space)
        return as_overrides(values | self.request.list_own_seed(number))

    def _choose_distribution(self, key: str) -> Distribution:
        """Return the distribution of a grid's key, which is the same in all trials of a study."""
        known = (
            trial.distributions[key]
            for trial in self.study.get_trials(deepcopy=False)
            if key in trial.distributions
        )
        first = next(known, None)
        if isinstance(first, CategoricalDistribution):
            return first
        return describe_values(self.request.swept[key].values)

    def _collect(self) -> None:
        """Finish the next trial that has ended, waiting LOOK_S for it at most."""
        ended = self.running.collect(LOOK_S)
        if ended is None:
            return
        number, failure = ended
        if isinstance(failure, JobPreempted):
            self._continue(number, failure)
        else:
            self._finish(number, self._read_end(number, failure))

    def _continue(self, number: int, preempted: JobPreempted) -> None:
        """Queue a preempted trial again, which is no failure; finish it if it had ended before."""
        result = read_result(self.folder.find_trial(number))
        if result is None:
            result = TrialResult(Outcome.INTERRUPTED, str(preempted))
            self._write(number, result)
        if result.outcome == Outcome.INTERRUPTED and not self.stop_reason:
            self.view.preempt(number, str(preempted))
            self.unfinished.append(number)
        else:
            self._finish(number, result)

    def _read_end(self, number: int, failure: Failure | None) -> TrialResult:
        """Return the result of a trial from its folder; write one where its process did not."""
        found = read_result(self.folder.find_trial(number))
        if found is not None and (failure is None or found.outcome != Outcome.INTERRUPTED):
            return found
        failure = failure or Failure("it wrote no outcome", "")
        result = TrialResult(Outcome.FAILED, failure.reason, traceback=failure.traceback)
        self._write(number, result)
        return result

    def _write(self, number: int, result: TrialResult) -> None:
        """Write the result of a trial into its folder, which is created where it is missing."""
        folder = self.folder.find_trial(number)
        name = name_trial(number, self._read(number).user_attrs.get("varied", []))
        tracking = self.request.config.tracking
        write_result(folder, result, name, make_tags(self.folder, number), tracking)

    def _finish(
        self,
        number: int,
        result: TrialResult,
        *,
        is_final: bool = False,
        run_id: str | None = None,
    ) -> None:
        """Tell Optuna the result of a trial, or queue the trial again.

        `run_id` is an earlier run, of any study or none, that had the same configuration.
        """
        folder = self.folder.find_trial(number)
        if result.outcome == Outcome.INTERRUPTED and (self.stop_reason or self.serial):
            self.live.follow(folder)
            self.view.end(number, result)
            self._stop("interrupted")
            return
        if result.outcome == Outcome.INTERRUPTED and self._is_preempted(number):
            self.view.preempt(number, result.reason)
            self.unfinished.append(number)
            return
        if result.outcome == Outcome.INTERRUPTED:  # only this trial was interrupted
            result = dataclasses.replace(result, outcome=Outcome.FAILED)
        failures = self._read(number).user_attrs.get("failures", 0)
        if result.can_be_retried and not is_final and failures < self.settings.retries:
            # A later start must not count this failure a second time.
            self._write(number, dataclasses.replace(result, outcome=Outcome.INTERRUPTED))
            self._set(number, {"failures": failures + 1})
            self.view.retry(number, result)
            self.unfinished.append(number)
            return
        if run_id is None:
            self.live.follow(folder)
            run_id = folder.read_run_id()
        attributes = {"outcome": result.outcome, "reason": result.reason, "run_id": run_id}
        self._set(number, attributes)
        self._tell(number, result)
        self.view.end(number, result)
        self._apply_policy()

    def _is_preempted(self, number: int) -> bool:
        """Return whether an interrupted trial was preempted on another host, and has advanced.

        Such a trial goes on without counting as failed, however often that happens.
        """
        if not self.launch.is_remote:
            return False
        records = self.folder.find_trial(number).read_records()
        step = max((record.get("step", 0) for record in records), default=0)
        before = self._read(number).user_attrs.get("preempted_at", 0)
        self._set(number, {"preempted_at": step})
        return bool(step > before)

    def _tell(self, number: int, result: TrialResult) -> None:
        state = STATE_OF_OUTCOME[result.outcome]
        # A grid without scores is not ranked, so any value will do.
        score = result.scores.get(SCORE, float("inf"))
        value = score if state == TrialState.COMPLETE else None
        self.study.tell(number, value, state=state)
        self._note(state, value)

    def _note(self, state: TrialState, value: float | None) -> None:
        """Count a trial that has ended for the limits of the study."""
        self.last_states.append(state)
        if state == TrialState.COMPLETE and value:
            self.best_score = min(self.best_score, value)

    def _apply_policy(self) -> None:
        """Stop the study where its target is met, or where too many trials in a row failed."""
        failed = [state == TrialState.FAIL for state in self.last_states]
        if len(failed) == self.settings.stop_after_failures and all(failed):
            self._stop("failures")
        target = self.settings.target_score
        if target is not None and self.best_score <= target:
            self._stop("target")

    def _check_limits(self, interrupts: Interrupts) -> None:
        """Stop the study after an interrupt, or at its time limit."""
        limit = self.settings.timeout_min
        if interrupts.asked:
            self._stop("interrupted")
        elif limit is not None and time.monotonic() - self.begin_s > 60 * limit:
            self._stop("time limit")

    def _stop(self, stop_reason: str) -> None:
        """Launch no more trials; running ones stop after their epoch, and can be resumed."""
        if not self.stop_reason:
            self.stop_reason = stop_reason
            self.study.set_user_attr(STOPPING, True)
            self.view.stop(stop_reason, len(self.running))

    def _stop_now(self, interrupts: Interrupts) -> None:
        """Stop the running trials at once; each can be resumed from its last checkpoint."""
        interrupts.ending = True
        self.stop_reason = "interrupted"
        self.running.stop()
        until = time.monotonic() + LAST_WAIT_S
        while self.running and time.monotonic() < until:
            ended = self.running.collect(LOOK_S)
            if ended is None:
                continue
            number, failure = ended
            result = read_result(self.folder.find_trial(number))
            if failure is not None and (result is None or result.outcome == Outcome.INTERRUPTED):
                result = STOPPED
                self._write(number, result)
            self._finish(number, result or STOPPED)

    def _read(self, number: int) -> FrozenTrial:
        """Return a trial, without reading all others."""
        storage = self.study._storage
        return storage.get_trial(
            storage.get_trial_id_from_study_id_trial_number(self.study._study_id, number)
        )

    def _set(self, number: int, attributes: dict[str, Any]) -> None:
        trial = optuna.Trial(self.study, self._read(number)._trial_id)
        for name, value in attributes.items():
            trial.set_user_attr(name, value)


def _find_end(trial: FrozenTrial) -> float:
    """Return when a trial ended, as a timestamp; 0 if it has not."""
    return 0.0 if trial.datetime_complete is None else trial.datetime_complete.timestamp()
