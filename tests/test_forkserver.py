"""What the slow tests fork is a process as a fresh interpreter would be."""

from __future__ import annotations

import signal
import subprocess
import sys

import psutil
import pytest
from processes import OWN, call, finish, start
from studies import is_gone, wait_until

pytestmark = pytest.mark.slow

DESCRIBE = """
import json, os, signal, sys
print(json.dumps({
    "argv": sys.argv,
    "folder": os.getcwd(),
    "path": sys.path,
    "group": os.getpgrp(),
    "environment": {name: text for name, text in os.environ.items() if name in KNOWN},
    "handlers": [str(signal.getsignal(number)) for number in range(1, 32)],
    "stdin": sys.stdin.read(),
    "streams": [(s.encoding, s.errors, s.isatty()) for s in (sys.stdout, sys.stderr)],
    "descriptors": sorted(os.listdir("/proc/self/fd")),
    "threads": len(__import__("threading").enumerate()),
}, indent=1))
print("error", file=sys.stderr)
sys.exit(3)
"""


@pytest.mark.parametrize("is_module", [False, True])
def test_it_finds_what_a_fresh_interpreter_finds(tmp_path, is_module):
    code = DESCRIBE.replace("KNOWN", repr((*OWN, "PATH", "HOME", "MARK")))
    (tmp_path / "described.py").write_text(code)
    command = ["-m", "described", "a"] if is_module else ["-c", code, "a"]
    forked, fresh = (
        call(tmp_path, [sys.executable, *command], fresh=fresh, MARK="\xfc \udcff")
        for fresh in (False, True)
    )
    assert forked.returncode == fresh.returncode == 3
    assert forked.stdout == fresh.stdout
    assert forked.stderr == fresh.stderr == "error\n"


def test_an_error_ends_it_with_a_traceback_and_ctrl_c_as_python_ends(tmp_path):
    code = "import signal; signal.raise_signal(signal.SIGINT)"
    assert "KeyboardInterrupt" in finish(tmp_path, [sys.executable, "-c", code], status=-2)
    printed = finish(tmp_path, [sys.executable, "-c", "raise OSError('mine')"], status=1)
    assert printed.endswith("OSError: mine\n")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_signal_reaches_it_and_is_its_status(tmp_path, number):
    code = "import time; print('here'); time.sleep(600)"
    process = start(tmp_path, [sys.executable, "-c", code])
    assert process.stdout.readline() == "here\n"
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)
    assert process.poll() is None
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.poll() == process.returncode == -number


def test_it_does_not_outlive_whoever_started_it(tmp_path):
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    code = f"import processes; print(processes.start('.', {sleep}).pid, flush=True); input()"
    path = {"PYTHONPATH": ":".join(sys.path)}
    words = [sys.executable, "-c", code]
    starter = subprocess.Popen(words, text=True, stdin=-1, stdout=-1, env=OWN | path)
    started = psutil.Process(int(starter.stdout.readline()))
    starter.kill()
    starter.communicate()
    wait_until(lambda: is_gone(started))
