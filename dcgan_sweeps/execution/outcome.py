"""A run from its spec to its outcome.

    execution = execute(spec, console)
    execution.outcome, execution.scores

TensorFlow is imported with this module: the device must have been set up before.
"""

from __future__ import annotations

import shlex
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rich.console import Console

from dcgan_sweeps.command import FAILURE, INTERRUPTED, OK, started
from dcgan_sweeps.composition.grammar import quote
from dcgan_sweeps.config import Fault, RequestError, Tracking
from dcgan_sweeps.execution.components import Components
from dcgan_sweeps.execution.loop import EpochEnd, Interrupted, train_and_score
from dcgan_sweeps.execution.spec import OUT_OF_MEMORY, RunSpec, Stop
from dcgan_sweeps.execution.start import open_record, record_start
from dcgan_sweeps.gan.sampling import Diverged
from dcgan_sweeps.gan.training import MEMORY_ERRORS
from dcgan_sweeps.interrupt import Interrupts, catch_interrupts
from dcgan_sweeps.metrics import METRICS
from dcgan_sweeps.paths import show_path
from dcgan_sweeps.place import DIR, name_place, read_variable
from dcgan_sweeps.runs.scores import describe_mixed
from dcgan_sweeps.terminal import format_duration, make_say, print_facts
from dcgan_sweeps.tracking.checkpoints import list_checkpoints
from dcgan_sweeps.tracking.recorder import Recorder
from dcgan_sweeps.tracking.secrets import mask_secrets

EXIT_STATUS_OF_OUTCOME = {
    "complete": OK,
    "pruned": OK,
    "interrupted": INTERRUPTED,
    "diverged": FAILURE,
    "failed": FAILURE,
}


@dataclass(frozen=True)
class Execution:
    """How a run ended, the scores that it ended with, and its record."""

    outcome: str
    reason: str
    scores: Mapping[str, float]
    recorder: Recorder

    @property
    def status(self) -> int:
        """The exit status: a complete run that could not be written down is not done."""
        status = EXIT_STATUS_OF_OUTCOME[self.outcome]
        return FAILURE if status == OK and self.recorder.failures else status


Judge = Callable[[EpochEnd], Stop | None]


def go_on(end: EpochEnd) -> None:
    """Judge every epoch good enough to go on."""


def execute(
    spec: RunSpec, components: Components, console: Console, judge: Judge = go_on
) -> Execution:
    """Do a run to its end, or until `judge` stops it after an epoch, recorded.

    Raises RequestError before anything is started.
    """
    begin = time.perf_counter()
    require_same_score(spec, components)
    with catch_interrupts() as interrupts:
        recorder = open_record(spec)
        with started():
            execution = _record_run(spec, components, recorder, interrupts, console, judge)
    with started():
        print_summary(console, spec, execution, time.perf_counter() - begin)
    return execution


def require_same_score(spec: RunSpec, components: Components) -> None:
    """Raise RequestError, naming both, where a run would go on with another score than it began
    with: one record holds one."""
    before = (
        spec.resume_point.provenance.get("score_identity")
        if spec.resume_point is not None
        else None
    )
    now = components.scorer.identity if components.scorer is not None else None
    if before is None or before == (now.digest if now is not None else ""):
        return
    words = {before: "the run's"} | ({now.digest: now.describe()} if now is not None else {})
    problem = f"{describe_mixed(words)}; put the classifier back, or start a new run"
    raise RequestError([Fault("resume", problem)])


def _record_run(
    spec: RunSpec,
    components: Components,
    recorder: Recorder,
    interrupts: Interrupts,
    console: Console,
    judge: Judge,
) -> Execution:
    scores: Mapping[str, float] = {}
    outcome, reason = "failed", ""
    try:
        record_start(spec, components, recorder, console)
        try:
            for end in train_and_score(spec, components, recorder, interrupts, console):
                scores = end.scores or scores
                stop = judge(end)
                if stop is not None and stop.outcome == "interrupted":
                    interrupts.asked = True  # it stops where it can be gone on with
                elif stop is not None:
                    outcome, reason = stop.outcome, stop.reason
                    break
            else:
                outcome = "complete"
        except Interrupted as error:
            outcome, reason = "interrupted", str(error)
        if outcome != "pruned":
            recorder.add_models(
                {
                    "generator": components.gan.generator,
                    "discriminator": components.gan.discriminator,
                }
            )
    except KeyboardInterrupt:
        outcome, reason = "interrupted", "stopped at once"
    except Exception as error:
        outcome = "diverged" if isinstance(error, Diverged) else "failed"
        first = str(error).strip().partition("\n")[0] or type(error).__name__
        reason = f"{OUT_OF_MEMORY}{first}" if isinstance(error, MEMORY_ERRORS) else first
        recorder.add_traceback(traceback.format_exc())
    finally:
        interrupts.ending = True
        recorder.finish(outcome, reason)
    return Execution(outcome, reason, scores, recorder)


def print_summary(console: Console, spec: RunSpec, execution: Execution, wall_s: float) -> None:
    """Print how the run ended, its score, where everything is, and what to do next."""
    recorder, scores = execution.recorder, execution.scores
    reason = f": {mask_secrets(execution.reason)}" if execution.reason else ""
    shown = [f"{name} {METRICS[name].show(value)}" for name, value in scores.items()]
    waited_s, cpu_s = recorder.waited_s, recorder.tracker.cpu_s
    facts = {
        "outcome": f"{execution.outcome}{reason}, after {format_duration(wall_s)}",
        "score": ", ".join(shown) or "none",
        "pictures": str(recorder.folder.samples),
        "logging": f"training waited {waited_s:.2f} s, the writer used {cpu_s:.2f} s of CPU",
    }
    if recorder.tracker.run_id is not None:
        facts["run"] = recorder.tracker.run_id
        facts["look"] = _say_where_to_look(spec.config.tracking)
    if execution.outcome in ("interrupted", "failed"):
        facts["go on"] = _say_how_to_go_on(spec, recorder)
    if execution.outcome == "failed":
        facts["traceback"] = str(recorder.folder.root / "traceback.txt")
    console.print()
    print_facts(console, facts)
    if recorder.failures:
        first = mask_secrets(str(recorder.failures[0]))
        make_say(console)(
            f"{len(recorder.failures)} writes failed, the first with: {first}. "
            f"What could be written is in {recorder.folder.root}"
        )


def _say_where_to_look(tracking: Tracking) -> str:
    uri = None if tracking.uri is None else mask_secrets(tracking.uri)
    if uri is not None and uri.startswith(("http://", "https://")):
        return uri
    place = name_place(tracking.dir, uri, tracking.experiment)
    return shlex.join(["python", "-m", "dcgan_sweeps.ui", *place])


def _say_how_to_go_on(spec: RunSpec, recorder: Recorder) -> str:
    tracking = spec.config.tracking
    target = recorder.tracker.run_id or str(recorder.folder.root)
    words = [f"resume={quote(target)}"]
    if show_path(tracking.dir) != DIR:
        words.append(f"tracking.dir={quote(show_path(tracking.dir))}")
    if tracking.uri is not None:
        words.append(f"tracking.uri={quote(mask_secrets(tracking.uri))}")
    elif read_variable("uri") is not None:
        words.append("tracking.uri=null")
    line = shlex.join(["python", "-m", "dcgan_sweeps.run", *words])
    newest = list_checkpoints(recorder.folder.checkpoints)
    return line if newest else f"{line} (from the start: there is no checkpoint yet)"
