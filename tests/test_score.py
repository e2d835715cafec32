"""Logged generators scored again, and runs reported by their scores: real runs, real stores."""

from __future__ import annotations

import pytest
from processes import PROGRAM, TINY, finish, list_runs, open_store

pytestmark = pytest.mark.slow

SCORE = [*PROGRAM[:2], "dcgan_sweeps.score"]
REPORT = [*PROGRAM[:2], "dcgan_sweeps.report", "--by", "run"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two runs of one score identity, the first without extra metrics, and one of another."""
    folder = tmp_path_factory.mktemp("scored")
    finish(folder, [*PROGRAM, *TINY])
    whole = ["score.extra_metrics=last", "score.extrapolate=true"]
    finish(folder, [*PROGRAM, *TINY, "seed=1", *whole])
    finish(folder, [*PROGRAM, *TINY, "seed=2", "score.count=150"])
    return folder


def find_runs(folder):
    return list_runs(open_store(folder))


def test_the_same_score_comes_again_and_extra_metrics_are_added(folder):
    first, second, _ = find_runs(folder)
    assert "score/kid" not in first.data.metrics
    words = [first.info.run_id, "score.count=200", "score.batch_size=100"]
    printed = finish(folder, [*SCORE, *words], fresh=True)
    again = find_runs(folder)[0].data
    assert f"{again.metrics['score/fcd']:.2f}" in printed
    assert again.metrics["score/fcd"] == first.data.metrics["score/fcd"]
    added = {name for name in second.data.metrics if name.startswith("score/")}
    assert added - {"score/fcd_extrapolated", "score/fcd_untrained"} <= set(again.metrics)
    client = open_store(folder)
    assert len(client.get_metric_history(first.info.run_id, "score/fcd")) == 2  # of two epochs
    assert client.list_artifacts(first.info.run_id, "score")


def test_a_generator_is_scored_as_its_run_scored_it(folder):
    run = find_runs(folder)[1]
    words = ["score.count=200", "score.batch_size=100", "score.seed=7", "score.extrapolate=true"]
    finish(folder, [*SCORE, run.info.run_id, *words])
    metrics = find_runs(folder)[1].data.metrics
    (name,) = [each for each in metrics if each.startswith("score_") and each.endswith("/fcd")]
    # Other latents: the same generator to within its sampling error.
    error = run.data.metrics["score/fcd_error"]
    assert abs(metrics[name] - metrics["score/fcd"]) < 6 * error
    assert f"{name}_extrapolated" in metrics


def test_another_count_is_logged_beside_the_first_and_makes_runs_comparable(folder):
    runs = find_runs(folder)
    ids = [run.info.run_id for run in runs]
    refused = finish(folder, [*REPORT, *ids], status=2)
    own = {run.data.params["score.identity"] for run in runs}
    assert len(own) == 2
    for identity in own:
        assert identity in refused
    finish(folder, [*SCORE, *ids, "score.count=120", "score.extra_metrics=never"])
    printed = finish(folder, [*REPORT, *ids])
    assert "(120 images, " in printed
    assert all(each[:8] in printed for each in ids)
    assert all(f"--identity {identity}" in printed for identity in own)
    assert [run.data.params["score.identity"] for run in find_runs(folder)] == [
        run.data.params["score.identity"] for run in runs
    ]


def test_the_report_ranks_one_identity_and_names_another_that_is_left_out(folder):
    runs = find_runs(folder)
    printed = finish(folder, REPORT)
    assert runs[2].info.run_id[:8] in printed
    assert runs[0].info.run_id[:8] not in printed
    identity = runs[0].data.params["score.identity"]
    assert f"--identity {identity}" in printed
    printed = finish(folder, [*REPORT, "--identity", identity])
    # Two seeds of one configuration.
    assert printed.count("1=") == 2
    assert runs[2].info.run_id[:8] not in printed


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["abc"], "TARGET: got abc; allowed: best, latest, study:NAME or a run id"),
        (["0" * 32], "there is no such run in"),
        (["study:none"], "has no complete trial of this study"),
        (["best", "optimizer.lr=1"], "optimizer.lr=1: cannot be overridden here"),
        (["best", "score.count=1"], "score.count: got 1; allowed: a whole number, at least 2"),
        (["best", "score=none"], "score: got none; allowed: fcd"),
        (["score.count=3"], "TARGET: got none; allowed: run ids"),
        (["best", "score.classifier=/nowhere"], "score.classifier: got /nowhere"),
    ],
)
def test_what_cannot_be_scored_is_refused_and_nothing_is_logged(folder, words, line):
    before = [run.data.metrics for run in find_runs(folder)]
    printed = finish(folder, [*SCORE, *words], status=2)
    assert line in printed
    assert [run.data.metrics for run in find_runs(folder)] == before


def test_a_run_of_another_tool_is_left_out(folder):
    client = open_store(folder)
    experiment = find_runs(folder)[0].info.experiment_id
    run = client.create_run(experiment, tags={"outcome": "complete"})
    client.log_metric(run.info.run_id, "score/fcd", 1.0)
    try:
        assert run.info.run_id[:8] not in finish(folder, REPORT)
    finally:
        client.delete_run(run.info.run_id)


def test_scores_that_were_added_later_are_reported(folder):
    finish(folder, [*PROGRAM, *TINY, "seed=4", "score=none"])
    run = find_runs(folder)[-1].info.run_id
    finish(folder, [*SCORE, run, "score.count=90", "score.extra_metrics=never"])
    identity = find_runs(folder)[-1].data.tags
    (name,) = [tag.removeprefix("score.identity.") for tag in identity if "score.identity." in tag]
    assert run[:8] in finish(folder, [*REPORT, "--identity", name])


def test_the_limit_is_kept(folder):
    identity = find_runs(folder)[0].data.params["score.identity"]
    printed = finish(folder, [*REPORT, "--limit", "1", "--identity", identity])
    assert "only the best 1 are shown (--limit)" in printed
    assert "--limit: got 0; allowed: at least 1" in finish(
        folder, [*REPORT, "--limit", "0"], status=2
    )


def test_a_run_without_a_generator_is_refused_by_name(folder):
    client = open_store(folder)
    experiment = find_runs(folder)[0].info.experiment_id
    run = client.create_run(experiment, tags={"outcome": "complete"})
    try:
        printed = finish(folder, [*SCORE, run.info.run_id], status=2)
        assert f"got {run.info.run_id}, which logged no generator" in printed
    finally:
        client.delete_run(run.info.run_id)
