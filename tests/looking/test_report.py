"""`report` on real runs: the leaderboard, what other programs read, and the page that is logged."""

from __future__ import annotations

import csv
import io
import json

import pytest
from gallery import TRIALS

from dcgan_sweeps.metrics import METRICS

pytestmark = pytest.mark.slow


def test_a_study_is_shown_with_what_varies_and_with_its_pruned_trials(gallery):
    printed = gallery.do("report", "study:demo")
    heading, *rows = printed.splitlines()
    assert {"latent_dim", "dropout", "lr", "fcd", "state"} <= set(heading.split())
    trials = [row for row in rows if "demo " in row]
    assert len(trials) == TRIALS
    pruned = [run for run in gallery.trials if run.outcome == "pruned"]
    assert pruned
    assert sum(row.endswith("pruned") and "1 of 2" in row for row in trials) == len(pruned)


def test_every_digit_is_in_json_and_csv(gallery):
    whole = json.loads(gallery.do("report", "study:demo", "--json"))
    rows = [*csv.DictReader(io.StringIO(gallery.do("report", "study:demo", "--csv")))]
    assert len(whole["configurations"]) == len(rows) == TRIALS
    assert whole["configurations"][0]["run_id"] == rows[0]["run_id"] == gallery.best.run_id
    assert float(rows[0]["score/fcd"]) == gallery.best.metrics["score/fcd"]
    assert rows[0]["optimizer.lr"] == gallery.best.params["optimizer.lr"]


def test_every_metric_of_a_study_and_its_trials_is_in_the_catalogue(gallery):
    logged = {name for run in (gallery.parent, *gallery.trials) for name in run.metrics}
    known = {name.removesuffix("_real") for name in logged} - METRICS.keys()
    assert [name for name in known if not name.startswith(("system/", "importance/"))] == []


def test_numbers_are_compared_as_numbers(gallery):
    values = sorted(float(run.params["optimizer.lr"]) for run in gallery.trials)
    middle = (values[2] + values[3]) / 2
    printed = gallery.do("report", "study:demo", "--json", "--where", f"optimizer.lr < {middle}")
    assert len(json.loads(printed)["configurations"]) == 3


def test_an_experiment_has_its_trials_and_runs_and_no_parent(gallery):
    ids = {
        each["run_id"] for each in json.loads(gallery.do("report", "--by", "run", "--json"))["runs"]
    }
    complete = {run.run_id for run in gallery.trials if run.outcome == "complete"}
    assert complete < ids
    assert gallery.parent.run_id not in ids
    assert gallery.parent.metrics["study/best_fcd"] == gallery.best.metrics["score/fcd"]
    assert "score/fcd" not in gallery.parent.metrics  # MLflow's UI would rank the study with them
    whole = json.loads(gallery.do("report", "--all", "--by", "run", "--json"))["runs"]
    assert {run.run_id for run in gallery.trials} < {each["run_id"] for each in whole}


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--where", "optimizer.rate < 1"], "no run has optimizer.rate"),
        (["--where", "optimizer.lr"], "--where: got optimizer.lr; allowed: "),
        (["study:none"], "has no trial of this study"),
        (["0123abcd"], "TARGET: got 0123abcd; it matches no run"),
        (["--html", "page.txt"], "--html: got page.txt; allowed: a name that ends with .html"),
        (["--uri", "sqlite:///new.db"], "there is no such file"),
        (["--dir", "nowhere"], "there is no mlflow.db in"),
    ],
)
def test_what_cannot_be_reported_is_refused_by_name(gallery, words, line):
    assert line in gallery.do("report", *words, status=2)


def test_a_part_of_a_study_does_not_take_the_place_of_its_page(gallery):
    before = gallery.client.list_artifacts(gallery.parent.run_id, "report")
    gallery.do("report", "--html", "study:demo", "--limit", "1")
    assert gallery.client.list_artifacts(gallery.parent.run_id, "report") == before
    assert [*gallery.folder.glob("mlruns/reports/study_demo_*.html")]


def test_markup_and_control_characters_in_a_name_are_shown(gallery):
    run = gallery.trials[0]
    gallery.client.set_tag(run.run_id, "mlflow.runName", "evil [/b] \x1b[31m")
    try:
        printed = gallery.do("compare", run.run_id, gallery.best.run_id)
        assert "evil [/b] \\x1b[31m" in printed
        assert "\x1b" not in gallery.do("report", run.run_id)
    finally:
        gallery.client.set_tag(run.run_id, "mlflow.runName", run.name)


def test_the_page_of_a_study_is_logged_to_its_parent(gallery):
    printed = gallery.do("report", "study:demo", "--html")
    page = gallery.folder / "mlruns" / "reports" / "study_demo.html"
    assert page.as_uri() in printed
    logged = gallery.client.list_artifacts(gallery.parent.run_id, "report")
    assert [each.path for each in logged] == ["report/study_demo.html"]
