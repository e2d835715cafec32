"""The journal, of which a process may have been killed at any byte."""

from __future__ import annotations

import optuna
import pytest
import sqlalchemy
from optuna.exceptions import StorageInternalError

from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.sweep.storage import (
    FileLock,
    drop_cut_off_line,
    open_storage,
    storage_failures,
)
from dcgan_sweeps.tracking.store import StoreFailedError


def test_a_line_that_was_cut_off_does_no_harm(tmp_path):
    journal = tmp_path / "journal.log"
    study = optuna.create_study(storage=open_storage(None, journal), study_name="s")
    study.ask()
    with journal.open("a") as file:
        file.write('{"op_code": 4, "work')
    again = optuna.load_study(storage=open_storage(None, journal), study_name="s")
    again.ask()
    assert len(optuna.load_study(storage=open_storage(None, journal), study_name="s").trials) == 2


@pytest.mark.parametrize(
    ("content", "left"), [(b"", b""), (b"a\nb\n", b"a\nb\n"), (b"a\nb", b"a\n"), (b"a", b"")]
)
def test_what_is_left_ends_with_a_line(tmp_path, content, left):
    path = tmp_path / "journal.log"
    path.write_bytes(content)
    drop_cut_off_line(path)
    assert path.read_bytes() == left


def test_a_lock_whose_holder_is_gone_is_free(tmp_path):
    journal = tmp_path / "journal.log"
    first, second = FileLock(journal), FileLock(journal)
    first.acquire()
    first._held.close()  # as the kernel does for a process that was killed
    assert second.acquire()
    second.release()


def test_a_storage_that_does_not_answer_is_refused_with_its_password_masked(tmp_path):
    url = "postgresql://user:hunter2@127.0.0.1:1/study"
    with pytest.raises(RequestError, match=r"hydra\.sweeper\.storage") as caught:
        open_storage(url, tmp_path / "journal.log")
    assert "hunter2" not in str(caught.value)


def test_what_a_database_says_in_mid_study_is_the_reason():
    said = sqlalchemy.exc.OperationalError("SELECT 1", {}, Exception("the server went away"))
    gone = pytest.raises(StoreFailedError, match=r"storage failed: .*the server went away")
    with gone, storage_failures():
        raise StorageInternalError("typically invalid data") from said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{", " in line 2"),
        (b"[]", " in line 2"),
        (b"7", " in line 2"),
        (b"\xff\xfe", " in line 2"),
        (b"[" * 100_000, " in line 2"),
        (b"{}", ""),
        (b'{"op_code": "many", "worker_id": "x"}', ""),
    ],
)
def test_a_damaged_journal_is_refused_by_name_and_left_as_it_is(tmp_path, line, said):
    journal = tmp_path / "journal.log"
    study = optuna.create_study(storage=open_storage(None, journal), study_name="s")
    study.ask()
    first, *others = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([first, line + b"\n", *others]))
    before = journal.read_bytes()
    with pytest.raises(RequestError) as refused:
        open_storage(None, journal)
    assert str(refused.value).startswith(f"hydra.sweeper.storage: {journal} is damaged{said};")
    assert journal.read_bytes() == before
