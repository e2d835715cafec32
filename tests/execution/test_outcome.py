"""A run in this process, from its spec to its outcome, exit status and summary."""

from __future__ import annotations

import dataclasses
import json
import re
import signal
from unittest.mock import patch

import pytest
import tensorflow as tf
from processes import open_store

from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.execution.outcome import require_same_data, require_same_score
from dcgan_sweeps.execution.spec import ResumePoint, Stop, build_spec
from dcgan_sweeps.tracking.checkpoints import list_checkpoints
from dcgan_sweeps.tracking.delivery import Delivery
from dcgan_sweeps.tracking.outcome import Outcome


def stop_after(epoch, outcome):
    """Return a judge that stops a run after an epoch."""
    return lambda end: Stop(outcome, "somebody said so") if end.number == epoch else None


def read_records(execution):
    return list(map(json.loads, execution.recorder.folder.history.read_text().splitlines()))


def read_digests(execution):
    return [each["digest.weights"] for each in read_records(execution) if "digest.weights" in each]


@pytest.fixture(scope="module")
def complete(there):
    """A run of two scored epochs that nothing stopped."""
    return there.execute("score=fcd", "score.extra_metrics=never")


def test_a_complete_run_ends_with_0_and_its_newest_scores(complete):
    assert (complete.outcome, complete.reason, complete.status) == (Outcome.COMPLETE, "", 0)
    scored = [each for each in read_records(complete) if "score/fcd" in each]
    assert [each["epoch"] for each in scored] == [1, 2]
    assert complete.scores["score/fcd"] == scored[-1]["score/fcd"]


def test_the_last_line_of_a_history_is_the_outcome(complete):
    last = read_records(complete)[-1]
    assert (last["outcome"], last["reason"]) == ("complete", "")


def test_the_summary_has_outcome_score_and_pictures(complete, there):
    summary = there.printed.rpartition("result  ")[2]
    assert "complete, after " in summary
    assert f"score/fcd {complete.scores['score/fcd']:.2f}" in summary
    assert str(complete.recorder.folder.samples) in summary
    assert "resume with" not in summary


def test_the_longest_summary_has_eight_lines(here):
    def judge(end):
        raise RuntimeError("a part broke")

    with patch.object(Delivery, "run_id", "f" * 32):
        here.execute("tracking=mlflow", "tracking.offline=true", judge=judge)
    labels = re.findall(r"^(\w+(?: \w+)?)  +\S", here.printed.rpartition("\n\n")[2], re.M)
    first = ["result", "score", "view", "resume with", "traceback", "run id", "not delivered"]
    assert labels[:-1] == first
    assert labels[-1].startswith("deliver ")


def test_a_complete_run_leaves_both_models_and_a_gif(complete):
    folder = complete.recorder.folder
    assert {path.name for path in folder.models.iterdir()} == {"generator", "discriminator"}
    assert (folder.samples / "progress.gif").is_file()


def test_a_pruned_run_ends_with_0_and_leaves_no_models(here):
    pruned = here.execute(judge=stop_after(1, Outcome.PRUNED))
    assert (pruned.outcome, pruned.reason, pruned.status) == ("pruned", "somebody said so", 0)
    assert not pruned.recorder.folder.models.exists()
    assert "pruned: somebody said so, after " in here.printed
    assert "resume with" not in here.printed


@pytest.mark.parametrize("every", ["1", "null"])
def test_a_run_that_was_stopped_after_an_epoch_resumes_to_the_same_bits(here, complete, every):
    words = (f"train.checkpoint_every={every}",)
    stopped = here.execute(*words, judge=stop_after(1, Outcome.INTERRUPTED))
    folder = stopped.recorder.folder
    assert (stopped.status, len(list_checkpoints(folder.checkpoints))) == (130, 1)
    assert f"resume={folder.root}" in here.printed
    resumed = here.resume(folder)
    assert (resumed.outcome, resumed.recorder.folder) == (Outcome.COMPLETE, folder)
    assert read_digests(resumed) == read_digests(complete)


def test_sigint_ends_a_run_with_its_epoch_resumable(here):
    def judge(end):
        if end.number == 1:
            signal.raise_signal(signal.SIGINT)

    stopped = here.execute(judge=judge)
    reason = "stopped on request at step 10, in epoch 1"
    assert (stopped.outcome, stopped.reason, stopped.status) == ("interrupted", reason, 130)


def test_a_second_sigint_stops_at_once(here):
    def judge(end):
        for _ in range(2):
            signal.raise_signal(signal.SIGINT)

    stopped = here.execute(judge=judge)
    assert (stopped.outcome, stopped.reason, stopped.status) == (
        "interrupted",
        "stopped at once",
        130,
    )
    assert "(from the start, as there is no checkpoint yet)" in here.printed


def test_a_loss_that_is_not_finite_is_diverged_and_ends_with_1(here):
    # Without a second moment, an epsilon this small overflows within some steps.
    words = ("optimizer.epsilon=1e-30", "optimizer.beta_2=0", "train.epochs=3")
    diverged = here.execute(*words)
    assert (diverged.outcome, diverged.status) == (Outcome.DIVERGED, 1)
    assert "loss is nan at step" in diverged.reason
    assert "resume with" not in here.printed


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("a part broke\nin two"), "a part broke"),
        (ZeroDivisionError(), "ZeroDivisionError"),
        (MemoryError("no room"), "out of memory: no room"),
        (tf.errors.ResourceExhaustedError(None, None, "OOM"), "out of memory: OOM"),
    ],
)
def test_a_run_that_raises_has_failed_with_a_traceback(here, error, reason):
    def judge(end):
        raise error

    failed = here.execute(judge=judge)
    assert (failed.outcome, failed.reason, failed.status) == (Outcome.FAILED, reason, 1)
    traceback = failed.recorder.folder.root / "traceback.txt"
    assert type(error).__name__ in traceback.read_text()
    assert f"failed: {reason}" in here.printed
    assert str(traceback) in here.printed


def test_a_complete_run_that_cannot_be_written_down_ends_with_1(here):
    def judge(end):
        (gif,) = (each / "progress.gif" for each in here.root.glob("mlruns/runs/*/samples"))
        gif.mkdir(exist_ok=True)

    execution = here.execute(judge=judge)
    assert (execution.outcome, execution.status) == (Outcome.COMPLETE, 1)
    assert "1 write failed, first with: " in here.printed


def test_without_a_tracker_nothing_is_delivered_and_nothing_said_of_it(here):
    here.execute("tracking=none")
    assert not (here.root / "mlruns" / "mlflow.db").exists()
    assert "deliver" not in here.printed


def test_an_offline_run_makes_no_store_and_names_sync(here):
    execution = here.execute("tracking=mlflow", "tracking.offline=true")
    assert (execution.status, execution.delivery.run_id) == (0, None)
    assert not (here.root / "mlruns" / "mlflow.db").exists()
    assert "1 run to MLflow, complete on this machine: tracking.offline is set" in here.printed
    assert f"dcgan_sweeps.sync {execution.recorder.folder.root}" in here.printed


@pytest.mark.usefixtures("store_dir")
def test_a_tracked_run_is_delivered_when_it_ends(here):
    execution = here.execute("tracking=mlflow")
    run = open_store(here.root).get_run(execution.delivery.run_id)
    assert (run.info.status, run.data.tags["outcome"]) == ("FINISHED", "complete")
    assert run.info.run_id in here.printed
    assert "not delivered" not in here.printed


def test_a_run_does_not_go_on_with_another_score(here, tmp_path):
    spec = build_spec(here.ask())
    before = ResumePoint(tmp_path, None, {"score_identity": "a" * 16}, None, same=True)
    with pytest.raises(RequestError, match="restore the classifier"):
        require_same_score(
            dataclasses.replace(spec, resume_point=before), here.prepare(spec.config)
        )


def test_a_run_does_not_go_on_with_other_images(here, tmp_path):
    spec = build_spec(here.ask())
    components = here.prepare(spec.config)

    def check(sha256):
        before = ResumePoint(tmp_path, None, {"data": {"sha256": sha256}}, None, same=True)
        require_same_data(dataclasses.replace(spec, resume_point=before), components)

    check(components.images.digest)
    with pytest.raises(RequestError, match="began with data of digest aaaaaaaaaaaa, drawn now has"):
        check("a" * 64)
