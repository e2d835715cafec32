"""Executes a run, from its spec to its outcome.

    execution = execute(spec, components, console)
    execution.outcome, execution.scores

Importing this module imports TensorFlow, so the device must be set up first.
"""

from __future__ import annotations

import shlex
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass

from rich.console import Console

from dcgan_sweeps.command import FAILURE, INTERRUPTED, OK, started
from dcgan_sweeps.composition.grammar import quote
from dcgan_sweeps.config.faults import refuse
from dcgan_sweeps.config.schema import Tracking
from dcgan_sweeps.execution.components import Components
from dcgan_sweeps.execution.live_progress import reporting
from dcgan_sweeps.execution.live_run import EpochEnd, Judge, LiveRun
from dcgan_sweeps.execution.loop import Stopped, make_display, train_and_score
from dcgan_sweeps.execution.spec import OUT_OF_MEMORY, RunSpec, Stop
from dcgan_sweeps.execution.start import open_record, record_request, record_start
from dcgan_sweeps.gan.sampling import Diverged
from dcgan_sweeps.gan.training import MEMORY_ERRORS
from dcgan_sweeps.interrupt import catch_interrupts
from dcgan_sweeps.metrics import METRICS
from dcgan_sweeps.paths import show_path
from dcgan_sweeps.place import DIR, name_place, read_variable
from dcgan_sweeps.runs.scores import describe_mixed
from dcgan_sweeps.terminal import format_duration, make_say, print_facts
from dcgan_sweeps.tracking.checkpoints import list_checkpoints
from dcgan_sweeps.tracking.delivery import Delivery, require_tracker
from dcgan_sweeps.tracking.outcome import Outcome
from dcgan_sweeps.tracking.recorder import Recorder
from dcgan_sweeps.tracking.system_metrics import sampling

HANDOVER_S = 2.0
EXIT_STATUS = {
    Outcome.COMPLETE: OK,
    Outcome.PRUNED: OK,
    Outcome.INTERRUPTED: INTERRUPTED,
    Outcome.DIVERGED: FAILURE,
    Outcome.FAILED: FAILURE,
}


@dataclass(frozen=True)
class Execution:
    """The outcome of a run, its last scores, its recorder and its delivery to MLflow."""

    outcome: Outcome
    reason: str
    scores: Mapping[str, float]
    recorder: Recorder
    delivery: Delivery

    @property
    def status(self) -> int:
        """The exit status; FAILURE for a complete run whose files could not all be written."""
        status = EXIT_STATUS[self.outcome]
        return FAILURE if status == OK and self.recorder.failures else status


def go_on(end: EpochEnd) -> None:
    """Accept every epoch; this is the judge of a run that is not a trial."""


def execute(
    spec: RunSpec, components: Components, console: Console, judge: Judge = go_on
) -> Execution:
    """Execute and record a run, to its end or until `judge` stops it after an epoch.

    Raises RequestError before anything is started.
    """
    begin = time.perf_counter()
    require_same_data(spec, components)
    require_same_score(spec, components)
    with catch_interrupts() as interrupts:
        if not spec.is_trial:  # for a trial, the controller of the study has checked it
            require_tracker(spec.config.tracking)
        recorder = open_record(spec, components)
        with started(), reporting(recorder.folder) as report:
            display = make_display(components, console, report)
            live = LiveRun(spec, components, recorder, interrupts, display, judge)
            delivery = Delivery(recorder.folder, spec.config.tracking)
            limit_s = spec.config.tracking.flush_timeout_s
            # The controller of the study delivers what a trial could not deliver in this time.
            limit_s = min(limit_s, HANDOVER_S) if spec.is_trial else limit_s
            with display:
                execution = _record(live, delivery)
                with display.stage("delivering to MLflow"):
                    delivery.flush(limit_s, interrupts.listen(), make_say(console))
    with started():
        print_summary(console, spec, execution, time.perf_counter() - begin)
    return execution


def require_same_data(spec: RunSpec, components: Components) -> None:
    """Check that a resumed run has the images that it started with; raises RequestError."""
    provenance = spec.resume_point.provenance if spec.resume_point is not None else {}
    before, now = provenance.get("data", {}).get("sha256"), components.images.digest
    if before not in (None, now):
        problem = (
            f"the run began with data of digest {before[:12]}, {components.images.source} now has "
            f"{now[:12]}; restore the files, or start a new run"
        )
        raise refuse("resume", problem)


def require_same_score(spec: RunSpec, components: Components) -> None:
    """Check that a resumed run has the score identity that it started with.

    Raises RequestError that names both identities: the record of a run holds scores of one.
    """
    before = (
        spec.resume_point.provenance.get("score_identity")
        if spec.resume_point is not None
        else None
    )
    now = components.scorer.identity if components.scorer is not None else None
    if before is None or before == (now.digest if now is not None else ""):
        return
    words = {before: "the run's"} | ({now.digest: now.describe()} if now is not None else {})
    problem = f"{describe_mixed(words)}; restore the classifier, or start a new run"
    raise refuse("resume", problem)


def _record(live: LiveRun, delivery: Delivery) -> Execution:
    """Execute the run, and record its outcome."""
    stop, scores = Stop(Outcome.FAILED, ""), dict[str, float]()
    try:
        record_request(live.spec, live.components, live.recorder)
        delivery.open()
        with sampling(live.recorder.folder, live.config.tracking.system_metrics_s):
            record_start(live.spec, live.components, live.recorder, live.display.console)
            stop = _train(live, scores)
    except KeyboardInterrupt:
        stop = Stop(Outcome.INTERRUPTED, "stopped at once")
    except Exception as error:
        stop = _explain(error)
        live.recorder.add_traceback(traceback.format_exc())
    finally:
        live.interrupts.ending = True
        live.recorder.finish(stop.outcome, stop.reason, delivery.cpu_s)
    return Execution(stop.outcome, stop.reason, scores, live.recorder, delivery)


def _train(live: LiveRun, scores: dict[str, float]) -> Stop:
    """Train, put the newest scores into `scores`, save the models, and return how it ended."""
    stop = Stop(Outcome.COMPLETE, "")
    try:
        for end in train_and_score(live):
            scores |= end.scores
    except Stopped as stopped:
        stop = stopped.stop
    if stop.outcome != Outcome.PRUNED:
        gan = live.components.gan
        models = {"generator": gan.result, "discriminator": gan.judge}
        with live.display.stage("saving the models"):
            live.recorder.add_models(models)
    return stop


def _explain(error: Exception) -> Stop:
    """Return the outcome of a run that raised an error."""
    reason = str(error).strip().partition("\n")[0] or type(error).__name__
    if isinstance(error, Diverged):
        return Stop(Outcome.DIVERGED, reason)
    is_memory = isinstance(error, MEMORY_ERRORS)
    return Stop(Outcome.FAILED, f"{OUT_OF_MEMORY}{reason}" if is_memory else reason)


def print_summary(console: Console, spec: RunSpec, execution: Execution, wall_s: float) -> None:
    """Print the outcome and the scores of a run, where it is, and the commands to use next.

    These are at most eight lines.
    """
    recorder, scores, delivery = execution.recorder, execution.scores, execution.delivery
    reason = f": {execution.reason}" if execution.reason else ""
    shown = [f"{name} {METRICS[name].show(value)}" for name, value in scores.items()]
    facts = {
        "result": f"{execution.outcome}{reason}, after {format_duration(wall_s)}",
        "score": ", ".join(shown) or "none",
    }
    if delivery.run_id is not None:
        facts["view"] = _name_view(spec.config.tracking, delivery.run_id)
    if execution.outcome in (Outcome.INTERRUPTED, Outcome.FAILED):
        facts["resume with"] = _name_resume(spec, recorder, delivery.run_id)
    facts |= _describe_files(execution)
    if delivery.run_id is not None:
        facts["run id"] = delivery.run_id
    facts |= delivery.describe([recorder.folder], str(recorder.folder.root))
    console.print()
    print_facts(console, facts)


def _describe_files(execution: Execution) -> dict[str, str]:
    """Return the one line of the summary that names the run's files."""
    folder, failures = execution.recorder.folder, execution.recorder.failures
    if failures:
        count = "1 write" if len(failures) == 1 else f"{len(failures)} writes"
        return {"not written": f"{count} failed, first with: {failures[0]}; rest in {folder.root}"}
    if execution.outcome == Outcome.FAILED:
        return {"traceback": str(folder.root / "traceback.txt")}
    return {"samples": show_path(str(folder.samples))}


def _name_view(tracking: Tracking, run_id: str) -> str:
    uri = tracking.uri
    if uri is not None and uri.startswith(("http://", "https://")):
        return uri
    place = name_place(tracking.dir, uri, tracking.experiment)
    return shlex.join(["python", "-m", "dcgan_sweeps.ui", run_id[:8], *place])


def _name_resume(spec: RunSpec, recorder: Recorder, run_id: str | None) -> str:
    tracking = spec.config.tracking
    target = run_id or str(recorder.folder.root)
    words = [f"resume={quote(target)}"]
    if show_path(tracking.dir) != DIR:
        words.append(f"tracking.dir={quote(show_path(tracking.dir))}")
    if tracking.uri is not None:
        words.append(f"tracking.uri={quote(tracking.uri)}")
    elif read_variable("uri") is not None:
        words.append("tracking.uri=null")
    line = shlex.join(["python", "-m", "dcgan_sweeps.run", *words])
    newest = list_checkpoints(recorder.folder.checkpoints)
    return line if newest else f"{line} (from the start, as there is no checkpoint yet)"
