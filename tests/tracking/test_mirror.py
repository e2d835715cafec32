"""An MLflow run that follows its folder: a real store, a run written down by hand."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from contextlib import suppress

import numpy as np
import pytest
from mlflow.models import Model
from tally import compare_folder

from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.runs.logged_run import read_run, read_series
from dcgan_sweeps.runs.registry import find_registered
from dcgan_sweeps.tracking import best_model
from dcgan_sweeps.tracking.folder import MLFLOW_FILE, RunFolder
from dcgan_sweeps.tracking.hidden_tags import read_config
from dcgan_sweeps.tracking.mirror import Mirror, compute_mark, is_delivered
from dcgan_sweeps.tracking.outcome import Outcome
from dcgan_sweeps.tracking.recorder import open_recorder
from dcgan_sweeps.tracking.store import connect, find_experiment, find_store
from dcgan_sweeps.tracking.table import TABLE_FILE

PARAMS = {"seed": 0, "train.epochs": 2, "optimizer.lr": 0.001}


@pytest.fixture
def tracking(tiny, store_dir):
    return dataclasses.replace(tiny.tracking, dir=str(store_dir), uri=None)


@pytest.fixture
def client(tracking):
    return connect(find_store(None, tracking.dir))


@pytest.fixture
def make_folder(tiny, tracking):
    """Return a function that writes a run down: its request, two epochs, and its end, if any."""

    def make(name="a run", outcome=None, tags=None, place=None, extra=(), config=tiny):
        recorder = open_recorder(tracking, name, tags or {}, place)
        recorder.add_request(PARAMS, dataclasses.asdict(config), ["seed=0"])
        recorder.add_data("synthetic", "d" * 64, "generated", 320)
        for epoch in (1, 2):
            add_epoch(recorder.folder, epoch)
            recorder.add_samples(epoch, np.zeros((25, 28, 28, 1), np.uint8))
        if extra:
            recorder.add_scores(2, extra)
        if outcome is None:
            recorder._lock.close()
            return recorder.folder
        model = recorder.folder.models / "generator"
        model.mkdir(parents=True)
        Model(metadata={"step": 20}).save(str(model / "MLmodel"))
        recorder.finish(outcome, "so")
        return recorder.folder

    return make


@pytest.fixture
def folder(make_folder):
    """A run that goes on."""
    return make_folder()


@pytest.fixture
def ended(make_folder):
    """A run that is complete."""
    return make_folder(outcome=Outcome.COMPLETE)


@pytest.fixture
def writes(monkeypatch):
    """The names of the writes that the mirrors of a test make."""
    names = []
    send = Mirror._send

    def note(mirror, write, *words):
        names.append(getattr(write, "__name__", "log_batch"))
        return send(mirror, write, *words)

    monkeypatch.setattr(Mirror, "_send", note)
    return names


def add_epoch(folder, epoch):
    folder.append({"step": 10 * epoch, "epoch": epoch, "loss/generator": 0.5 + epoch})
    folder.append({"epoch": epoch, "score/fcd": 100.0 - epoch})
    folder.append({"epoch": epoch, "digest.weights": f"{epoch}" * 64})


def list_points(client, folder, name):
    history = client.get_metric_history(folder.read_run_id(), name)
    return sorted((each.step, each.value) for each in history)


def count_runs(client):
    experiments = [each.experiment_id for each in client.search_experiments()]
    return len(client.search_runs(experiments))


def test_a_run_that_is_opened_has_its_configuration_and_nothing_else(client, folder, tracking):
    Mirror(folder, tracking).open()
    run = client.get_run(folder.read_run_id())
    assert (run.info.status, run.info.run_name) == ("RUNNING", "a run")
    assert run.data.params == {key: str(value) for key, value in PARAMS.items()}
    rest = read_config(run.data.tags)
    assert rest["optimizer.beta_2"] == "0.999"
    assert "seed" not in rest
    assert run.data.metrics == {}
    assert [each.path for each in client.list_artifacts(run.info.run_id)] == ["config"]


def test_an_ended_run_is_delivered_whole(client, ended, tracking):
    mirror = Mirror(ended, tracking)
    mirror.update()
    run = client.get_run(ended.read_run_id())
    assert (run.info.status, run.data.tags["outcome"]) == ("FINISHED", "complete")
    assert run.data.tags["outcome.reason"] == "so"
    assert compare_folder(client, ended.root) == []
    assert mirror.is_delivered


def test_the_generator_has_the_last_score_and_the_data_set_for_the_table_of_models(
    client, ended, tracking
):
    Mirror(ended, tracking).update()
    run = client.get_run(ended.read_run_id())
    (model,) = client.search_logged_models([run.info.experiment_id])
    (score,) = model.metrics
    assert (score.key, score.value, score.step) == ("score/fcd", 98.0, 2)
    assert (score.dataset_name, score.dataset_digest) == ("synthetic", "d" * 36)
    assert list_points(client, ended, "score/fcd") == [(1, 99.0), (2, 98.0)]


@pytest.mark.parametrize("is_new", [True, False], ids=["now", "by an earlier version"])
def test_a_registered_generator_is_found(client, ended, tracking, monkeypatch, is_new):
    if not is_new:
        monkeypatch.setattr(best_model, "name_source", lambda model: model.artifact_location)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///of_the_user.db")
    Mirror(ended, tracking).update()
    run = client.get_run(ended.read_run_id())
    assert best_model.register(client, "demo", run) == "1"
    model = find_registered(client, "models:/demo@best")
    source = client.get_model_version("demo", "1").source
    assert (source == f"models:/{model.model_id}") == is_new
    assert model.tags["mlflow.modelVersions"] == '[{"name": "demo", "version": 1}]'
    assert os.environ["MLFLOW_TRACKING_URI"] == "sqlite:///of_the_user.db"


@pytest.mark.parametrize("when", ["last", "every"])
def test_an_extra_metric_that_is_computed_once_is_in_the_table_and_not_a_chart(
    client, make_folder, tracking, tiny, when
):
    tiny = dataclasses.replace(tiny, score=dataclasses.replace(tiny.score, extra_metrics=when))
    extra = {"score/kid": 0.5, "score/density": 1.5, "score/fcd_untrained": 9.0}
    folder = make_folder(outcome=Outcome.COMPLETE, extra=extra, config=tiny)
    Mirror(folder, tracking).update()
    run_id = folder.read_run_id()
    assert client.get_run(run_id).data.metrics.keys() >= {"score/fcd", "score/kid"}
    assert ("score/density" in client.get_run(run_id).data.metrics) == (when == "every")
    assert "score/fcd_untrained" not in client.get_run(run_id).data.metrics
    assert read_run(client, run_id, "TARGET").metrics.items() >= extra.items()
    assert read_series(client, run_id, ["score/density"]) == {"score/density": {2: 1.5}}
    table = json.loads((folder.root / TABLE_FILE).read_text())
    assert [row[:2] for row in table["data"]] == [["score/kid", 0.5], ["score/density", 1.5]]
    assert compare_folder(client, folder.root) == []


@pytest.mark.parametrize("outcome", [Outcome.PRUNED, Outcome.INTERRUPTED, Outcome.DIVERGED])
def test_the_status_follows_from_the_outcome(client, make_folder, tracking, outcome):
    folder = make_folder(outcome=outcome)
    Mirror(folder, tracking).update()
    run = client.get_run(folder.read_run_id())
    assert run.info.status == outcome.mlflow_status
    assert run.data.tags["outcome"] == outcome


@pytest.mark.parametrize("is_fresh", [False, True], ids=["the same mirror", "another mirror"])
def test_a_second_update_writes_nothing(ended, tracking, writes, is_fresh):
    mirror = Mirror(ended, tracking)
    mirror.update()
    assert writes
    writes.clear()
    (Mirror(ended, tracking) if is_fresh else mirror).update()
    assert writes == []


def test_a_history_that_grows_is_delivered_as_it_does(client, folder, tracking, writes):
    mirror = Mirror(folder, tracking)
    mirror.update()
    writes.clear()
    add_epoch(folder, 3)
    mirror.update()
    assert writes == ["log_batch", "log_batch"]  # points, and the tags of the digests
    assert list_points(client, folder, "score/fcd") == [(1, 99.0), (2, 98.0), (3, 97.0)]
    assert list_points(client, folder, "loss/generator") == [(10, 1.5), (20, 2.5), (30, 3.5)]
    assert not mirror.is_delivered


def test_a_line_that_is_half_written_waits_for_its_end(client, folder, tracking):
    mirror = Mirror(folder, tracking)
    with folder.history.open("a") as file:
        file.write('{"epoch": 3, "score/fcd"')
        file.flush()
        mirror.update()
        assert [step for step, _ in list_points(client, folder, "score/fcd")] == [1, 2]
        file.write(": 97.0}\n")
    mirror.update()
    assert [step for step, _ in list_points(client, folder, "score/fcd")] == [1, 2, 3]


def test_points_that_another_process_delivered_are_not_written_again(client, folder, tracking):
    Mirror(folder, tracking).update()
    add_epoch(folder, 3)
    Mirror(folder, tracking).update()
    assert [step for step, _ in list_points(client, folder, "score/fcd")] == [1, 2, 3]


def test_a_resumed_run_is_running_again_without_an_outcome(client, make_folder, tracking):
    folder = make_folder(outcome=Outcome.INTERRUPTED)
    Mirror(folder, tracking).update()
    folder.rewind("".join(folder.read_history().splitlines(keepends=True)[:-2]), 2)
    Mirror(folder, tracking).update()
    run = client.get_run(folder.read_run_id())
    assert run.info.status == "RUNNING"
    assert not {"outcome", "outcome.reason"} & run.data.tags.keys()
    assert not is_delivered(folder)


def test_a_deleted_mlflow_run_is_made_again(client, ended, tracking):
    Mirror(ended, tracking).update()
    before = ended.read_run_id()
    client.delete_run(before)
    Mirror(ended, tracking).update()
    assert ended.read_run_id() != before
    assert compare_folder(client, ended.root) == []


def test_the_mlflow_run_of_another_folder_is_refused(folder, make_folder, tracking, writes):
    Mirror(folder, tracking).update()
    other = make_folder("another")
    shutil.copy(folder.root / MLFLOW_FILE, other.root)
    writes.clear()
    with pytest.raises(RequestError, match=f"names run .*, which belongs to {folder.root}"):
        Mirror(other, tracking).update()
    assert writes == []


def test_a_run_whose_folder_was_moved_is_still_its_own(client, folder, tracking, tmp_path):
    Mirror(folder, tracking).update()
    moved = RunFolder(folder.root.rename(tmp_path / folder.root.name))
    Mirror(moved, tracking).update()
    assert count_runs(client) == 1


def test_two_creations_of_one_run_leave_the_first(client, folder, tracking):
    """Two processes asked for the run, and neither heard the answer."""
    experiment = find_experiment(client, find_store(None, tracking.dir), tracking.experiment)
    record = folder.read_description()["record"]
    first, second = (
        client.create_run(experiment, start_time=start_ms, tags={"record": record}).info.run_id
        for start_ms in (1000, 2000)
    )
    folder.write_json(MLFLOW_FILE, {"run_id": None, "asked_for": True})
    Mirror(folder, tracking).update()
    assert folder.read_run_id() == first
    assert client.get_run(second).info.lifecycle_stage == "deleted"


def test_a_write_that_fails_is_made_up_for_by_the_next_update(client, ended, tracking, monkeypatch):
    """The first update fails after one write, the second after two: nobody hears the answer."""
    counts = []
    send = Mirror._send

    def lose(mirror, write, *words):
        done = send(mirror, write, *words)
        counts[-1] += 1
        if counts[-1] == len(counts):
            raise ConnectionError("no answer")
        return done

    monkeypatch.setattr(Mirror, "_send", lose)
    mirror = Mirror(ended, tracking)
    while not mirror.is_delivered:
        counts.append(0)
        with suppress(ConnectionError):
            mirror.update()
    assert len(counts) > 3
    assert mirror.error is None
    assert compare_folder(client, ended.root) == []
    assert count_runs(client) == 1


def test_a_mirror_that_is_left_writes_no_more(folder, tracking, writes):
    mirror = Mirror(folder, tracking)
    mirror.open()
    mirror.is_left = True
    with pytest.raises(InterruptedError, match="by another process"):
        mirror.update()
    assert isinstance(mirror.error, InterruptedError)


@pytest.mark.parametrize(
    ("outcome", "title"),
    [(Outcome.COMPLETE, "3: fcd 98.00 lr=0.1"), (Outcome.PRUNED, "3: fcd 98.00 pruned lr=0.1")],
)
def test_the_title_of_a_trial_says_how_it_ended(
    client, make_folder, tracking, tmp_path, outcome, title
):
    place = tmp_path / "mlruns" / "studies" / "s" / "trials" / "0003"
    folder = make_folder("3: lr=0.1", outcome, {"study": "s", "trial": "3"}, place)
    Mirror(folder, tracking).update()
    assert client.get_run(folder.read_run_id()).info.run_name == title


def test_a_trial_is_the_child_of_its_study(client, make_folder, tracking, tmp_path):
    study = make_folder("s", tags={"study": "s"}, place=tmp_path / "s")
    Mirror(study, tracking).open()
    place = study.root / "trials" / "0003"
    trial = make_folder("3: lr=0.1", tags={"study": "s", "trial": "3"}, place=place)
    Mirror(trial, tracking).open()
    tags = client.get_run(trial.read_run_id()).data.tags
    assert tags["mlflow.parentRunId"] == study.read_run_id()


def test_what_is_said_after_the_end_is_not_delivered_until_the_next_update(ended, tracking):
    Mirror(ended, tracking).update()
    mark = compute_mark(ended)
    assert is_delivered(ended)
    ended.describe(tags={"late": "yes"})
    assert compute_mark(ended) != mark
    assert not is_delivered(ended)
    Mirror(ended, tracking).update()
    assert is_delivered(ended)


def test_no_password_reaches_mlflow(client, make_folder, tracking):
    secret = "postgresql://me:hunter2@host/db"
    folder = make_folder(secret, tags={"from": secret})
    folder.describe(params={"uri": secret})
    Mirror(folder, tracking).update()
    run = client.get_run(folder.read_run_id())
    assert "hunter2" not in json.dumps([run.data.tags, run.data.params, run.info.run_name])
