"""What the environment says is heeded where a request does not, and breaks nothing."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from refusals import ask, require_refusal
from shelf import make_shelf

from dcgan_sweeps.command import read_bytes
from dcgan_sweeps.composition.command_line import compose_request
from dcgan_sweeps.config.compose import compose
from dcgan_sweeps.config.schema import Config
from dcgan_sweeps.datasets import sources
from dcgan_sweeps.place import name_place, name_variables, say_variables
from dcgan_sweeps.scoring import cache

URI, EXPERIMENT = "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    return make_shelf(tmp_path_factory.mktemp("shelf") / "mlruns")


@pytest.fixture
def named(shelf, monkeypatch):
    """An environment that names the store of the shelf, and its experiment."""
    monkeypatch.setenv(URI, f"sqlite:///{shelf.folder}/mlflow.db")
    monkeypatch.setenv(EXPERIMENT, "dcgan_sweeps")
    return os.environ[URI]


def test_a_run_goes_where_the_variables_say(monkeypatch):
    monkeypatch.setenv(URI, "http://server:5000")
    monkeypatch.setenv(EXPERIMENT, "2024_11_26")
    tracking = compose("config", [], Config).tracking
    assert (tracking.uri, tracking.experiment) == ("http://server:5000", "2024_11_26")


def test_a_request_comes_before_the_variables(named):
    words = ["tracking.uri=null", "tracking.experiment=mine"]
    tracking = compose("config", words, Config).tracking
    assert (tracking.uri, tracking.experiment) == (None, "mine")


def test_without_the_variables_nothing_is_another(monkeypatch):
    for name in (URI, EXPERIMENT):
        monkeypatch.delenv(name, raising=False)
    tracking = compose("config", [], Config).tracking
    assert (tracking.uri, tracking.experiment) == (None, "dcgan_sweeps")


def test_a_report_looks_where_the_variable_says_and_says_so(named, monkeypatch, capsys, tmp_path):
    answer = ask(monkeypatch, capsys, tmp_path, "report")
    assert answer.status == 0, answer
    assert "one_run" in answer.out
    assert f"uri from {URI}: {named}" in answer.err


@pytest.mark.parametrize("words", [["--dir=nowhere"], ["--dir", "nowhere", "--experiment=x"]])
def test_a_folder_that_is_named_comes_before_the_variable(
    words, named, monkeypatch, capsys, tmp_path
):
    monkeypatch.delenv(EXPERIMENT)
    answer = ask(monkeypatch, capsys, tmp_path, "report", *words)
    require_refusal(answer, ["tracking.dir: there is no mlflow.db in "])


@pytest.mark.parametrize("blank", ["", " "])
def test_a_blank_variable_counts_as_none(blank, monkeypatch, capsys, tmp_path):
    answer = ask(monkeypatch, capsys, tmp_path, "report", **{URI: blank, EXPERIMENT: blank})
    require_refusal(answer, ["tracking.dir: there is no mlflow.db in "])


def test_commands_lead_to_the_same_runs_where_variables_are_set(monkeypatch):
    assert name_place("mlruns", None, "dcgan_sweeps") == []
    monkeypatch.setenv(URI, "http://server")
    monkeypatch.setenv(EXPERIMENT, "team")
    assert name_place("mlruns", None, "dcgan_sweeps") == [
        "--dir=mlruns",
        "--experiment=dcgan_sweeps",
    ]
    assert name_place("mlruns", "http://server", "team") == [
        "--uri=http://server",
        "--experiment=team",
    ]
    tracking = compose("config", [], Config).tracking
    words = ["tracking.uri=http://server", "tracking.experiment=team"]
    assert name_variables(["seed=1"], tracking) == words
    assert name_variables(["seed=1", *words], tracking) == []


# As a user without an entry in passwd, and without HOME.
NOBODY = """
import os, pwd
def fail(*words):
    raise KeyError("uid not found")
pwd.getpwuid = pwd.getpwnam = fail
for name in ("HOME", "XDG_CACHE_HOME"):
    os.environ.pop(name, None)
from dcgan_sweeps.datasets import sources
from dcgan_sweeps.scoring import cache
print(sources.find_cache_dir(), cache.load_metrics("name", lambda: {"a": 1.0}))
try:
    sources.fetch(print)
except sources.DataError as error:
    print(error)
"""


def test_a_user_without_a_home_has_no_cache_and_is_told(tmp_path):
    printed = subprocess.check_output([sys.executable, "-c", NOBODY], cwd=tmp_path, text=True)
    first, second = printed.splitlines()
    assert first == "None {'a': 1.0}"
    assert second.startswith(
        "cache: has no folder; set HOME or XDG_CACHE_HOME; set data.dir=FOLDER"
    )
    assert not list(tmp_path.iterdir())


def test_mlflow_is_imported_for_a_user_without_a_home():
    code = NOBODY.partition("from dcgan")[0] + "import dcgan_sweeps.tracking.store; print(1)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "1\n"


def test_words_that_python_could_not_read_are_read():
    assert read_bytes("Mot\udcc3\udcb6r") == "Mot\xf6r"
    assert read_bytes("a\udcff") == "a\\xff"
    assert read_bytes("Mot\xf6r\ud800") == "Mot\xf6r\ud800"


def test_a_terminal_that_knows_no_umlaut_gets_them_spelt(tmp_path):
    code = "from dcgan_sweeps.command import begin; begin(); print('Mot\\xf6r \\u202e')"
    spoken = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    printed = subprocess.check_output(
        [sys.executable, "-c", code], env=os.environ | spoken, text=True
    )
    assert printed == "Mot\\xf6r \\u202e\n"


def test_a_cache_of_somebody_else_s_is_not_needed(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(cache, "find_features_dir", lambda: tmp_path / "file" / "x")
    monkeypatch.setattr(sources, "find_cache_dir", lambda: tmp_path / "file" / "x")
    assert cache.load_metrics("name", lambda: {"a": 1.0}) == {"a": 1.0}
    with pytest.raises(sources.DataError, match="cannot be used as a cache"):
        sources.fetch(print)


def test_a_backend_of_matplotlib_that_there_is_none_of_is_not_heeded():
    code = "from dcgan_sweeps.command import begin; begin(); import matplotlib as m"
    code += "; print(m.get_backend())"
    environment = os.environ | {"MPLBACKEND": "nonsense"}
    printed = subprocess.check_output([sys.executable, "-c", code], env=environment, text=True)
    assert printed.lower() == "agg\n"


def test_a_relative_file_that_the_variable_names_is_said_and_named_to_other_commands(
    monkeypatch, capsys, tmp_path
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(URI, "sqlite:///runs.db")
    monkeypatch.delenv(EXPERIMENT, raising=False)
    tracking = compose_request("config", []).tracking
    address = f"sqlite:///{tmp_path}/runs.db"
    say_variables(tracking)
    assert capsys.readouterr().err == f"uri from {URI}: {address}\n"
    assert name_variables([], tracking) == [f"tracking.uri={address}"]


def test_a_dry_run_shows_no_password_of_an_address(monkeypatch, capsys, tmp_path):
    words = ["-m", "seed=1", "experiment=tiny", "hydra.sweeper.dry_run=true"]
    address = "http://me:hunter2@127.0.0.1:1"
    answer = ask(monkeypatch, capsys, tmp_path, "run", *words, MLFLOW_TRACKING_URI=address)
    assert "tracking.uri=http://me:***@127.0.0.1:1" in answer.out
    assert "hunter2" not in answer.out + answer.err
