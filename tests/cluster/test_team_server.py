"""Studies on a team's server: MLflow with a login, over PostgreSQL and S3, which fail in turn."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from mlflow import MlflowClient
from postgres import needs_postgres
from processes import PROGRAM, call, start
from s3 import BUCKET, needs_s3
from studies import TINY, find_all, finish, read_until
from tally import compare_folder, list_files
from team import Team

pytestmark = [pytest.mark.slow, needs_postgres, needs_s3]

STUDY = [*PROGRAM, "-m", *TINY, "train.epochs=2", "runner.slots=2"]
REFUSED = (
    "  tracking.uri: {uri} refuses the login; set MLFLOW_TRACKING_USERNAME and "
    "MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, or write user and password to "
    "~/.mlflow/credentials"
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with Team(tmp_path_factory.mktemp("team")) as team:
        yield team


@pytest.fixture
def team(shared, monkeypatch):
    """The servers, with the variables of a client in this process, too."""
    for name, value in {**shared.login, **shared.s3.environment}.items():
        monkeypatch.setenv(name, value)
    return shared


@pytest.fixture
def name(request):
    """The name of the experiment of a test."""
    return re.sub(r"\W+", "_", request.node.name)


def begin(folder, team, experiment, *words, **environment):
    """Start a study in an experiment of its own; its output is one stream of lines."""
    places = [f"tracking.uri={team.uri}", f"tracking.experiment={experiment}"]
    words = [*STUDY, *places, "tracking.flush_timeout_s=120", *words]
    return start(folder, words, **{**team.login, **environment})


def do(folder, team, experiment, module, *words):
    """Run a verb of a client that knows the address and the login, and nothing else."""
    command = [sys.executable, "-m", f"dcgan_sweeps.{module}", *words]
    command += [f"--uri={team.uri}", f"--experiment={experiment}"]
    return finish(start(folder, command, **team.login))


def find_differences(folder, team):
    trials = sorted((folder / "mlruns" / "studies" / "s" / "trials").glob("????"))
    client = MlflowClient(team.uri)
    return [line for trial in trials for line in compare_folder(client, trial)]


def find_secrets(folder, team):
    """Return the files that have a password, and the runs and artifacts that have one."""
    client = MlflowClient(team.uri)
    found = {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for run in client.search_runs([each.experiment_id for each in client.search_experiments()]):
        found[run.info.run_id] = str(run.to_dictionary()).encode()
        for path in list_files(client, run.info.run_id, ""):
            file = client.download_artifacts(run.info.run_id, path, str(folder))
            found[f"{run.info.run_id} {path}"] = Path(file).read_bytes()
    return [
        name for name, content in found.items() for each in team.secrets if each.encode() in content
    ]


def test_who_has_only_the_address_and_a_login_can_do_all(team, tmp_path, name):
    mine, other = tmp_path / "mine", tmp_path / "other"
    mine.mkdir()
    other.mkdir()
    words = ["search=fcd", "hydra.sweeper.n_trials=3", f"hydra.sweeper.storage={team.trials}"]
    printed = finish(begin(mine, team, name, *words))
    find_all(mine, 3, uri=team.uri, storage=team.trials, experiment=name)
    assert find_differences(mine, team) == []
    printed += do(other, team, name, "report", "study:s", "--html")
    assert list(other.rglob("*.html"))
    printed += do(other, team, name, "generate", "best", "--count=4")
    assert list(other.rglob("*.npz"))
    printed += do(other, team, name, "reproduce", "best")
    assert "verdict: identical" in printed
    assert find_secrets(tmp_path, team) == []
    assert [each for each in team.secrets if each in printed] == []


@pytest.mark.parametrize("login", ["wrong", "none"])
def test_a_refused_login_is_one_line(team, tmp_path, login):
    user = {"MLFLOW_TRACKING_USERNAME": "admin", "MLFLOW_TRACKING_PASSWORD": "hunter2"}
    user = user if login == "wrong" else dict.fromkeys(user, "")
    words = [*STUDY, "seed=1,2", f"tracking.uri={team.uri}"]
    answer = call(tmp_path, words, **user)
    assert answer.returncode == 2
    assert answer.stderr.splitlines()[1:] == [REFUSED.format(uri=team.uri)]
    assert list(tmp_path.iterdir()) == []


def test_the_login_may_be_in_a_file(team, tmp_path):
    folder = tmp_path / ".mlflow"
    folder.mkdir()
    lines = ["[mlflow]", "mlflow_tracking_username = admin"]
    lines += [f"mlflow_tracking_password = {team.password}"]
    (folder / "credentials").write_text("\n".join(lines))
    command = [sys.executable, "-m", "dcgan_sweeps.doctor", f"tracking.uri={team.uri}"]
    nobody = dict.fromkeys(["MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"], "")
    printed = call(tmp_path, command, HOME=str(tmp_path), **nobody).stdout
    assert "refuses the login" in call(tmp_path, command, **nobody).stdout
    assert "refuses the login" not in printed
    assert re.search(r"^ok +store", printed, re.MULTILINE), printed


@pytest.mark.parametrize("fault", ["down", "read-only"])
@pytest.mark.parametrize("is_back", ["before the end", "after the end"])
def test_all_arrives_once_whatever_happens_to_s3(team, tmp_path, name, fault, is_back):
    patience_s = 120 if is_back == "before the end" else 1
    process = begin(tmp_path, team, name, "seed=range(3)", f"tracking.flush_timeout_s={patience_s}")
    printed = read_until(process, "epoch 1/2")
    team.s3.kill() if fault == "down" else team.s3.restrict("Read", "List")
    printed += read_until(process, "trial   2 complete")
    if is_back == "after the end":
        printed += finish(process)
        assert re.search(r"python -m dcgan_sweeps\.sync study:s", printed)
    team.s3.start() if fault == "down" else team.s3.allow_all()
    if is_back == "before the end":
        printed += finish(process)
    else:
        do(tmp_path, team, name, "sync", "study:s")
    assert "3 complete, 0 pruned, 0 failed" in printed
    assert find_all(tmp_path, 3, uri=team.uri, experiment=name)
    assert find_differences(tmp_path, team) == []


def test_a_run_writes_its_artifacts_to_s3_directly(team, tmp_path, name):
    client = MlflowClient(team.uri)
    client.create_experiment(name, f"s3://{BUCKET}/direct")
    finish(begin(tmp_path, team, name, "seed=1,2", **team.s3.environment))
    assert find_differences(tmp_path, team) == []
    keys = team.s3.connect().list_objects_v2(Bucket=BUCKET, Prefix="direct/")["Contents"]
    assert any(each["Key"].endswith("config/config.yaml") for each in keys)
