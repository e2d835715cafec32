"""Which MLflow store runs go to, and whether it answers.

store = find_store(config.tracking.uri, config.tracking.dir)
client = connect(store)
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from dcgan_sweeps.config import Fault, RequestError
from dcgan_sweeps.paths import resolve_folder
from dcgan_sweeps.tracking.secrets import mask_secrets

Client = MlflowClient
SQLITE = "sqlite:///"
DATABASE_FILE = "mlflow.db"
# The UI shows what belongs to training, and nothing of language models.
KIND = {"mlflow.experimentKind": "custom_model_development"}
# A server that is down shall be found out in seconds; MLflow's own patience is minutes.
FIRST_CONTACT = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}


@dataclass(frozen=True)
class Store:
    """A tracking URI; for the local store also its absolute artifact root."""

    uri: str
    artifact_root: Path | None

    def __str__(self) -> str:
        return mask_secrets(self.uri)

    @property
    def database(self) -> Path | None:
        """Its SQLite file; None where it is a server, or another kind of database."""
        path = self.uri.removeprefix(SQLITE).partition("?")[0]
        return Path(path) if self.uri.startswith(SQLITE) and path != ":memory:" else None

    @property
    def exists(self) -> bool:
        """Whether it is there already, as far as can be told without opening it."""
        return self.database is None or self.database.is_file()


def find_store(uri: str | None, folder: str) -> Store:
    """Return the store of `uri`, or the SQLite one in `folder` where it is None."""
    if uri is not None:
        return Store(uri, None)
    root = resolve_folder("tracking.dir", folder)
    return Store(f"{SQLITE}{root / DATABASE_FILE}", root / "artifacts")


def open_store(uri: str | None, folder: str) -> MlflowClient:
    """Return a client of a store that is there already; raises RequestError where there is none."""
    store = find_store(uri, folder)
    if uri == "":
        raise RequestError([Fault("tracking.uri", "got nothing; allowed: an address, or none")])
    if not store.exists and store.artifact_root is None:
        raise RequestError([Fault("tracking.uri", f"got {store}; there is no such file")])
    if store.artifact_root is not None:
        root = store.artifact_root.parent
        if not store.exists:
            raise RequestError([Fault("tracking.dir", f"there is no {DATABASE_FILE} in {root}")])
        measure_tables(root / DATABASE_FILE)
    return connect(store)


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


@contextmanager
def answering() -> Iterator[None]:
    """Turn what a store that went away raises into a RequestError, passwords masked."""
    try:
        yield
    except (MlflowException, sqlalchemy.exc.SQLAlchemyError) as error:
        reason = mask_secrets(str(error)).strip().splitlines()[0]
        raise RequestError([Fault("tracking.uri", f"the store failed: {reason}")]) from error


class StoreFailedError(Exception):
    """The MLflow store went away while work went on; the message names what it said."""


@contextmanager
def store_failures() -> Iterator[None]:
    """Turn what a store raises in the middle of work into a StoreFailedError, passwords masked."""
    try:
        yield
    except (MlflowException, sqlalchemy.exc.SQLAlchemyError) as error:
        reason = mask_secrets(str(error)).strip().splitlines()[0]
        raise StoreFailedError(f"the store failed: {reason}") from error


def connect(store: Store) -> MlflowClient:
    """Return a client of a store that has answered; raises RequestError naming it otherwise."""
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # It prints a traceback for each error that it also raises.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    try:
        if store.artifact_root is not None:
            store.artifact_root.mkdir(parents=True, exist_ok=True)
        if not store.exists:
            _make(store)
        with _environment(FIRST_CONTACT):
            client = MlflowClient(tracking_uri=store.uri)
            client.search_experiments(max_results=1)
    except (MlflowException, sqlalchemy.exc.SQLAlchemyError, OSError) as error:
        reason = mask_secrets(str(error)).strip().splitlines()[0]
        fault = Fault("tracking.uri", f"{store} does not answer ({reason})")
        raise RequestError([fault]) from error
    return client


def find_experiment(client: MlflowClient, store: Store, name: str) -> str:
    """Return the id of an experiment, made where it is missing.

    Raises RequestError for one that was deleted.
    """
    with _alone(store):
        experiment = client.get_experiment_by_name(name)
        if experiment is None:
            root = store.artifact_root
            place = None if root is None else (root / name).as_uri()
            return client.create_experiment(name, place, tags=KIND)
    if experiment.lifecycle_stage != "active":
        problem = f"got {name}, which was deleted from {store}; restore it or name another"
        raise RequestError([Fault("tracking.experiment", problem)])
    return str(experiment.experiment_id)


def find_moved_experiments(client: MlflowClient, store: Store) -> list[Fault]:
    """Return a fault for each experiment whose artifacts are elsewhere than the local store is.

    MLflow keeps artifact folders absolute, so a store that was moved or copied loses its own.
    """
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
    hundred steps, and cannot go on with one in whose midst it was killed."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    with _alone(store):
        if store.database is None or store.exists:  # by another process, meanwhile
            return
        draft = store.database.with_name(f".{store.database.name}.new")
        for left in draft.parent.glob(f"{draft.name}*"):
            left.unlink()
        SqlAlchemyStore(f"{SQLITE}{draft}", "mlruns").engine.dispose()
        draft.rename(store.database)


@contextmanager
def _alone(store: Store) -> Iterator[None]:
    """Keep other processes of ours from making the same store, or experiment, just now."""
    if store.database is None:
        yield
        return
    store.database.parent.mkdir(parents=True, exist_ok=True)
    with (store.database.parent / ".mlflow.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
