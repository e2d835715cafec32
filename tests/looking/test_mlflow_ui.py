"""The MLflow UI in a real browser, as `ui` serves it: what a person sees of what was logged."""

from __future__ import annotations

import re
import signal
import socket
import urllib.request

import pytest
from gallery import TRIALS
from processes import PROGRAM, start

pytestmark = pytest.mark.slow

UI = [*PROGRAM[:2], "dcgan_sweeps.ui"]
KIND = "?workflowType=machine_learning"

# The share of an element that is in view, and not cut off by the edge of its card.
SHARE_SEEN = """element => new Promise(done => new IntersectionObserver(
    entries => done(entries[0].intersectionRatio)).observe(element))"""


def read_address(process, name):
    lines = []
    for line in iter(process.stdout.readline, ""):
        lines.append(line)
        if line.startswith(f"{name}: "):
            return re.search(r"http://127\.0\.0\.1:\d+\S*", line)[0]
    pytest.fail(f"no {name} in: {''.join(lines)}")


def end(process):
    process.send_signal(signal.SIGINT)
    printed = process.stdout.read()
    process.stdout.close()
    assert process.wait(60) == 0, printed


@pytest.fixture(scope="module")
def address(gallery):
    """The address that `ui study:demo` prints, of the study's parent run."""
    gallery.do("report", "study:demo", "--html")
    process = start(gallery.folder, [*UI, "study:demo", "--port", "5320"])
    yield read_address(process, "MLflow UI")
    end(process)


@pytest.fixture
def look(address, open_page):
    """Open a page of the UI, its assistant closed."""

    def look_at(place):
        page = open_page(address.partition("#")[0] + f"#/experiments/1{place}", height=1000)
        page.get_by_role("button", name="Close", exact=True).first.click()
        return page

    return look_at


def test_the_study_that_was_named_opens(gallery, address, open_page, errors, keep):
    assert address.endswith(f"/#/experiments/1/runs/{gallery.parent.run_id}{KIND}")
    page = open_page(address)
    best = gallery.best
    page.get_by_text(best.name[:20]).first.wait_for()  # a child, by its name
    assert re.match(r"\d+: fcd \d+\.\d\d lr=", best.name)
    page.get_by_text("best_trial").first.wait_for()
    keep(page, "mlflow_study")


def test_the_experiment_lists_the_parent_and_its_children(gallery, look, keep):
    page = look(f"/runs{KIND}")
    parent = page.get_by_role("row").filter(has_text="demo").first
    parent.get_by_role("button").first.click()
    for run in gallery.trials:
        page.get_by_role("row").filter(has_text=run.name).first.wait_for()
    children = page.get_by_role("row").filter(has_text=re.compile(r"\d: .*lr="))
    assert children.count() == TRIALS
    keep(page, "mlflow_experiment")


def test_a_child_shows_its_parameters_and_its_scores(gallery, look, keep):
    best = gallery.best
    page = look(f"/runs/{best.run_id}{KIND}")
    page.get_by_text("optimizer.lr", exact=True).first.scroll_into_view_if_needed()
    page.get_by_text(best.params["optimizer.lr"]).first.wait_for()
    page.get_by_text("score/fcd", exact=True).first.wait_for()
    assert page.get_by_text(best.params["optimizer.lr"]).count() > 0
    assert page.get_by_text("score/fcd", exact=True).count() > 0
    keep(page, "mlflow_child")


def test_loss_curves_are_drawn(gallery, look, keep):
    page = look(f"/runs/{gallery.best.run_id}/model-metrics{KIND}")
    page.get_by_text("loss", exact=True).first.wait_for()
    lines = page.locator(".js-plotly-plot .scatterlayer .js-line")
    lines.nth(3).wait_for(state="attached")
    assert lines.count() >= 4  # of the discriminator's outputs, and of both losses
    keep(page, "mlflow_curves")


def test_the_slider_of_the_samples_moves_through_the_epochs(gallery, look, keep):
    page = look(f"/runs/{gallery.best.run_id}/model-metrics{KIND}")
    page.get_by_text("Model metrics").last.scroll_into_view_if_needed()
    picture = page.locator("img[src*='samples']").first
    picture.wait_for()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100
    assert "step%2B0" in picture.get_attribute("src")
    assert picture.evaluate(SHARE_SEEN) > 0.1  # the card opens with params above the picture
    page.get_by_role("slider").first.press("ArrowRight")
    page.locator("img[src*='step%2B1']").first.wait_for()
    picture.scroll_into_view_if_needed()
    keep(page, "mlflow_samples")


def test_the_gif_and_the_report_are_shown(gallery, look, keep):
    page = look(f"/runs/{gallery.best.run_id}/artifacts/samples/progress.gif{KIND}")
    gif = page.locator("img[src*='progress.gif'], img[src^='blob:']").first
    gif.wait_for()
    assert gif.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100
    keep(page, "mlflow_gif")
    page = look(f"/runs/{gallery.parent.run_id}/artifacts/report/study_demo.html{KIND}")
    report = page.frame_locator("iframe").first
    report.locator("#leaderboard tbody tr").first.wait_for()
    assert report.locator("#leaderboard tbody tr").count() == TRIALS
    report.locator('[data-figure="history"]').scroll_into_view_if_needed()
    report.locator('[data-figure="history"] svg').first.wait_for()
    keep(page, "mlflow_report")


def test_the_grids_of_several_runs_are_shown_together(gallery, look, keep):
    page = look(f"/runs{KIND}&compareRunsMode=CHART")
    page.get_by_role("row").filter(has_text="demo").first.get_by_role("button").first.click()
    best = gallery.best
    page.get_by_role("row").filter(has_text=best.name).first.wait_for()
    page.get_by_text("Model metrics").last.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelectorAll(\"img[src*='samples']\").length >= 2")
    owners = page.locator("img[src*='samples']").evaluate_all(
        "images => images.map(each => each.src.split('run_uuid=')[1])"
    )
    assert len(set(owners)) >= 2
    page.locator('[data-component-id="fullscreen_button_chartcard"]').last.click()
    pictures = page.get_by_role("dialog").locator("img[src*='samples']")
    for index in (0, 1):
        shown = pictures.nth(index)
        shown.scroll_into_view_if_needed()
        assert shown.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100
    keep(page, "mlflow_compare")


def test_a_taken_port_is_named_and_the_dashboard_has_the_study(gallery, open_page, errors, keep):
    with socket.create_server(("127.0.0.1", 5330)):
        process = start(gallery.folder, [*UI, "study:demo", "--optuna", "--port", "5330"])
        assert process.stdout.readline() == "port 5330 is in use; using 5331\n"
        try:
            read_address(process, "MLflow UI")
            page = open_page(read_address(process, "optuna-dashboard"))
            page.get_by_text("demo").first.wait_for()
            keep(page, "optuna_dashboard")
        finally:
            end(process)
    for port in (5331, 5332):
        with pytest.raises(OSError, match="refused"):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["study:none"], "TARGET: got study:none; experiment dcgan_sweeps has no such study"),
        (["--optuna"], "--optuna: got no study; allowed: study:NAME with a journal"),
        (
            ["--uri", "http://127.0.0.1:1"],
            "got http://127.0.0.1:1, which is a server; open it in a browser",
        ),
    ],
)
def test_what_cannot_be_opened_is_refused(gallery, words, line):
    assert line in gallery.do("ui", *words, status=2)
