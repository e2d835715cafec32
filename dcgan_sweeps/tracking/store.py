"""Which MLflow store runs go to, and whether it answers.

store = find_store(config.tracking.uri, config.tracking.dir)
client = connect(store)
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import sqlalchemy
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from dcgan_sweeps.config import Fault, Tracking, refuse
from dcgan_sweeps.paths import require_folder, resolve_folder
from dcgan_sweeps.tracking.address import find_file, read_address, show_address, write_sqlite
from dcgan_sweeps.tracking.inspection import (
    PATIENCE_S,
    answer_within,
    find_reason,
    is_there,
    naming,
    require_store,
)

Client = MlflowClient
DATABASE_FILE, LOCK_FILE = "mlflow.db", ".mlflow.lock"
# The UI shows what belongs to training, and nothing of language models.
KIND = {"mlflow.experimentKind": "custom_model_development"}
# MLflow's own patience with a server is minutes for each call. What fails is tried again by the
# mirror, and a user who sets these is heeded.
BOUNDS = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "30"}
# An experiment's name that is its folder's as well. One that ends as a digest does is not: it
# might be the folder of another.
FOLDER_NAME = re.compile(r"(?!.*-[0-9a-f]{16}$)\w[\w .,=+@-]{0,99}(?<! )")
LONGEST_NAME = 500  # of an experiment, in MLflow


@dataclass(frozen=True)
class Store:
    """A tracking URI; for the local store also its absolute artifact root."""

    uri: str
    artifact_root: Path | None

    def __str__(self) -> str:
        return show_address(self.uri)

    @property
    def database(self) -> Path | None:
        """Its SQLite file; None where it is a server, or another kind of database."""
        return find_file(self.uri)

    @property
    def exists(self) -> bool:
        """Whether it is there already, as far as can be told without opening it."""
        return self.database is None or is_there(self.database, self.key)

    @property
    def key(self) -> str:
        """The key by which it was asked for."""
        return "tracking.uri" if self.artifact_root is None else "tracking.dir"


def find_store(uri: str | None, folder: str) -> Store:
    """Return the store of `uri`, or the SQLite one in `folder` where it is None; raises
    RequestError for what cannot be a store."""
    if uri is not None:
        return Store(read_address(uri), None)
    root = resolve_folder("tracking.dir", folder)
    return Store(write_sqlite(root / DATABASE_FILE), root / "artifacts")


def open_store(uri: str | None, folder: str) -> MlflowClient:
    """Return a client of a store that is there already; raises RequestError where there is none."""
    store = find_store(uri, folder)
    if not store.exists:
        root = store.artifact_root
        nothing = f"got {store}; there is no such file"
        if root is not None:
            nothing = f"there is no {DATABASE_FILE} in {root.parent}"
        raise refuse(store.key, nothing)
    with _checking(store):
        if store.artifact_root is not None:
            measure_tables(store.artifact_root.parent / DATABASE_FILE)
        return _contact(store)


def measure_tables(database: Path) -> None:
    """Give SQLite the statistics that it plans its searches by.

    Without them it sorts runs by a metric in a time that grows with the square of their number.
    What cannot be measured just now, since another process writes, is not: it saves time alone.
    """
    with contextlib.suppress(sqlite3.Error), closing(sqlite3.connect(database, timeout=1)) as file:
        file.execute("PRAGMA analysis_limit = 400")
        file.execute("ANALYZE")
        file.commit()


def import_stores() -> None:
    """Import what MLflow itself imports when a local store is opened: most of the time it takes."""
    import mlflow.store.tracking.sqlalchemy_store  # noqa: F401


class StoreFailedError(Exception):
    """The MLflow store went away while work went on; the message names what it said."""


@contextmanager
def store_failures() -> Iterator[None]:
    """Turn what a store raises in the middle of work into a StoreFailedError, passwords masked."""
    try:
        yield
    except (MlflowException, sqlalchemy.exc.SQLAlchemyError) as error:
        raise StoreFailedError(f"the store failed: {find_reason(error)}") from error


@contextmanager
def answering() -> Iterator[None]:
    """Turn what a store that went away raises into a RequestError, passwords masked."""
    try:
        with store_failures():
            yield
    except StoreFailedError as error:
        raise refuse("tracking.uri", str(error)) from error


def connect(store: Store) -> MlflowClient:
    """Return a client of a store, made where there is none, that has answered in seconds; raises
    RequestError naming it otherwise, before anything of it is made or changed."""
    with _checking(store):
        if not store.exists:
            _make(store)
        if store.artifact_root is not None:
            store.artifact_root.mkdir(parents=True, exist_ok=True)
        return _contact(store)


def prepare() -> None:
    """Bound the time of each call of a server, and keep what MLflow says from the terminal."""
    for name, value in BOUNDS.items():
        os.environ.setdefault(name, value)
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # It prints a traceback for each error that it also raises.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    # It warns of each way to credentials that is not there; that there is none, it raises.
    logging.getLogger("mlflow.utils.databricks_utils").setLevel(logging.ERROR)


@contextmanager
def _checking(store: Store) -> Iterator[None]:
    """Raise RequestError for what is no store of this MLflow's, and for what fails meanwhile."""
    prepare()
    with naming(str(store), store.key):
        require_store(store.uri, store.key)
        yield


def _contact(store: Store) -> MlflowClient:
    client = MlflowClient(tracking_uri=store.uri)
    answer_within(PATIENCE_S, lambda: client.search_experiments(max_results=1))
    return client


def find_experiment(client: MlflowClient, store: Store, name: str) -> str:
    """Return the id of an experiment, made where it is missing; raises RequestError for one that
    was deleted, and for a name that MLflow does not take."""
    require_name(name)
    with _alone(store):
        experiment = client.get_experiment_by_name(name)
        if experiment is None:
            root = store.artifact_root
            place = None if root is None else (root / name_folder(name)).as_uri()
            return client.create_experiment(name, place, tags=KIND)
    if experiment.lifecycle_stage != "active":
        problem = f"got {name}, which was deleted from {store}; restore it or name another"
        raise refuse("tracking.experiment", problem)
    return str(experiment.experiment_id)


def require_places(tracking: Tracking) -> None:
    """Raise RequestError for a folder, a store or an experiment that nothing can be recorded in,
    before any of them is made or changed."""
    require_folder("tracking.dir", tracking.dir)
    require_name(tracking.experiment)
    if tracking.name != "none":
        with _checking(find_store(tracking.uri, tracking.dir)):
            pass


def require_name(experiment: str) -> None:
    """Raise RequestError for a name that no experiment can have."""
    try:
        experiment.encode()
        is_text = "\0" not in experiment and bool(experiment.strip())
    except UnicodeEncodeError:  # half a character, of a command line that is not UTF-8
        is_text = False
    if not is_text or len(experiment) > LONGEST_NAME:
        shown = repr(experiment[:60]) + " ..." * (len(experiment) > 60)
        problem = f"got {shown}; allowed: 1 to {LONGEST_NAME} characters of text, not all blank"
        raise refuse("tracking.experiment", problem)


def name_folder(experiment: str) -> str:
    """Return the name of an experiment's folder: its own, or one of its letters and a digest
    where its own might be a path, part of an address, or too long."""
    if FOLDER_NAME.fullmatch(experiment) and len(experiment.encode()) <= 100:
        return experiment
    slug = re.sub(r"[^A-Za-z0-9]+", "_", experiment)[:60].strip("_")
    digest = hashlib.sha256(experiment.encode()).hexdigest()[:16]
    return f"{slug or 'experiment'}-{digest}"


def find_moved_experiments(client: MlflowClient, store: Store) -> list[Fault]:
    """Return a fault for each experiment whose artifacts are elsewhere than the local store is.
    MLflow keeps artifact folders absolute, so a store that was moved or copied loses its own."""
    if store.artifact_root is None:
        return []
    root = store.artifact_root.as_uri()
    return [
        Fault(
            each.name,
            f"its artifacts are at {each.artifact_location}, not under {root}: the store was "
            "moved; move it back, or start a new one with tracking.dir",
        )
        for each in client.search_experiments()
        if each.name != "Default" and not each.artifact_location.startswith(root)
    ]


def _make(store: Store) -> None:
    """Make a store's SQLite file, under another name until it is whole: MLflow makes it in some
    hundred steps, and cannot go on with one in whose midst it was killed.

    Where that fails, nothing is left.
    """
    file = store.database
    if file is None:
        return
    missing = [folder for folder in file.parents if not folder.exists()]
    had_lock = (file.parent / LOCK_FILE).exists()
    try:
        with _alone(store):
            if not store.exists:  # by another process, meanwhile
                _draft(file)
    except BaseException:
        if not had_lock:
            (file.parent / LOCK_FILE).unlink(missing_ok=True)
        for folder in missing:  # the innermost first
            with contextlib.suppress(OSError):  # never made, or in use by another by now
                folder.rmdir()
        raise


def _draft(file: Path) -> None:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    draft = file.with_name(f".{file.name}.new")
    _remove(draft)
    # As an address, in which no quotes are left: MLflow writes it into a statement as it stands.
    root = Path("mlruns").absolute().as_uri()
    try:
        SqlAlchemyStore(write_sqlite(draft), root).engine.dispose()
        draft.rename(file)
    finally:
        _remove(draft)


def _remove(draft: Path) -> None:
    """Remove a draft, and what SQLite has beside it."""
    for suffix in ("", "-journal", "-wal", "-shm"):
        draft.with_name(f"{draft.name}{suffix}").unlink(missing_ok=True)


@contextmanager
def _alone(store: Store) -> Iterator[None]:
    """Keep other processes of ours from making the same store, or experiment, just now."""
    if store.database is None:
        yield
        return
    store.database.parent.mkdir(parents=True, exist_ok=True)
    with _lock(store.database.parent / LOCK_FILE):
        yield


def _lock(path: Path) -> IO[str]:
    """Return a file, open and locked, that is still the one at `path`: a process that could not
    make its store has removed its own."""
    while True:
        file = path.open("a")
        fcntl.flock(file, fcntl.LOCK_EX)
        if path.exists() and path.stat().st_ino == os.fstat(file.fileno()).st_ino:
            return file
        file.close()
