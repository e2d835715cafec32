from __future__ import annotations

import socket
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType

import pytest

from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.tracking import inspection, store
from dcgan_sweeps.tracking.store import connect, find_store


@contextmanager
def listening(answer):
    """Give the port of a server that accepts, and then does `answer` with each connection."""
    accepted = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:  # closed
                    return
                accepted.append(connection)
                answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    for connection in accepted:
        connection.close()


def say_nothing(connection):
    """Leave a connection open."""


def hang_up(connection):
    connection.close()


@contextmanager
def answering(status, body):
    """Give the port of a server that answers every request so."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self):
            self.do_GET()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def hurried(monkeypatch):
    """Wait one second alone for a server."""
    monkeypatch.setattr(inspection, "PATIENCE_S", 1)
    monkeypatch.setattr(store, "PATIENCE_S", 1)


def refuse(uri):
    """Return what is said of a store that is refused, in seconds."""
    begin = time.monotonic()
    with pytest.raises(RequestError) as error:
        connect(find_store(uri, "elsewhere"))
    assert time.monotonic() - begin < 5
    (fault,) = error.value.faults
    assert "\n" not in str(fault)
    return str(fault)


def test_nobody_waits_longer_than_ten_seconds():
    assert inspection.PATIENCE_S <= 10


def test_a_server_that_accepts_and_says_nothing_is_given_up(hurried):
    with listening(say_nothing) as port:
        assert "does not answer (no answer in 1 s)" in refuse(f"http://127.0.0.1:{port}")


def test_a_server_that_hangs_up_is_named():
    with listening(hang_up) as port:
        assert "does not answer" in refuse(f"http://127.0.0.1:{port}")


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (500, b"<html>\n<b>no</b></html>", "too many 500 error responses"),
        (200, b"<html>a login page</html>", "not in a valid JSON format"),
        (200, b"[1]", "not in a valid JSON format"),
        (401, b"who are you?\nsay", "refuses the login; set MLFLOW_TRACKING_USERNAME"),
        (404, b"x" * 10_000, "failed with error code 404"),
    ],
)
def test_a_server_that_is_no_tracking_server_is_named(status, body, said):
    with answering(status, body) as port:
        fault = refuse(f"http://me:hunter2@127.0.0.1:{port}")
    assert said in fault
    assert "hunter2" not in fault
    assert len(fault) < 500


@pytest.mark.parametrize(
    ("uri", "module", "remedy"),
    [
        ("postgresql://u:hunter2@h/x", "psycopg", "pip install 'psycopg[binary]'"),
        ("postgresql+psycopg2://u:hunter2@h/x", "psycopg2", "pip install psycopg2-binary"),
        ("mysql://u:hunter2@h/x", "MySQLdb", "pip install mysqlclient"),
        ("mysql+pymysql://u:hunter2@h/x", "pymysql", "pip install pymysql"),
        ("mssql://u:hunter2@h/x", "pyodbc", "pip install pyodbc"),
    ],
)
def test_a_driver_that_is_missing_is_named_with_its_package(monkeypatch, uri, module, remedy):
    monkeypatch.setitem(sys.modules, module, None)
    fault = refuse(uri)
    assert f"its driver {module} is not installed: {remedy}" in fault
    assert "hunter2" not in fault


@pytest.fixture
def driver(monkeypatch):
    """Stand in for the driver of PostgreSQL, which may not be installed: it connects, then waits
    for what the server says."""

    class OperationalError(Exception):
        pass

    def connect(*, host, port, **_):
        try:
            with socket.create_connection((host, int(port))) as connection:
                connection.recv(1)
        except OSError as error:
            raise OperationalError(f"connection to {host} failed:\n{error}") from error

    module = ModuleType("psycopg2")
    module.__version__, module.paramstyle = "2.9.9", "pyformat"
    module.Error = module.OperationalError = OperationalError
    module.connect = connect
    extensions, extras = ModuleType("psycopg2.extensions"), ModuleType("psycopg2.extras")
    module.extensions, module.extras = extensions, extras
    for each in (module, extensions, extras):
        monkeypatch.setitem(sys.modules, each.__name__, each)


def test_a_database_server_that_is_down_is_named_at_once(driver):
    with listening(hang_up) as port:
        pass
    fault = refuse(f"postgresql+psycopg2://me:hunter2@127.0.0.1:{port}/runs")
    assert f"me:***@127.0.0.1:{port}/runs does not answer (Connection refused)" in fault


def test_a_database_server_that_says_nothing_is_given_up(driver, hurried):
    with listening(say_nothing) as port:
        fault = refuse(f"postgresql+psycopg2://me:hunter2@127.0.0.1:{port}/runs")
    assert "does not answer (no answer in 1 s)" in fault
