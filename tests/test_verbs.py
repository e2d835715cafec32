"""The verbs beside `run`, as processes, and the console command."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from processes import PROGRAM, ROOT, call, start

from dcgan_sweeps.cli import VERBS

pytestmark = pytest.mark.slow


def test_doctor_says_which_source_serves_and_leaves_nothing(run_module, tmp_path):
    done = run_module("dcgan_sweeps.doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"ok +data +Fashion-MNIST, verified, from ", done.stdout)
    assert not list(tmp_path.iterdir())


def test_doctor_names_what_does_not_work(run_module, tmp_path):
    done = run_module("dcgan_sweeps.doctor", f"data.dir={tmp_path}")
    assert done.returncode == 1
    assert re.search(r"NO +data +.*train-images-idx3-ubyte", done.stdout)
    assert re.search(r"^data +run python -m dcgan_sweeps.data, or set", done.stdout, re.MULTILINE)


def test_data_says_where_the_verified_files_are(run_module):
    done = run_module("dcgan_sweeps.data", fresh=True)
    assert done.returncode == 0
    assert "data: Fashion-MNIST, verified, from " in done.stdout
    assert run_module("dcgan_sweeps.data", "elsewhere").returncode == 2


def test_doctor_refuses_a_misspelt_key(run_module):
    done = run_module("dcgan_sweeps.doctor", "data.dri=/x")
    assert done.returncode == 2
    assert "data.dri: there is no such key; did you mean data.dir?" in done.stderr
    assert "Traceback" not in done.stderr


def run_console(*words):
    code = "import dcgan_sweeps.cli as c, sys; sys.exit(c.main())"
    return call(ROOT, [sys.executable, "-c", code, *words])


def test_the_console_command_names_its_verbs():
    done = run_console("--help")
    assert done.returncode == 0
    for verb in VERBS:
        assert re.search(rf"^  {verb} ", done.stdout, re.MULTILINE)


def test_an_unknown_verb_is_refused_with_the_nearest():
    done = run_console("runn")
    assert done.returncode == 2
    assert f"verb: got runn; allowed: {', '.join(VERBS)}" in done.stderr
    assert "did you mean run?" in done.stderr


def test_the_console_command_hands_the_rest_on():
    done = run_console("run", "train.epochs=-1")
    assert done.returncode == 2
    assert "train.epochs: got -1" in done.stderr


def test_the_classifier_command_trains_tracks_and_writes_what_run_takes(run_module, tmp_path):
    words = ["data=synthetic", "data.count=900", "epochs=2", "filters=[4,4]", "hidden=8"]
    done = run_module("dcgan_sweeps.score.classifier", *words, fresh=True)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("accuracy", "sha256", "time", "run"):
        assert re.search(rf"^{name} +\S", done.stdout, re.MULTILINE)
    (folder,) = tmp_path.glob("mlruns/runs/*_classifier")
    use = ["experiment=tiny", "data=synthetic", "data.count=900", f"score.classifier={folder}"]
    scored = run_module("dcgan_sweeps.run", *use, "train.epochs=0", "tracking=none")
    assert scored.returncode == 0, scored.stdout + scored.stderr


def test_the_ui_serves_the_store_and_ends_cleanly(tmp_path):
    process = start(tmp_path, [*PROGRAM[:2], "dcgan_sweeps.ui", "--port", "5310"], fresh=True)
    lines = iter(process.stdout.readline, "")
    line = next(line for line in lines if line.startswith("MLflow UI: "))
    address = re.search(r"http://127\.0\.0\.1:\d+", line)[0]
    with urllib.request.urlopen(address, timeout=20) as page:
        assert b"MLflow" in page.read()
    # A name that begins as a private address does, and may be pointed at this machine.
    foreign = urllib.request.Request(address, headers={"Host": "10.evil.example"})
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(foreign, timeout=20)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert str(tmp_path / "mlruns" / "mlflow.db") in line


def test_an_installed_wheel_finds_conf(tmp_path):
    target = tmp_path / "site"
    build = ["pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run(
        [sys.executable, "-m", *build, "--target", str(target), str(ROOT)], check=True, timeout=120
    )
    assert (target / "dcgan_sweeps" / "conf" / "config.yaml").is_file()
    assert not (target / "conf").exists()
    done = call(tmp_path, [*PROGRAM, "--cfg", "job"], tree=target)
    assert "lr: 0.001" in done.stdout, done.stderr
    done = call(tmp_path, [*PROGRAM, "--info", "plugins"], tree=target)
    assert "StudySweeper" in done.stdout, done.stderr
    assert "SlotsLauncher" in done.stdout
    place = [
        sys.executable,
        "-c",
        "import hydra_plugins.dcgan_sweeps_study as p; print(p.__file__)",
    ]
    assert call(tmp_path, place, tree=target).stdout.startswith(str(target))
