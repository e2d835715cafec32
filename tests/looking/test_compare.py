"""`compare` on real runs, and its page in a real browser."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pair(gallery):
    one, other = [run.run_id for run in gallery.trials if run.outcome == "complete"][:2]
    return one, other


def test_what_differs_is_listed_and_the_scores_are_judged(gallery, pair):
    printed = gallery.do("compare", *pair)
    for key in ("optimizer.lr", "model.dropout", "model.latent_dim", "fcd_test", "recall"):
        assert f"\n{key} " in printed
    assert "tied: the fcd differs " in printed or " is better: the fcd differs " in printed


def test_grids_are_side_by_side_at_a_step(gallery, pair, tmp_path, open_page, errors, keep):
    path = tmp_path / "three.html"
    runs = {run.run_id for run in gallery.trials if run.outcome == "complete"}
    third = min(runs - {*pair})
    printed = gallery.do("compare", *pair, third, "--step", "1", "--html", str(path))
    assert "ranked by fcd: 1" in printed
    page = open_page(path.as_uri())
    pictures = [page.locator(f"#grid-{side}") for side in (0, 1, 2)]
    assert page.locator("#shown").inner_text() == "1"
    first = [picture.get_attribute("src") for picture in pictures]
    assert first[0] != first[1]
    page.locator("#epoch").press("ArrowRight")
    assert page.locator("#shown").inner_text() == "2"
    assert [picture.get_attribute("src") for picture in pictures] != first
    boxes = [picture.bounding_box() for picture in pictures]
    assert boxes[0]["y"] == boxes[1]["y"] == boxes[2]["y"]
    assert page.locator('[data-curve="score/fcd"] polyline').count() == 3
    keep(page, "compare", full_page=True)
    assert errors == []


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["best", "0" * 32], "there is no such run"),
        (["study:demo", "latest", "--step", "9"], "--step: got 9; allowed: 0, 1, 2"),
        (["study:demo", "study:demo"], "B: got study:demo, which is the same run as A: "),
    ],
)
def test_what_cannot_be_compared_is_refused(gallery, words, line):
    assert line in gallery.do("compare", *words, status=2)
