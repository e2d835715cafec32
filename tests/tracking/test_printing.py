"""MLflow itself prints nothing: the address of a run has the password in it."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from mlflow import MlflowClient

import dcgan_sweeps.tracking.store  # noqa: F401 - sets what MLflow prints

RUN = {"info": {"run_id": "a", "experiment_id": "1", "run_name": "n", "status": "FINISHED"}}


class OneRun(BaseHTTPRequestHandler):
    """Answers every request of MLflow's with the same run."""

    def do_POST(self):
        body = json.dumps({"run": RUN, "run_info": RUN["info"]}).encode()
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST  # noqa: N815

    def log_message(self, *args):
        pass


@pytest.fixture
def address():
    with HTTPServer(("127.0.0.1", 0), OneRun) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://me:hunter2@127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_run_that_ends_on_a_server_shows_no_password(address, capfd):
    MlflowClient(tracking_uri=address).set_terminated("a", "FINISHED")
    printed = capfd.readouterr()
    assert printed.out + printed.err == ""
