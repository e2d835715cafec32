"""Checks that a database is a store of the installed MLflow, before MLflow opens it.

require_store(uri, "tracking.uri")  # raises RequestError; never changes the database
"""

from __future__ import annotations

import os
import shlex
import sqlite3
import stat
import threading
import urllib.parse
from collections.abc import Callable, Iterator, Set
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import mlflow
import sqlalchemy
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from mlflow.exceptions import MlflowException
from urllib3.exceptions import ResponseError

from dcgan_sweeps.config.faults import refuse
from dcgan_sweeps.paths import shorten_path
from dcgan_sweeps.secrets import mask_secrets
from dcgan_sweeps.tracking.address import (
    SQLITE,
    find_file,
    is_database,
    refuse_address,
    show_address,
)

T = TypeVar("T")
UNAUTHORIZED = ("UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED")  # MLflow's names of HTTP status 401
PATIENCE_S = 10  # a server that has not answered in this time counts as down
HEADER = 20  # bytes at the start of a SQLite file; the last two name its journal mode
WRITE_AHEAD = b"\x02\x02"
SCHEMA = "alembic_version"  # the table with the schema revision of the others
MLFLOW = frozenset({"experiments", "runs"})  # tables that every version of MLflow has
# Of connections to PostgreSQL, unless the user has set them. A database in SQL_ASCII would return
# bytes, and a host that is gone would be waited for.
POSTGRES = {"PGCLIENTENCODING": "UTF8", "PGCONNECT_TIMEOUT": str(PATIENCE_S)}
LOGIN = (
    "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, or write "
    "user and password to ~/.mlflow/credentials"
)
LONGEST_REASON = 300  # characters of a server's answer in a message


@dataclass(frozen=True)
class Contents:
    """The tables of a database, and the revision of their schema if it has one."""

    tables: frozenset[str]
    revision: str | None


def require_store(uri: str, key: str) -> None:
    """Check that a database is empty or a store of the installed MLflow; nothing is changed.

    Raises RequestError, as a fault of `key`, otherwise. An address that is not a database, such as
    that of a server, is not checked.
    """
    if not is_database(uri):
        return
    contents = require_tables(uri, key, "MLflow store", MLFLOW)
    if contents.revision is not None:
        _require_schema(uri, key, contents.revision)


def require_tables(uri: str, key: str, kind: str, own: Set[str]) -> Contents:
    """Return the contents of a database, which is not changed.

    Raises RequestError, as a fault of `key`, for a database of another program, which lacks the
    tables `own` that every `kind` has. Without this check, MLflow and Optuna would add their tables
    to each other's database.
    """
    file = find_file(uri)
    if file is not None and not is_there(file, key):
        return Contents(frozenset(), None)
    contents = answer_within(PATIENCE_S, lambda: read_contents(uri))
    # A server's database may be shared, but not with a program that uses the same schema table.
    is_taken = bool(contents.tables) if file is not None else SCHEMA in contents.tables
    if is_taken and not contents.tables >= own:
        some = ", ".join(sorted(contents.tables)[:5])
        raise refuse_address(key, uri, f"it is not an {kind}: it has the tables {some}")
    return contents


@contextmanager
def naming(name: str, key: str) -> Iterator[None]:
    """Turn the exceptions of a store at first contact into a RequestError, as a fault of `key`."""
    try:
        yield
    except (MlflowException, sqlalchemy.exc.SQLAlchemyError, sqlite3.Error, OSError) as error:
        if is_login_refused(error):
            raise refuse(key, f"{name} refuses the login; {LOGIN}") from error
        is_late = isinstance(error, TimeoutError)
        reason = f"no answer in {PATIENCE_S} s" if is_late else find_reason(error)
        what = "cannot be opened" if name.startswith(SQLITE) else "does not answer"
        raise refuse(key, f"{name} {what} ({reason})") from error


def is_login_refused(error: BaseException) -> bool:
    """Return whether a server answered that it does not know the user or the password."""
    return isinstance(error, MlflowException) and error.error_code in UNAUTHORIZED


def find_reason(error: BaseException) -> str:
    """Return in one line why a store failed: the underlying system error if there is one."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            place = "" if cause.filename is None else f"{cause.filename}: "
            return place + cause.strerror
        if isinstance(cause, (ConnectionError, ResponseError, sqlite3.Error)):
            return str(cause)
        cause = cause.__cause__ or cause.__context__
    lines = mask_secrets(str(error)).strip().splitlines()
    return lines[0][:LONGEST_REASON] if lines else type(error).__name__


def is_there(file: Path, key: str) -> bool:
    """Return whether a SQLite file exists and is not empty.

    Raises RequestError, as a fault of `key`, if the path is not a regular file.
    """
    try:
        found = file.stat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise refuse(key, f"got {shorten_path(str(file))}; {error.strerror}") from error
    if not stat.S_ISREG(found.st_mode):
        raise refuse(key, f"got {file}; it is not a file")
    return found.st_size > 0


def read_contents(uri: str) -> Contents:
    """Return the contents of a database; raises SQLAlchemy's errors if it does not answer."""
    file = find_file(uri)
    if file is None:
        for name, value in POSTGRES.items():
            os.environ.setdefault(name, value)
        return _read(sqlalchemy.create_engine(uri, poolclass=sqlalchemy.NullPool))
    try:
        return _read(_open_sqlite(file, _choose_mode(file)))
    except sqlalchemy.exc.OperationalError as error:
        if getattr(error.orig, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_READONLY:
            raise
        # Its writer was killed, and the next reader has to roll back the unfinished write.
        return _read(_open_sqlite(file, "mode=rw"))


def _choose_mode(file: Path) -> str:
    """Return the mode that opens a SQLite file without writing anything.

    Opening a file with a write-ahead log would create two files next to it, unless they exist.
    """
    with file.open("rb") as content:
        is_ahead = content.read(HEADER)[-2:] == WRITE_AHEAD
    return "immutable=1" if is_ahead and not Path(f"{file}-wal").exists() else "mode=ro"


def _open_sqlite(file: Path, mode: str) -> sqlalchemy.Engine:
    address = f"file:{urllib.parse.quote(str(file))}?{mode}"
    return sqlalchemy.create_engine(
        "sqlite://",
        creator=lambda: sqlite3.connect(address, timeout=PATIENCE_S / 2, uri=True),
        poolclass=sqlalchemy.NullPool,
    )


def _read(engine: sqlalchemy.Engine) -> Contents:
    with engine.connect() as connection:
        tables = frozenset(sqlalchemy.inspect(connection).get_table_names())
        query = sqlalchemy.text(f"SELECT version_num FROM {SCHEMA}")
        revision = connection.execute(query).scalar() if SCHEMA in tables else None
    return Contents(tables, None if revision is None else str(revision))


def _require_schema(uri: str, key: str, revision: str) -> None:
    script = ScriptDirectory(Path(mlflow.__path__[0], "store", "db_migrations"))
    head = script.get_current_head()
    if revision == head:
        return
    try:
        script.get_revision(revision)
    except CommandError as error:
        problem = f"it was made by a newer MLflow than {mlflow.__version__} (schema {revision})"
        raise refuse_address(key, uri, f"{problem}; pip install -U mlflow") from error
    remedy = f"make a copy of it, then run: mlflow db upgrade {shlex.quote(show_address(uri))}"
    raise refuse_address(key, uri, f"its schema is out-of-date ({revision}, not {head}); {remedy}")


def answer_within(limit_s: float, call: Callable[[], T]) -> T:
    """Call `call` and return its result; raise its exception, or TimeoutError after `limit_s`.

    The call runs in a thread, which keeps running after a timeout: not every driver has a timeout,
    and the look-up of a host name has none.
    """
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(call())
        except Exception as error:  # raised again by future.result()
            future.set_exception(error)

    threading.Thread(target=work, name="store-contact", daemon=True).start()
    return future.result(limit_s)
