"""Runs and studies that are deleted: in a real store, and with their folders."""

from __future__ import annotations

import dataclasses

import pytest

from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.runs.selection import Place
from dcgan_sweeps.sweep.folder import StudyFolder
from dcgan_sweeps.sweep.removal import plan_removal
from dcgan_sweeps.tracking.folder import STUDY, TRIAL
from dcgan_sweeps.tracking.mirror import Mirror
from dcgan_sweeps.tracking.outcome import Outcome
from dcgan_sweeps.tracking.recorder import open_recorder
from dcgan_sweeps.tracking.store import connect, find_store


@pytest.fixture
def place(store_dir):
    return Place(str(store_dir), None, "dcgan_sweeps")


@pytest.fixture
def client(place):
    return connect(find_store(None, place.dir))


@pytest.fixture
def deliver(tiny, place):
    """Return a function that writes a complete run down, and delivers it."""
    tracking = dataclasses.replace(tiny.tracking, dir=place.dir, uri=None)

    def make(root=None, **tags):
        recorder = open_recorder(tracking, "a run", tags, root)
        recorder.add_request({}, dataclasses.asdict(tiny), [])
        recorder.finish(Outcome.COMPLETE, "")
        Mirror(recorder.folder, tracking).update()
        return recorder.folder

    return make


@pytest.fixture
def study(place, deliver):
    """A study of two trials."""
    folder = StudyFolder.at(place.dir, "s")
    deliver(folder.root, **{STUDY: "s"})
    for number in (0, 1):
        deliver(folder.find_trial(number).root, **{STUDY: "s", TRIAL: str(number)})
    folder.write({"swept": []})
    return folder


def list_runs(client):
    (experiment,) = client.search_experiments(filter_string="name = 'dcgan_sweeps'")
    return [run.info.run_id for run in client.search_runs([experiment.experiment_id])]


def test_a_study_goes_with_its_trials_and_nothing_else_does(client, place, deliver, study):
    other = deliver()
    removal = plan_removal(client, place, "study:s")
    assert removal.describe().startswith("study s: 3 runs in MLflow, folder ")
    removal.remove()
    assert not study.root.exists()
    assert list_runs(client) == [other.read_run_id()]
    assert client.get_run(removal.runs[0].run_id).info.lifecycle_stage == "deleted"  # the trash
    with pytest.raises(RequestError, match="experiment dcgan_sweeps has no such study, nor has"):
        plan_removal(client, place, "study:s")


def test_a_study_of_the_same_name_in_another_folder_stays(client, place, deliver, study, tmp_path):
    theirs = deliver(tmp_path / "theirs" / "studies" / "s", **{STUDY: "s"})
    plan_removal(client, place, "study:s").remove()
    assert list_runs(client) == [theirs.read_run_id()]


def test_what_a_killed_removal_has_left_is_removed(client, place, study):
    client.delete_run(study.find_run_ids()[0])
    plan_removal(client, place, "study:s").remove()
    assert list_runs(client) == []
    assert not study.root.exists()


@pytest.mark.parametrize("held", ["the study", "a trial"])
def test_a_study_that_is_running_is_refused_and_stays_whole(client, place, study, held):
    root = study if held == "the study" else study.find_trial(1)
    removal = plan_removal(client, place, "study:s")
    with root.lock(), pytest.raises(RequestError, match="still running, as process"):
        removal.remove()
    assert len(list_runs(client)) == 3
    assert study.find_trial(1).read_ending() is not None


def test_a_run_is_named_by_its_id_or_its_folder(client, place, deliver):
    one, other = deliver(), deliver()
    plan_removal(client, place, one.read_run_id()[:8]).remove()
    plan_removal(client, place, str(other.root)).remove()
    assert list_runs(client) == []
    assert not one.root.exists()
    assert not other.root.exists()


def test_a_trial_alone_is_refused(client, place, study):
    run_id = study.find_run_ids()[1]
    with pytest.raises(RequestError, match="a trial of study s; allowed: study:s"):
        plan_removal(client, place, run_id)


def test_a_study_without_a_store_is_its_folder(place, study):
    removal = plan_removal(None, place, "study:s")
    assert not removal.runs
    removal.remove()
    assert not study.root.exists()


def test_a_folder_that_the_store_names_elsewhere_is_not_touched(client, place, deliver, tmp_path):
    run = deliver(tmp_path / "elsewhere")
    removal = plan_removal(client, place, run.read_run_id())
    assert removal.describe().endswith("no folder in this place")
    removal.remove()
    assert run.root.exists()
