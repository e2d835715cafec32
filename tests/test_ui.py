"""The servers of `ui` end with it, whatever ends it. A server of Python's own stands for theirs."""

from __future__ import annotations

import os
import re
import signal
import sys
import urllib.error
import urllib.request

import processes
import psutil
import pytest
from studies import is_gone, wait_until

from dcgan_sweeps.ui import Server, choose_port, start, wait_until_answers

pytestmark = pytest.mark.slow

# As a server that is slow to end: it has a worker, and SIGTERM does not end it.
SERVER = """
import http.server, signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
handler = http.server.SimpleHTTPRequestHandler
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), handler).serve_forever()
"""
UI = """
import os, sys
from dcgan_sweeps import ui
ui.STOP_TIMEOUT_S = 1
port = ui.choose_port(5400)
command = [sys.executable, "-c", sys.argv[1], str(port)]
server = ui.Server("server", command, os.environ, f"http://127.0.0.1:{port}")
sys.exit(ui.serve([server], "", "here"))
"""


@pytest.fixture
def ui(tmp_path):
    """`ui` over one server, once that answers, and all processes that it has started."""
    process = processes.start(tmp_path, [sys.executable, "-c", UI, SERVER])
    next(line for line in iter(process.stdout.readline, "") if re.match("server: ", line))
    started = psutil.Process(process.pid).children(recursive=True)
    try:
        assert len(started) == 3, started  # the lifeline, the server, its worker
        yield process, started
    finally:
        process.kill()
        for each in started:
            if not is_gone(each):
                each.kill()
        process.stdout.close()
        process.wait()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_servers(number, ui):
    process, started = ui
    process.send_signal(number)
    printed, _ = process.communicate(timeout=30)
    assert (process.returncode, printed) == (0, "")
    wait_until(lambda: all(map(is_gone, started)))


def test_a_second_signal_breaks_nothing_off(ui):
    process, started = ui
    process.send_signal(signal.SIGINT)
    for _ in range(5):
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
    printed, _ = process.communicate(timeout=30)
    assert (process.returncode, printed) == (0, "")
    wait_until(lambda: all(map(is_gone, started)))


def test_the_servers_end_where_it_is_killed(ui):
    process, started = ui
    os.kill(process.pid, signal.SIGKILL)
    wait_until(lambda: all(map(is_gone, started)))


def test_the_dashboard_refuses_a_foreign_host_and_ends_with_its_lifeline(tmp_path):
    port = choose_port(5450)
    module = ["-m", "dcgan_sweeps.dashboard", str(tmp_path / "journal"), str(port)]
    server = Server("dashboard", [sys.executable, *module], os.environ, f"http://127.0.0.1:{port}")
    started = start(server)
    try:
        assert wait_until_answers(server.address, started.process), started.read_errors()
        foreign = urllib.request.Request(server.address, headers={"Host": "evil.example"})
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(foreign, timeout=20)
    finally:
        started.process.stdin.close()
        started.process.wait(30)
        started.errors.close()
    assert choose_port(port) == port
