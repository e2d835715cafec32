"""What a run writes down as it goes on, and what a resumed one does not write again."""

from __future__ import annotations

import dataclasses
import json
from unittest.mock import Mock

import numpy as np
import pytest

from dcgan_sweeps.tracking.checkpoints import list_checkpoints, read_checkpoint
from dcgan_sweeps.tracking.folder import RunFolder
from dcgan_sweeps.tracking.outcome import Outcome
from dcgan_sweeps.tracking.recorder import Recorder, Steps, open_recorder


@pytest.fixture
def recorder(tiny, tmp_path):
    """A recorder that makes a point of every five steps."""
    tracking = dataclasses.replace(tiny.tracking, dir=str(tmp_path))
    recorder = open_recorder(tracking, "a run", {"tag": "one"})
    yield recorder
    recorder._lock.close()


def make_steps(*losses):
    return Steps({"loss/generator": np.array(losses, np.float32)}, 32 * len(losses), 1.0)


def read_records(recorder):
    lines = recorder.folder.history.read_text().splitlines()
    return [{k: v for k, v in json.loads(each).items() if k != "time_s"} for each in lines]


def test_a_new_run_says_what_it_is_called_and_where_it_is(recorder):
    known = recorder.folder.read_description()
    assert (known["name"], known["params"]) == ("a run", {})
    assert known["tags"].items() >= {"tag": "one", "folder": str(recorder.folder.root)}.items()


def test_a_run_names_its_command_and_the_user_who_has_a_name(tmp_path, tiny, monkeypatch):
    tags = {}
    for name, user in (("named", lambda: "ann"), ("nameless", Mock(side_effect=OSError))):
        monkeypatch.setattr("getpass.getuser", user)
        RunFolder(tmp_path).begin("a run", {}, {}, tiny.tracking)
        tags[name] = RunFolder(tmp_path).read_description()["tags"]
        (tmp_path / "run.json").unlink()
    assert tags["named"]["mlflow.user"] == "ann"
    assert "mlflow.user" not in tags["nameless"]
    assert tags["nameless"]["mlflow.source.name"] == "dcgan_sweeps.run"


def test_there_is_a_point_for_every_so_many_steps_their_mean(recorder):
    recorder.add_steps(1, 2, make_steps(1, 2))
    recorder.add_steps(1, 5, make_steps(3, 4, 5))
    recorder.add_steps(1, 9, make_steps(6, 6, 6, 6))
    assert [(r["step"], r["loss/generator"]) for r in read_records(recorder)] == [(5, 3.0)]


def test_the_end_of_an_epoch_has_the_steps_that_no_point_has_yet(recorder):
    recorder.add_steps(1, 5, make_steps(1, 1, 1, 1, 1))
    recorder.add_steps(1, 7, make_steps(8, 8))
    means = recorder.end_epoch(1)
    assert [(r["step"], r["loss/generator"]) for r in read_records(recorder)] == [(5, 1), (7, 8)]
    assert means["loss/generator"] == 3.0
    assert means["train/images_per_s"] == 32 * 7 / 2


def test_an_epoch_does_not_count_the_steps_of_the_one_before(recorder):
    recorder.add_steps(1, 2, make_steps(9, 9))
    recorder.end_epoch(1)
    recorder.add_steps(2, 4, make_steps(1, 1))
    assert recorder.end_epoch(2)["loss/generator"] == 1.0


def test_a_checkpoint_has_the_steps_that_have_no_point_yet(recorder, tiny):
    recorder.add_steps(1, 5, make_steps(1, 1, 1, 1, 1))
    recorder.add_steps(1, 8, make_steps(2, 2, 2))
    recorder.save_checkpoint({}, "hash")
    recorder.add_steps(1, 10, make_steps(4, 4))
    whole = recorder.end_epoch(1)
    (path,) = list_checkpoints(recorder.folder.checkpoints)
    checkpoint = read_checkpoint(path)
    assert (checkpoint.step, checkpoint.facts["pending"]) == (8, 1)

    records = read_records(recorder)
    recorder.folder.rewind(checkpoint.history, 1)
    again = Recorder(recorder.folder, recorder.tracking, recorder._lock)
    again.restore(checkpoint)
    again.add_steps(1, 10, make_steps(4, 4))
    assert again.end_epoch(1) == whole
    assert read_records(again) == records


def test_a_request_that_is_told_again_is_written_once(recorder):
    recorder.add_request({"config_hash": "h"}, {"seed": 0}, ["seed=0"])
    before = {path: path.read_bytes() for path in recorder.folder.root.glob("*.yaml")}
    recorder.add_request({"config_hash": "h"}, {"seed": 1}, ["seed=1"])
    assert {path: path.read_bytes() for path in recorder.folder.root.glob("*.yaml")} == before
    assert len(before) == 2


def test_each_part_of_a_run_has_its_own_provenance_and_the_first_its_diff(recorder):
    recorder.add_provenance({"commit": "1"}, "the diff", ["numpy==2"], "layers")
    recorder.add_provenance({"commit": "2"}, "another", ["numpy==3"], "layers")
    root = recorder.folder.root
    found = [json.loads(path.read_text())["commit"] for path in recorder.folder.find_provenances()]
    assert found == ["1", "2"]
    assert (root / "git.diff").read_text() == "the diff"
    assert (root / "requirements.txt").read_text() == "numpy==2\n"


def test_a_rewound_run_has_nothing_of_what_came_later(recorder):
    grid = np.zeros((25, 28, 28, 1), np.uint8)
    for epoch in range(3):
        recorder.add_samples(epoch, grid)
        recorder.add_scores(epoch, {"score/fcd": 1.0})
    first = recorder.folder.read_history().splitlines(keepends=True)[0]
    recorder.folder.rewind(first, 0)
    assert [record["epoch"] for record in read_records(recorder)] == [0]
    assert list(recorder.folder.find_frames()) == [0]


def test_the_last_lines_are_what_recording_cost_and_the_outcome(recorder):
    recorder.add_samples(0, np.zeros((25, 28, 28, 1), np.uint8))
    recorder.finish(Outcome.PRUNED, "no good", mirror_cpu_s=0.5)
    cost, end = read_records(recorder)
    assert (cost["tracking/writer_cpu_s"], cost["tracking/waited_s"] > 0) == (0.5, True)
    assert end == {"outcome": "pruned", "reason": "no good"}
    assert (recorder.folder.samples / "progress.gif").is_file()


def test_a_finished_run_is_free_for_another_process(recorder):
    with pytest.raises(BlockingIOError):
        recorder.folder.lock()
    recorder.finish(Outcome.INTERRUPTED, "")
    recorder.folder.lock().close()


def test_what_cannot_be_written_at_the_end_is_kept_as_a_failure(recorder):
    recorder.folder.history.mkdir()
    recorder.finish(Outcome.COMPLETE, "")
    assert [type(each) for each in recorder.failures] == [IsADirectoryError]
    recorder.folder.lock().close()


def test_no_password_reaches_the_folder(recorder):
    secret = "postgresql://me:hunter2@host/db"
    recorder.add_request({}, {"tracking": {"uri": secret}}, [f"tracking.uri={secret}"])
    recorder.add_traceback(f"no answer from {secret}")
    recorder.add_tags({"from": secret})
    recorder.finish(Outcome.FAILED, f"no answer from {secret}")
    texts = [path.read_text() for path in recorder.folder.root.glob("*.*")]
    assert len(texts) > 4
    assert not [text for text in texts if "hunter2" in text]
