"""Reads, checks and writes the addresses of MLflow stores.

uri = read_address("sqlite:///runs.db")  # sqlite:////home/me/runs.db
find_file(uri)  # Path("/home/me/runs.db")
"""

from __future__ import annotations

import contextlib
import re
import shlex
import urllib.parse
from importlib import metadata
from pathlib import Path

import sqlalchemy

from dcgan_sweeps.config.faults import RequestError, refuse
from dcgan_sweeps.paths import resolve_folder
from dcgan_sweeps.secrets import mask_secrets

KEY = "tracking.uri"
SQLITE, DATABASES = "sqlite", ("postgresql", "mysql", "mssql")
HTTP, DATABRICKS = ("http", "https"), ("databricks", "databricks-uc", "uc")
PLUGINS = "mlflow.tracking_store"  # entry points with which packages add schemes to MLflow
ALLOWED = "allowed: http(s)://HOST:PORT, sqlite:///FILE, postgresql://, mysql:// or mssql://"
DATABASE = "allowed: a database, as sqlite:///FILE or postgresql://USER@HOST:PORT/NAME"
# The packages that provide a driver, if their name differs from that of the module.
PACKAGES = {"psycopg": "psycopg[binary]", "psycopg2": "psycopg2-binary", "MySQLdb": "mysqlclient"}
# Query options of SQLite's driver; uri=true is excluded, since the file name would become a URI.
SQLITE_OPTIONS = {
    "timeout",
    "isolation_level",
    "detect_types",
    "check_same_thread",
    "cached_statements",
}
UNWRITABLE = re.compile(r"[\x00-\x20\x7f]")


def read_address(uri: str) -> str:
    """Return the address of an MLflow store, checked, with the path of a SQLite file made absolute.

    Raises RequestError for an address that MLflow cannot open here, such as that of a database
    whose driver is not installed.
    """
    if not uri.strip():
        raise refuse_address(KEY, uri, "allowed: an address, or null")
    scheme = uri.partition(":")[0].lower()
    kind = scheme.partition("+")[0]
    if kind in (SQLITE, *DATABASES):
        return read_database(uri, KEY)
    if scheme in HTTP:
        return _read_http(uri)
    plugins = {each.name for each in metadata.entry_points(group=PLUGINS)}
    if scheme in {*DATABRICKS, *plugins}:
        return uri
    hint = ""
    if kind == "file" or "://" not in uri:
        hint = "; MLflow's file stores are not supported, use tracking.dir=FOLDER instead"
    raise refuse_address(KEY, uri, f"{ALLOWED}{hint}")


def write_sqlite(file: Path) -> str:
    """Return the address of a SQLite file, whose path may contain any characters."""
    plain = sqlalchemy.URL.create(SQLITE, database=str(file)).render_as_string()
    if plain == f"{SQLITE}:///{file}":
        return plain
    # MLflow creates the parent folder of the path after sqlite:///, without decoding it: a stray
    # folder `My%2520Project` next to `My%20Project`. With the driver's full name it does not.
    return sqlalchemy.URL.create("sqlite+pysqlite", database=str(file)).render_as_string()


def find_file(uri: str) -> Path | None:
    """Return the SQLite file of an address; None for a server or another database."""
    if not uri.startswith(SQLITE):
        return None
    return Path(sqlalchemy.make_url(uri).database or "")


def is_database(uri: str) -> bool:
    """Return whether an address is that of a database, which MLflow opens with SQLAlchemy."""
    return uri.startswith((SQLITE, *DATABASES))


def show_address(uri: str) -> str:
    """Return an address for printing, with its password masked."""
    with contextlib.suppress(ValueError, sqlalchemy.exc.ArgumentError):  # not a valid address
        # SQLAlchemy knows where the password of a server's database ends.
        uri = sqlalchemy.make_url(uri).render_as_string() if uri.startswith(DATABASES) else uri
    return mask_secrets(uri)


def read_database(uri: str, key: str) -> str:
    """Return the address of a database, with the path of a SQLite file made absolute.

    Raises RequestError, as a fault of `key`, for a database in memory, and for one whose driver is
    not installed.
    """
    url = _parse(uri, key)
    if url.get_backend_name() == SQLITE:
        return _read_sqlite(url, uri, key)
    _require_driver(url, uri, key)
    return uri


def _read_sqlite(url: sqlalchemy.URL, uri: str, key: str) -> str:
    file = url.database or ""
    allowed = "allowed: sqlite:///FILE, or sqlite:////FOLDER/FILE"
    if file in ("", ":memory:"):
        raise refuse_address(key, uri, f"it would be kept in memory and lost at the end; {allowed}")
    stray = set(url.query) - SQLITE_OPTIONS
    if url.drivername not in (SQLITE, "sqlite+pysqlite") or url.host or url.username or stray:
        raise refuse_address(key, uri, allowed)
    try:
        url.get_dialect()().create_connect_args(url)
    except (ValueError, sqlalchemy.exc.ArgumentError) as error:
        raise refuse_address(key, uri, f"invalid option after ? ({error})") from error
    absolute = write_sqlite(resolve_folder(key, file))
    return sqlalchemy.make_url(absolute).set(query=url.query).render_as_string()


def _require_driver(url: sqlalchemy.URL, uri: str, key: str) -> None:
    try:
        url.get_dialect().import_dbapi()
    except sqlalchemy.exc.NoSuchModuleError as error:
        raise refuse_address(key, uri, f"SQLAlchemy has no driver {url.drivername}") from error
    except ImportError as error:
        name = error.name or url.get_driver_name()
        remedy = f"pip install {shlex.quote(PACKAGES.get(name, name))}"
        raise refuse_address(key, uri, f"its driver {name} is not installed: {remedy}") from error


def _parse(uri: str, key: str) -> sqlalchemy.URL:
    try:
        url = sqlalchemy.make_url(uri)
        if url.port is not None and not 0 < url.port < 65536:
            raise ValueError(f"port {url.port}")
    except (ValueError, sqlalchemy.exc.ArgumentError) as error:
        raise refuse_address(key, uri, DATABASE) from error
    return url


def _read_http(uri: str) -> str:
    try:
        parts = urllib.parse.urlsplit(uri)
        is_whole = bool(parts.hostname) and parts.port != 0
    except ValueError:  # an invalid port or IPv6 address
        is_whole = False
    if not is_whole or UNWRITABLE.search(uri):
        raise refuse_address(KEY, uri, "allowed: http(s)://HOST:PORT")
    return uri


def refuse_address(key: str, uri: str, problem: str) -> RequestError:
    """Return the fault of an address, with its password masked."""
    return refuse(key, f"got {show_address(uri)}; {problem}")
