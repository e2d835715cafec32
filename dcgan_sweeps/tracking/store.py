"""Finds, creates and opens MLflow stores.

store = find_store(config.tracking.uri, config.tracking.dir)
client = connect(store)
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
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
from mlflow.entities import Experiment
from mlflow.exceptions import MlflowException

from dcgan_sweeps.config.faults import Fault, refuse
from dcgan_sweeps.config.schema import Tracking
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
# With this tag, the UI shows the views for training instead of those for language models.
KIND = {"mlflow.experimentKind": "custom_model_development"}
# MLflow would wait minutes for each call of a server. The mirror repeats failed calls, and a user's
# own values take precedence.
BOUNDS = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "30"}
# Names of experiments that can be used as folder names. A name that ends like a digest is excluded,
# since it might be the folder of another experiment.
FOLDER_NAME = re.compile(r"(?!.*-[0-9a-f]{16}$)\w[\w .,=+@-]{0,99}(?<! )")
LONGEST_NAME = 500  # characters of an experiment's name, MLflow's limit


@dataclass(frozen=True)
class Store:
    """A tracking URI, and for a local store also its absolute artifact root."""

    uri: str
    artifact_root: Path | None

    def __str__(self) -> str:
        return show_address(self.uri)

    @property
    def database(self) -> Path | None:
        """The SQLite file; None for a server or another kind of database."""
        return find_file(self.uri)

    @property
    def exists(self) -> bool:
        """Whether the store exists, as far as this is known without opening it."""
        return self.database is None or is_there(self.database, self.key)

    @property
    def key(self) -> str:
        """The configuration key that selects the store."""
        return "tracking.uri" if self.artifact_root is None else "tracking.dir"


def find_store(uri: str | None, folder: str) -> Store:
    """Return the store at `uri`, or the local one in `folder` if `uri` is None.

    Raises RequestError if the address cannot be that of a store.
    """
    if uri is not None:
        return Store(read_address(uri), None)
    root = resolve_folder("tracking.dir", folder)
    return Store(write_sqlite(root / DATABASE_FILE), root / "artifacts")


def open_store(uri: str | None, folder: str) -> MlflowClient:
    """Return a client of an existing store; raises RequestError if there is none."""
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
    """Update the statistics that SQLite's query planner uses.

    Without them, the time to sort runs by a metric grows with the square of their number. The
    update is skipped if another process is writing, since it only saves time.
    """
    with contextlib.suppress(sqlite3.Error), closing(sqlite3.connect(database, timeout=1)) as file:
        file.execute("PRAGMA analysis_limit = 400")
        file.execute("ANALYZE")
        file.commit()


def import_stores() -> None:
    """Import what MLflow imports when it opens a local store, which takes most of that time."""
    import mlflow.store.tracking.sqlalchemy_store  # noqa: F401


class StoreFailedError(Exception):
    """The MLflow store failed while work was in progress; the message has its reason."""


@contextmanager
def store_failures() -> Iterator[None]:
    """Turn the exceptions of a store into a StoreFailedError, with passwords masked."""
    try:
        yield
    except (MlflowException, sqlalchemy.exc.SQLAlchemyError) as error:
        raise StoreFailedError(f"the store failed: {find_reason(error)}") from error


@contextmanager
def answering() -> Iterator[None]:
    """Turn the exceptions of a store into a RequestError, with passwords masked."""
    try:
        with store_failures():
            yield
    except StoreFailedError as error:
        raise refuse("tracking.uri", str(error)) from error


def connect(store: Store) -> MlflowClient:
    """Return a client of a store that answers; a missing local store is created.

    Raises RequestError, which names the store, if it does not answer within PATIENCE_S, before
    anything is created or changed.
    """
    with _checking(store):
        if not store.exists:
            _make(store)
        if store.artifact_root is not None:
            store.artifact_root.mkdir(parents=True, exist_ok=True)
        return _contact(store)


def prepare() -> None:
    """Limit the time of each call to a server, and keep MLflow's log lines off the terminal."""
    for name, value in BOUNDS.items():
        os.environ.setdefault(name, value)
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # This logger prints a traceback for each error that is also raised.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    # This logger warns about each missing source of credentials; if there is none, MLflow raises.
    logging.getLogger("mlflow.utils.databricks_utils").setLevel(logging.ERROR)


@contextmanager
def _checking(store: Store) -> Iterator[None]:
    """Raise RequestError if this is not a store of the installed MLflow, or if it fails inside."""
    prepare()
    with naming(str(store), store.key):
        require_store(store.uri, store.key)
        yield


def _contact(store: Store) -> MlflowClient:
    client = MlflowClient(tracking_uri=store.uri)
    answer_within(PATIENCE_S, lambda: client.search_experiments(max_results=1))
    return client


def find_experiment(client: MlflowClient, store: Store, name: str) -> str:
    """Return the id of an experiment, which is created if it is missing.

    Raises RequestError for a deleted experiment, and for a name that MLflow does not accept.
    """
    require_name(name)
    with _alone(store):
        experiment = client.get_experiment_by_name(name)
        if experiment is None:
            root = store.artifact_root
            place = None if root is None else (root / name_folder(name)).as_uri()
            return client.create_experiment(name, place, tags=KIND)
    if experiment.lifecycle_stage != "active":
        problem = f"got {name}, which was deleted from {store}; restore it or use another"
        raise refuse("tracking.experiment", problem)
    _require_s3(experiment)
    return str(experiment.experiment_id)


def _require_s3(experiment: Experiment) -> None:
    """Raise RequestError for artifacts that this process has to write to S3 and cannot."""
    place = experiment.artifact_location
    if place.startswith("s3://") and importlib.util.find_spec("boto3") is None:
        problem = f"got {experiment.name}, whose artifacts are at {place}; boto3 is not installed"
        raise refuse("tracking.experiment", f"{problem}: pip install boto3")


def require_places(tracking: Tracking) -> None:
    """Check the folder, the store and the experiment, without creating or changing any of them.

    Raises RequestError for one that cannot be used.
    """
    require_folder("tracking.dir", tracking.dir)
    require_name(tracking.experiment)
    if tracking.name != "none":
        with _checking(find_store(tracking.uri, tracking.dir)):
            pass


def require_name(experiment: str) -> None:
    """Raise RequestError for a name that MLflow does not accept for an experiment."""
    try:
        experiment.encode()
        is_text = "\0" not in experiment and bool(experiment.strip())
    except UnicodeEncodeError:  # a lone surrogate, from a command line that is not UTF-8
        is_text = False
    if not is_text or len(experiment) > LONGEST_NAME:
        shown = repr(experiment[:60]) + " ..." * (len(experiment) > 60)
        problem = f"got {shown}; allowed: 1 to {LONGEST_NAME} characters of text, not all blank"
        raise refuse("tracking.experiment", problem)


def name_folder(experiment: str) -> str:
    """Return the folder name of an experiment.

    It is the experiment's name, or a slug and a digest if the name is too long or has characters
    with a meaning in paths or addresses.
    """
    if FOLDER_NAME.fullmatch(experiment) and len(experiment.encode()) <= 100:
        return experiment
    slug = re.sub(r"[^A-Za-z0-9]+", "_", experiment)[:60].strip("_")
    digest = hashlib.sha256(experiment.encode()).hexdigest()[:16]
    return f"{slug or 'experiment'}-{digest}"


def find_moved_experiments(client: MlflowClient, store: Store) -> list[Fault]:
    """Return a fault for each experiment whose artifacts are not in the folder of the local store.

    MLflow stores absolute paths of artifacts, so a store that was moved or copied loses them.
    """
    if store.artifact_root is None:
        return []
    root = store.artifact_root.as_uri()
    return [
        Fault(
            each.name,
            f"its artifacts are at {each.artifact_location}, not in {root}, so the store was "
            "moved; move it back, or start a new one with tracking.dir",
        )
        for each in client.search_experiments()
        if each.name != "Default" and not each.artifact_location.startswith(root)
    ]


def _make(store: Store) -> None:
    """Create the SQLite file of a store under a temporary name, and rename it when it is complete.

    MLflow creates the file in about a hundred steps and cannot continue one that was interrupted.
    If this fails, nothing is left behind.
    """
    file = store.database
    if file is None:
        return
    missing = [folder for folder in file.parents if not folder.exists()]
    had_lock = (file.parent / LOCK_FILE).exists()
    try:
        with _alone(store):
            if not store.exists:  # another process may have created it meanwhile
                _draft(file)
    except BaseException:
        if not had_lock:
            (file.parent / LOCK_FILE).unlink(missing_ok=True)
        for folder in missing:  # innermost first
            with contextlib.suppress(OSError):  # never created, or in use by another process
                folder.rmdir()
        raise


def _draft(file: Path) -> None:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    draft = file.with_name(f".{file.name}.new")
    _remove(draft)
    # A URI, which has no quotes: MLflow inserts it into a statement without escaping.
    root = Path("mlruns").absolute().as_uri()
    try:
        SqlAlchemyStore(write_sqlite(draft), root).engine.dispose()
        draft.rename(file)
    finally:
        _remove(draft)


def _remove(draft: Path) -> None:
    """Remove a draft and SQLite's files next to it."""
    for suffix in ("", "-journal", "-wal", "-shm"):
        draft.with_name(f"{draft.name}{suffix}").unlink(missing_ok=True)


@contextmanager
def _alone(store: Store) -> Iterator[None]:
    """Keep other processes of this package from creating the same store or experiment."""
    if store.database is None:
        yield
        return
    store.database.parent.mkdir(parents=True, exist_ok=True)
    with _lock(store.database.parent / LOCK_FILE):
        yield


def _lock(path: Path) -> IO[str]:
    """Return an open and locked file that is still the one at `path`.

    A process that could not create its store has removed its lock file.
    """
    while True:
        file = path.open("a")
        fcntl.flock(file, fcntl.LOCK_EX)
        if path.exists() and path.stat().st_ino == os.fstat(file.fileno()).st_ino:
            return file
        file.close()
