"""Opens the Optuna storage of a study: a journal file in its folder, or any database.

storage = open_storage(None, folder / "journal.log")
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import optuna
import sqlalchemy
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._file import BaseJournalFileLock

from dcgan_sweeps.config.faults import refuse
from dcgan_sweeps.sweep.database import DatabaseStorage, outlast
from dcgan_sweeps.tracking.address import find_file, read_database, show_address
from dcgan_sweeps.tracking.inspection import find_reason, naming, require_tables
from dcgan_sweeps.tracking.store import StoreFailedError

KEY = "hydra.sweeper.storage"
# The errors that Optuna raises for lines of a journal that it did not write.
DAMAGED = (ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError)
OPTUNA = frozenset({"studies", "trials"})  # tables of every version of Optuna


class FileLock(BaseJournalFileLock):
    """The lock of a journal file, which the kernel releases when the holder dies.

    A line that a killed process left half written is dropped before the next one is added.

    Optuna's own locks are files. A killed process leaves its lock behind, and the other processes
    then wait 30 s.
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
    """Drop the last line of a file where it is cut off, so that the next is not appended to it."""
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


def open_storage(url: str | None, journal: Path, say: Callable[[str], None] = print) -> BaseStorage:
    """Return the storage at `url`, or the journal file where it is None; raises RequestError.

    A database server that stops answering later is waited for, which `say` reports.
    """
    optuna.logging.set_verbosity(logging.ERROR)
    return _open_journal(journal) if url is None else _open_database(url, say)


def reopen_storage(url: str | None, journal: Path, say: Callable[[str], None]) -> BaseStorage:
    """Return the storage of a study that has started; its database may be restarting."""
    return outlast(lambda: open_storage(url, journal, say), say)


def _open_journal(journal: Path) -> BaseStorage:
    try:
        return JournalStorage(JournalFileBackend(str(journal), FileLock(journal)))
    except DAMAGED as error:
        problem = f"{journal} is damaged{_find_damage(journal)}; restore it, or start a new study"
        raise refuse(KEY, problem) from error


def _find_damage(journal: Path) -> str:
    """Return in words which line of a journal cannot be read; "" where each line can."""
    with journal.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                is_entry = isinstance(json.loads(line), dict)
            except (ValueError, RecursionError):
                is_entry = False
            if not is_entry:
                return f" in line {number}"
    return ""


def _open_database(url: str, say: Callable[[str], None]) -> BaseStorage:
    address = require_storage(url)
    try:
        is_file = find_file(address) is not None
        return RDBStorage(address) if is_file else DatabaseStorage(address, say)
    except (sqlalchemy.exc.SQLAlchemyError, ValueError, RuntimeError) as error:
        problem = f"got {show_address(address)}; it does not answer ({find_reason(error)})"
        raise refuse(KEY, problem) from error


def require_storage(url: str) -> str:
    """Return the address of a database for Optuna, without creating or changing anything in it.

    Raises RequestError for a database that does not answer in seconds, or belongs to another
    program.
    """
    address = read_database(url, KEY)
    with naming(show_address(address), KEY):
        require_tables(address, KEY, "Optuna storage", OPTUNA)
    return address


@contextmanager
def storage_failures() -> Iterator[None]:
    """Turn errors of the system or a database during a study into a StoreFailedError.

    Examples are a full disk, and a database that was restarted.
    """
    try:
        with database_failures():
            yield
    except OSError as error:
        raise StoreFailedError(find_reason(error)) from error


@contextmanager
def database_failures() -> Iterator[None]:
    """Turn errors of a database into a StoreFailedError."""
    try:
        yield
    except (sqlalchemy.exc.SQLAlchemyError, StorageInternalError) as error:
        # Optuna's own error blames invalid data; its cause is the error of the database.
        reason = find_reason(error.__cause__ or error)
        raise StoreFailedError(f"the trials' storage failed: {reason}") from error
