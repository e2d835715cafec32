"""optuna-dashboard over HTTP: it answers its own pages, and no foreign one."""

from __future__ import annotations

import http.client
import json
import threading
import warnings
from wsgiref.simple_server import WSGIRequestHandler, make_server

import optuna
import pytest

from dcgan_sweeps.dashboard import guard


class Quiet(WSGIRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def port():
    """A dashboard behind our guard, on a storage in memory."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from optuna_dashboard import wsgi

        application = guard(wsgi(optuna.storages.InMemoryStorage()))
    with make_server("127.0.0.1", 0, application, handler_class=Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def send(port, method, path, **headers):
    """Return the status that the dashboard answers with; "{}" in a header is its own address."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    own = f"127.0.0.1:{port}"
    sent = {name.replace("_", "-"): text.format(own) for name, text in headers.items()}
    body = json.dumps({"study_name": "s", "directions": ["minimize"]}) if method == "POST" else None
    connection.request(method, path, body, {"Content-Type": "application/json", **sent})
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.mark.parametrize(
    "host", ["{}", "localhost", "localhost:8080", "127.0.0.1", "[::1]", "[::1]:80", "LOCALHOST"]
)
def test_a_host_of_this_machine_is_answered(host, port):
    assert send(port, "GET", "/api/studies", Host=host) == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "10.evil.example",
        "localhost@evil.example",
        "localhost.",
        "localhost:x",
        "[::1",
        "",
    ],
)
@pytest.mark.parametrize("path", ["/api/studies", "/dashboard/", "/"])
def test_a_foreign_host_is_refused(host, path, port):
    assert send(port, "GET", path, Host=host) == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "http://localhost:1"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Host": "evil.example", "Origin": "http://evil.example"},
    ],
)
def test_a_foreign_page_changes_nothing(headers, port):
    assert send(port, "POST", "/api/studies", **headers) == 403
    assert send(port, "DELETE", "/api/studies/0", **headers) == 403


def test_its_own_page_may_change_a_study(port):
    own = {"Origin": "http://{}", "Sec_Fetch_Site": "same-origin"}
    assert send(port, "POST", "/api/studies", **own) == 201
    assert send(port, "GET", "/api/studies", Sec_Fetch_Site="cross-site") == 200  # a link to it
