"""A study whose trials and runs are in PostgreSQL, which is restarted and killed in its midst."""

from __future__ import annotations

import re
import shlex
import sys
import threading

import optuna
import pytest
import sqlalchemy
from optuna.trial import TrialState
from postgres import Postgres, needs_postgres
from processes import PROGRAM, start
from sqlalchemy.orm import Session
from studies import TINY, find_all, finish, read_until, wait_until

from dcgan_sweeps.sweep.storage import open_storage

pytestmark = [pytest.mark.slow, needs_postgres]

SEARCH = [*TINY, "search=fcd", "train.epochs=3", "runner.slots=2", "hydra.sweeper.n_trials=4"]


@pytest.fixture(scope="module")
def shared():
    with Postgres() as postgres:
        yield postgres


@pytest.fixture
def postgres(shared, monkeypatch):
    for name, value in shared.environment.items():
        monkeypatch.setenv(name, value)
    return shared


@pytest.fixture
def study(postgres, tmp_path, request):
    url = postgres.create(request.node.name)
    return optuna.create_study(storage=open_storage(url, tmp_path), study_name="s")


def begin(folder, postgres, *words):
    """Start a study; its output is one stream of lines."""
    return start(folder, [*PROGRAM, "-m", *SEARCH, *words], **postgres.environment)


def read_logs(folder):
    """Return what the processes of the trials have printed."""
    return "".join(path.read_text() for path in folder.glob("mlruns/studies/s/trials/*.log"))


def read_params(storage):
    """Return the params of each trial in a storage."""
    study = optuna.load_study(storage=open_storage(storage, None), study_name="s")
    return [trial.params for trial in study.trials]


def lose_answers(monkeypatch):
    """Have the connection fail once after each commit that has taken effect."""
    commit, is_lost = Session.commit, [False]

    def act(session):
        commit(session)
        is_lost[0] = not is_lost[0]
        if is_lost[0]:
            raise sqlalchemy.exc.OperationalError("COMMIT", {}, Exception("it was lost"))

    monkeypatch.setattr(Session, "commit", act)


def test_a_call_waits_for_a_database_that_restarts(postgres, study, capsys):
    trial = study.ask()
    postgres.restart()
    trial.report(1.0, 1)
    postgres.end()
    threading.Timer(3, postgres.start).start()
    trial.report(2.0, 2)
    assert study.trials[0].intermediate_values == {1: 1.0, 2: 2.0}
    assert re.fullmatch(
        r"the trials' storage fails, trying again for 30 s: .*refused.*\n"
        r"the trials' storage answers again\n",
        capsys.readouterr().out,
    )


def test_no_trial_is_created_twice_where_an_answer_is_lost(study, monkeypatch):
    lose_answers(monkeypatch)
    study.ask()
    study.enqueue_trial({"x": 1})
    trial = study.ask()
    study.tell(trial, 5.0)
    found = [(each.number, each.state, each.value) for each in study.trials]
    assert found == [(0, TrialState.RUNNING, None), (1, TrialState.COMPLETE, 5.0)]


def test_a_database_in_sql_ascii_takes_any_text(postgres, tmp_path):
    url = postgres.create("ascii", "SQL_ASCII")
    study = optuna.create_study(storage=open_storage(url, tmp_path), study_name="é")
    study.set_user_attr("name", "Zürich")
    again = optuna.load_study(storage=open_storage(url, tmp_path), study_name="é")
    assert again.user_attrs == {"name": "Zürich"}


def test_a_study_goes_on_by_itself_when_the_database_restarts(postgres, tmp_path):
    places = {"storage": postgres.create("trials"), "uri": postgres.create("runs")}
    words = [f"hydra.sweeper.storage={places['storage']}", f"tracking.uri={places['uri']}"]
    process = begin(tmp_path, postgres, *words)
    read_until(process, "epoch 1/3")
    # One for the controller and one for each of two trials; MLflow's pool keeps two of each.
    counts = [postgres.count_connections(name) for name in ("trials", "runs")]
    postgres.end()
    wait_until(lambda: "trying again" in read_logs(tmp_path), 120)
    postgres.start()
    finish(process)
    assert "the trials' storage answers again" in read_logs(tmp_path)
    assert counts[0] <= 3
    assert counts[1] <= 6
    rows = find_all(tmp_path, 4, **places)
    assert {row["optuna"] for row in rows} <= {"COMPLETE", "PRUNED"}


def test_a_study_whose_database_stays_away_ends_and_can_be_resumed(postgres, tmp_path):
    storage = postgres.create("away")
    process = begin(tmp_path, postgres, f"hydra.sweeper.storage={storage}")
    read_until(process, "epoch 1/3")
    begun = read_params(storage)
    postgres.end()
    printed = finish(process, status=1)
    postgres.start()
    assert "Traceback" not in printed
    (line,) = (line for line in printed.splitlines() if line.startswith("stopped: "))
    assert "the trials' storage failed: " in line
    _, *command = shlex.split(line.partition("resume with: ")[2])
    finish(start(tmp_path, [sys.executable, *command], **postgres.environment))
    assert len(find_all(tmp_path, 4, storage=storage)) == 4
    assert read_params(storage)[: len(begun)] == begun


def test_a_database_that_does_not_answer_at_the_start_is_a_wrong_request(postgres, tmp_path):
    storage = postgres.create("down")
    postgres.end()
    try:
        printed = finish(begin(tmp_path, postgres, f"hydra.sweeper.storage={storage}"), status=2)
    finally:
        postgres.start()
    assert "hydra.sweeper.storage: " in printed
    assert list(tmp_path.glob("mlruns/studies/*")) == []
