"""Which runs may go on, from where, and what may change as they do."""

from __future__ import annotations

import json
import os
import shutil
import time

import pytest

from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.execution.live_progress import PROGRESS_FILE
from dcgan_sweeps.execution.resume import build_resumed_spec
from dcgan_sweeps.execution.spec import Stop
from dcgan_sweeps.execution.start import add_pause
from dcgan_sweeps.tracking.checkpoints import list_checkpoints
from dcgan_sweeps.tracking.folder import PAUSED, RunFolder
from dcgan_sweeps.tracking.outcome import Outcome


@pytest.fixture(scope="module")
def stopped(there):
    """The folder of a run of three epochs that was stopped after its second."""

    def judge(end):
        return Stop(Outcome.INTERRUPTED, "so") if end.number == 2 else None

    return there.execute("train.epochs=3", judge=judge).recorder.folder.root


@pytest.fixture
def folder(stopped, tmp_path):
    """A copy of that folder, to be spoilt or resumed."""
    return RunFolder(shutil.copytree(stopped, tmp_path / stopped.name))


@pytest.fixture
def resume(here, folder):
    """Return a function that builds the spec of the resumed run, whose lock is freed again."""

    def build(*words):
        spec = build_resumed_spec(here.ask_to_resume(folder, *words), say=here.say)
        spec.resume_point.lock.close()
        return spec

    return build


@pytest.mark.parametrize("sign", ["history.jsonl", PROGRESS_FILE])
def test_the_time_since_the_last_sign_of_life_is_a_pause_and_pauses_add_up(folder, sign):
    (folder.root / PROGRESS_FILE).touch()
    for name in ("history.jsonl", PROGRESS_FILE):
        hours = 1 if name == sign else 2
        os.utime(folder.root / name, (time.time() - 3600 * hours,) * 2)
    for expected_s in (3600, 7200):
        add_pause(folder)
        paused_s = float(folder.read_description()["tags"][PAUSED])
        assert paused_s == pytest.approx(expected_s, abs=5)


def test_a_run_goes_on_from_its_newest_checkpoint(resume, folder, here):
    spec = resume()
    point = spec.resume_point
    assert (point.folder, point.checkpoint.step, point.same) == (folder, 20, True)
    assert f"resuming {folder.root.name} from step 20" in here.printed
    assert spec.runner.threads == 2


def test_a_run_goes_on_as_it_was_asked(resume):
    spec = resume()
    assert (spec.config.train.epochs, spec.config.train.steps_per_call) == (3, 5)
    assert "data.count=500" in spec.overrides


@pytest.mark.parametrize(
    ("word", "fault"),
    [
        ("optimizer.lr=2e-4", "optimizer.lr: got 0.0002; the run started with 0.001"),
        ("train.epochs=2", "train.epochs: got 2; the run started with 3, which cannot change"),
        ("seed=1", "seed: got 1; the run started with 0"),
        ("tracking.log_every=1", "tracking.log_every: got 1; the run started with 5"),
        ("experiment=quick", "optimizer.beta_1: got 0.5; the run started with 0.9"),
        ("seed=1", "train.epochs above 3, which trains longer as a new run"),
    ],
)
def test_any_other_change_is_refused_by_name(resume, word, fault):
    with pytest.raises(RequestError) as refused:
        resume(word)
    assert fault in str(refused.value)


def test_every_refused_change_is_named_at_once(resume):
    with pytest.raises(RequestError, match=r"(?s)model\.dropout: .*seed: "):
        resume("seed=1", "model.dropout=0.5")


@pytest.mark.parametrize(
    "word",
    ["tracking.offline=true", "tracking.system_metrics_s=1.5", "tracking.flush_timeout_s=1.5"],
)
def test_how_a_run_is_tracked_may_change(resume, word):
    key, _, value = word.removeprefix("tracking.").partition("=")
    changed = getattr(resume(word).config.tracking, key)
    assert json.dumps(changed) == value


def test_more_epochs_are_a_new_run_that_names_the_old_one(resume, folder):
    spec = resume("train.epochs=4")
    assert not spec.resume_point.same
    assert spec.tags == {"continues": str(folder.root)}
    assert spec.name.endswith(" train.epochs=4")
    assert [word for word in spec.overrides if "epochs" in word] == ["train.epochs=4"]


def test_a_run_without_a_checkpoint_starts_over_but_trains_no_longer(resume, folder, here):
    shutil.rmtree(folder.checkpoints)
    assert resume().resume_point.checkpoint is None
    assert "from its start" in here.printed
    with pytest.raises(RequestError, match="no checkpoint from which it could train longer"):
        resume("train.epochs=4")


def test_a_score_that_a_longer_run_would_not_have_taken_is_left_out(here):
    words = ("score=fcd", "score.every=2", "score.extra_metrics=last", "train.epochs=1")
    folder = here.execute(*words).recorder.folder
    assert "score/kid" in folder.read_history()
    spec = build_resumed_spec(here.ask_to_resume(folder, "train.epochs=2"), say=here.say)
    spec.resume_point.lock.close()
    history = spec.resume_point.checkpoint.history
    assert ('"score/fcd"' in history, "score/kid" in history) == (False, False)
    assert "digest.weights" in history


@pytest.mark.parametrize(
    ("outcome", "fault"),
    [
        (Outcome.COMPLETE, r"the run is complete; train\.epochs above 3 trains it longer"),
        (Outcome.DIVERGED, "the run diverged, and would diverge again"),
    ],
)
def test_a_run_that_has_reached_its_end_is_refused(resume, folder, outcome, fault):
    folder.end(outcome, "")
    with pytest.raises(RequestError, match=fault):
        resume("tracking=none")


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.PRUNED, Outcome.INTERRUPTED])
def test_a_run_with_another_end_goes_on(resume, folder, outcome):
    folder.end(outcome, "")
    assert resume("tracking=none").resume_point.checkpoint.step == 20


def test_a_run_that_is_going_on_is_refused_naming_the_process(resume, folder):
    with folder.lock(), pytest.raises(RequestError, match=r"still running, as process \d+"):
        resume()


def test_a_refused_run_is_free_again(resume, folder):
    with pytest.raises(RequestError):
        resume("seed=1")
    folder.lock().close()


@pytest.mark.parametrize("name", ["config.yaml", "overrides.yaml"])
def test_a_run_that_died_before_it_was_written_down_is_refused(resume, folder, name):
    (folder.root / name).unlink()
    with pytest.raises(RequestError, match=f"died before it wrote {name}; start a new run"):
        resume()


def test_what_is_no_run_is_refused(here, tmp_path):
    with pytest.raises(RequestError, match="allowed: best, latest, study:NAME or a run id"):
        build_resumed_spec(here.ask_to_resume(RunFolder(tmp_path)), say=here.say)


def test_an_edited_configuration_is_refused(resume, folder):
    path = folder.root / "config.yaml"
    path.write_text(path.read_text().replace("dropout: 0.3", "dropout: 0.4"))
    with pytest.raises(RequestError, match=r"config\.yaml: .*dropout.* 0\.4"):
        resume()


def test_a_run_that_has_trained_needs_its_provenance(resume, folder):
    (folder.root / "provenance.json").unlink()
    with pytest.raises(RequestError, match=r"provenance\.json: is missing"):
        resume()


def test_a_checkpoint_of_another_run_is_refused(resume, folder, here):
    other = here.execute("seed=1", "train.epochs=1").recorder.folder
    shutil.rmtree(folder.checkpoints)
    shutil.copytree(other.checkpoints, folder.checkpoints)
    with pytest.raises(RequestError, match="step 10 has config hash"):
        resume()


def test_a_damaged_checkpoint_is_said_and_the_one_before_it_taken(resume, folder, here):
    newest, _ = list_checkpoints(folder.checkpoints)
    newest.write_bytes(newest.read_bytes()[:-1])
    assert resume().resume_point.checkpoint.step == 10
    assert f"damaged_{newest.name}" in here.printed


def test_another_sample_grid_is_refused_and_a_missing_one_said(resume, folder, here):
    folder.find_frame(0).unlink()
    shutil.copy(folder.find_frame(2), folder.find_frame(1))
    with pytest.raises(RequestError, match=r"epoch_0001\.png: was changed since"):
        resume()
    assert "the sample grid of epoch 0 is missing" in here.printed


def test_a_history_that_was_changed_is_put_back(here, folder):
    folder.history.write_text('{"epoch": 1, "digest.weights": "other"}\n')
    here.resume(folder)
    assert "it is restored from the checkpoint" in here.printed
    assert '"other"' not in folder.read_history()
