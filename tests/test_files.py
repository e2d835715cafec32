from __future__ import annotations

import os

import pytest

from dcgan_sweeps.files import write_whole


@pytest.mark.parametrize("content", ["é\n", "é\n".encode()])
def test_a_file_is_written_with_its_folder(content, tmp_path):
    path = tmp_path / "new" / "a.txt"
    write_whole(path, content)
    assert path.read_bytes() == "é\n".encode()
    assert list(path.parent.iterdir()) == [path]


def test_a_write_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("before")

    def fail(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, "after", sync=True)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
