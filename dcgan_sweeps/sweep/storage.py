"""Where a study's trials are kept: a journal file in its folder, or any Optuna storage.

storage = open_storage(None, folder / "journal.log")
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import optuna
import sqlalchemy
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._file import BaseJournalFileLock

from dcgan_sweeps.config import Fault, RequestError
from dcgan_sweeps.place import require_folder
from dcgan_sweeps.tracking.address import find_file, is_database, read_address
from dcgan_sweeps.tracking.inspection import (
    PATIENCE_S,
    answer_within,
    is_there,
    read_contents,
)
from dcgan_sweeps.tracking.secrets import mask_secrets
from dcgan_sweeps.tracking.store import StoreFailedError, find_reason

STORAGE = "hydra.sweeper.storage"
ALLOWED = "allowed: sqlite:///FILE, postgresql:// or mysql://"


class FileLock(BaseJournalFileLock):
    """The lock of a journal file, which the kernel frees when its holder dies.

    A line that a killed process left half written is dropped before the next is added.

    Optuna's own locks are files that a killed process leaves behind: the others then wait 30 s.
    """

    def __init__(self, journal: Path):
        self.journal = journal
        self._held: IO[str] | None = None

    def acquire(self) -> bool:
        file = self.journal.with_name(f".{self.journal.name}.lock").open("a")
        fcntl.flock(file, fcntl.LOCK_EX)
        self._held = file
        drop_cut_off_line(self.journal)
        return True

    def release(self) -> None:
        if self._held is not None:
            self._held.close()
            self._held = None


def drop_cut_off_line(path: Path) -> None:
    """Shorten a file to its last whole line: what came after would be read as one with it."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        end = file.seek(0, os.SEEK_END)
        if end == 0:
            return
        file.seek(end - 1)
        if file.read(1) == b"\n":
            return
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)


def open_storage(url: str | None, journal: Path) -> BaseStorage:
    """Return the storage at `url`, or the journal file where it is None; raises RequestError."""
    optuna.logging.set_verbosity(logging.ERROR)
    return _open_journal(journal) if url is None else _open_database(url)


def _open_journal(journal: Path) -> BaseStorage:
    try:
        return JournalStorage(JournalFileBackend(str(journal), FileLock(journal)))
    # Whatever Optuna stumbles on in lines that it did not write.
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
        problem = (
            f"{journal} is damaged{_find_damage(journal)}; restore a copy of it, or start anew"
        )
        raise RequestError([Fault(STORAGE, problem)]) from error


def _find_damage(journal: Path) -> str:
    """Return which line of a journal cannot be read, in words; "" where each can by itself."""
    with journal.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                is_entry = isinstance(json.loads(line), dict)
            except (ValueError, RecursionError):
                is_entry = False
            if not is_entry:
                return f" in line {number}"
    return ""


def _open_database(url: str) -> BaseStorage:
    require_database(url)
    try:
        return RDBStorage(url)
    except (sqlalchemy.exc.SQLAlchemyError, ValueError, RuntimeError) as error:
        raise _refuse(url, f"it does not answer ({find_reason(error)})") from error


def require_database(url: str) -> None:
    """Raise RequestError for a database that does not answer in seconds, or cannot hold trials;
    nothing is made or changed in it."""
    if not is_database(url):
        raise _refuse(url, ALLOWED)
    try:
        address = read_address(url)
    except RequestError as error:
        faults = [Fault(STORAGE, fault.problem) for fault in error.faults]
        raise RequestError(faults) from error
    file = find_file(address)
    if file is not None and not is_there(file, STORAGE):
        require_folder(STORAGE, str(file.parent))
        return
    try:
        tables = answer_within(PATIENCE_S, lambda: read_contents(address)).tables
    except TimeoutError as error:
        raise _refuse(url, f"it does not answer (nothing in {PATIENCE_S} s)") from error
    except (sqlalchemy.exc.SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise _refuse(url, f"it does not answer ({find_reason(error)})") from error
    if file is not None and tables and "studies" not in tables:
        some = ", ".join(sorted(tables)[:5])
        raise _refuse(url, f"it holds no Optuna studies, but has the tables {some}")


def _refuse(url: str, problem: str) -> RequestError:
    return RequestError([Fault(STORAGE, f"got {mask_secrets(url)}; {problem}")])


@contextmanager
def storage_failures() -> Iterator[None]:
    """Turn what the system or a database refuses in the midst of a study into a StoreFailedError:
    a full disk, a database that was restarted."""
    try:
        yield
    except OSError as error:
        place = "" if error.filename is None else f"{error.filename}: "
        raise StoreFailedError(f"{place}{error.strerror or error}") from error
    except (sqlalchemy.exc.SQLAlchemyError, StorageInternalError) as error:
        cause = error.__cause__ or error
        raise StoreFailedError(f"the trials' storage failed: {find_reason(cause)}") from error
