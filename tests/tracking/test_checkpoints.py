from __future__ import annotations

import hashlib
import resource

import numpy as np
import pytest

from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.tracking import checkpoints
from dcgan_sweeps.tracking.checkpoints import (
    Checkpoint,
    CheckpointError,
    list_checkpoints,
    read_newest,
    write_checkpoint,
)


def make(step):
    arrays = {"generator/00": np.arange(1000, dtype=np.float32) + step, "step/00": np.int64(step)}
    return Checkpoint(step, arrays, f'{{"step": {step}}}\n', {"run_id": "a", "pending": 0})


def refuse(line):
    pytest.fail(line)


def test_it_is_read_as_it_was_written(tmp_path):
    write_checkpoint(tmp_path, make(7), 2)
    read = read_newest(tmp_path, refuse)
    assert read.step == 7
    assert read.history == '{"step": 7}\n'
    assert read.facts["run_id"] == "a"
    for name, array in make(7).arrays.items():
        assert np.array_equal(read.arrays[name], array)


def test_the_last_two_are_kept(tmp_path):
    for step in (1, 2, 3, 10):
        write_checkpoint(tmp_path, make(step), 2)
    assert [path.name[:14] for path in list_checkpoints(tmp_path)] == [
        "step_000000010",
        "step_000000003",
    ]
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_a_damaged_one_is_named_and_the_one_before_it_taken(tmp_path, damage):
    write_checkpoint(tmp_path, make(1), 2)
    path = write_checkpoint(tmp_path, make(2), 2)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes({"cut": content[:-9], "flipped": content, "empty": b""}[damage])
    said = []
    assert read_newest(tmp_path, said.append).step == 1
    assert len(said) == 1
    assert path.name in said[0]


def test_an_empty_folder_has_none(tmp_path):
    assert read_newest(tmp_path / "checkpoints", refuse) is None


def test_a_disk_that_takes_no_more_leaves_the_earlier_one_as_it_was(tmp_path):
    write_checkpoint(tmp_path, make(1), 2)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        with pytest.raises(CheckpointError, match="step 2 cannot be written: File too large"):
            write_checkpoint(tmp_path, make(2), 2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert read_newest(tmp_path, refuse).step == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_a_half_written_one_is_not_seen(tmp_path):
    write_checkpoint(tmp_path, make(1), 2)
    (tmp_path / ".unfinished").write_bytes(b"PK")
    assert read_newest(tmp_path, refuse).step == 1


def test_where_none_is_whole_nothing_starts_over_in_silence(tmp_path):
    write_checkpoint(tmp_path, make(1), 2).write_bytes(b"")
    with pytest.raises(RequestError, match="there is no intact checkpoint; start a new run"):
        read_newest(tmp_path, refuse)
    assert not list(tmp_path.glob("damaged_*"))


@pytest.mark.parametrize("content", [b"", b"PK", b"\x93NUMPY", b"not at all"])
def test_a_file_that_only_has_the_name_of_a_checkpoint_is_refused(tmp_path, content):
    (tmp_path / f"step_000000001_{hashlib.sha256(content).hexdigest()}.npz").write_bytes(content)
    with pytest.raises(RequestError, match="is damaged, and there is no intact"):
        read_newest(tmp_path, refuse)


def test_one_of_another_version_is_refused_and_left_as_it_is(tmp_path, monkeypatch):
    path = write_checkpoint(tmp_path, make(1), 2)
    monkeypatch.setattr(checkpoints, "VERSION", 2)
    with pytest.raises(RequestError, match="has format 1; this version reads 2"):
        read_newest(tmp_path, refuse)
    assert path.is_file()
