"""The report's page in a real browser: what is on it, and that it asks nobody for anything."""

from __future__ import annotations

import io
import itertools

import pytest
from gallery import TRIALS
from logged_runs import make_run
from PIL import Image

from dcgan_sweeps.reporting.leaderboard import Choice, rank_runs
from dcgan_sweeps.reporting.leaderboard_page import render_board
from dcgan_sweeps.reporting.media import Media

pytestmark = pytest.mark.slow

FIGURES = ("history", "epochs", "parallel", "slices", "timeline")


@pytest.fixture(scope="module")
def address(gallery, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    gallery.do("report", "study:demo", "--html", str(path))
    return path.as_uri()


def test_every_trial_is_listed_and_every_figure_drawn(address, open_page, errors, keep):
    page = open_page(address)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    assert page.locator("#leaderboard tbody tr").count() == TRIALS
    drawn = page.locator("[data-figure]:has(svg .mark)")
    assert drawn.evaluate_all("all => all.map((each) => each.dataset.figure)") == [*FIGURES]
    assert drawn.locator(".mark.best").count() >= 3  # the best trial stands out
    keep(page, "report_whole", full_page=True)
    assert errors == []
    assert [url for url in asked if not url.startswith(("data:", "blob:"))] == []


def test_a_filter_selects_rows_and_atlas_and_a_wrong_one_is_named(address, open_page, errors):
    page = open_page(address)
    page.fill("#where", "outcome = pruned")
    pruned = page.locator("#leaderboard tbody tr").count()
    assert 0 < pruned < TRIALS
    assert page.locator("#atlas img").count() == pruned
    assert page.locator("#shown").inner_text() == f"{pruned} of {TRIALS}"
    page.fill("#where", "optimizer.rate < 1")
    assert page.locator("#shown").inner_text().startswith("no run has optimizer.rate; allowed: ")
    assert page.locator("#where").get_attribute("aria-invalid") == "true"
    page.fill("#where", "lr > 0 and fcd > 0")  # headings of the table
    assert page.locator("#shown").inner_text() == f"{TRIALS} of {TRIALS}"
    assert errors == []


def test_a_heading_sorts_as_numbers_and_again_the_other_way(address, open_page):
    page = open_page(address)
    column = page.locator("#leaderboard thead th").all_inner_texts().index("lr") + 1

    def read():
        cells = page.locator(f"#leaderboard tbody td:nth-child({column})")
        return [float(text) for text in cells.all_inner_texts()]

    page.click('th[data-column="lr"] button')
    assert read() == sorted(read())
    page.click('th[data-column="lr"] button')
    assert read() == sorted(read(), reverse=True)


def test_the_atlas_of_a_search_places_each_grid_by_two_parameters(
    gallery, address, open_page, errors, keep
):
    page = open_page(address)
    page.select_option("#across", "optimizer.lr")
    page.select_option("#up", "model.dropout")
    assert page.locator("#atlas img").count() == TRIALS
    loaded = page.locator("#atlas img").first.evaluate("image => image.decode().then(() => true)")
    assert loaded
    lefts = {
        button.get_attribute("data-run"): button.bounding_box()["x"]
        for button in page.locator("#atlas .thumbnail").all()
    }
    rates = {run.run_id: float(run.params["optimizer.lr"]) for run in gallery.trials}
    assert min(lefts, key=lefts.get) == min(rates, key=rates.get)
    assert max(lefts, key=lefts.get) == max(rates, key=rates.get)
    last = page.locator("#atlas .thumbnail").last
    last.focus()
    assert last.evaluate("button => getComputedStyle(button).zIndex") == "1000"
    page.locator("#atlas").scroll_into_view_if_needed()
    keep(page, "report_atlas")
    assert errors == []


def test_the_atlas_of_a_grid_is_a_table(open_page, errors, keep, tmp_path):
    grid = itertools.product(["1e-4", "2e-4", "1e-3"], ["0.1", "0.2", "0.3", "0.4"])
    runs = [
        make_run(n, 30.0 + 9 * n, optimizer__lr=lr, model__dropout=dropout)
        for n, (lr, dropout) in enumerate(grid)
    ]
    picture = io.BytesIO()
    Image.new("L", (60, 60), 128).save(picture, "webp")
    media = {
        run.run_id: Media(
            run, {"score/fcd": {6: run.metrics["score/fcd"]}}, {1: picture.getvalue()}
        )
        for run in runs
    }
    path = tmp_path / "grid.html"
    path.write_text(render_board("grid", rank_runs(runs, Choice()), media))
    page = open_page(path.as_uri(), width=390)
    assert page.locator("#atlas thead th").all_inner_texts()[1:] == ["1e-4", "2e-4", "1e-3"]
    assert page.locator("#atlas tbody th").all_inner_texts() == ["0.4", "0.3", "0.2", "0.1"]
    assert page.locator("#atlas td:has(.thumbnail)").count() == len(runs)
    importances = page.locator("[data-figure=importances]")
    assert importances.locator("svg .mark").count() == 2
    assert "importance at epoch 6 (12 trials)" in importances.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    keep(page, "report_grid_phone", full_page=True)
    assert errors == []


def test_a_configuration_lists_its_seeds_on_a_click_by_the_keyboard_and_on_paper(
    open_page, errors, keep, tmp_path
):
    runs = [
        make_run(n, 300.0 + 60 * lr + 3 * seed, seed=seed, optimizer__lr=lr)
        for n, (lr, seed) in enumerate(itertools.product((1, 2), (1, 2, 3)))
    ]
    runs.append(make_run(9, 500.0, seed=1, optimizer__lr=3))
    picture = io.BytesIO()
    Image.new("L", (60, 60), 128).save(picture, "webp")
    media = {run.run_id: Media(run, {}, {1: picture.getvalue()}) for run in runs}
    path = tmp_path / "seeds.html"
    path.write_text(render_board("seeds", rank_runs(runs, Choice()), media))
    page = open_page(path.as_uri(), width=390)
    lines = page.locator("#leaderboard tbody tr")
    assert lines.count() == page.locator("#atlas .thumbnail").count() == 3
    lines.first.locator("td").first.click()
    assert lines.count() == 6
    page.keyboard.press("Enter")  # the button has the focus
    assert lines.count() == 3
    page.keyboard.press("Enter")
    assert page.locator("#leaderboard button[aria-expanded=true]").count() == 1
    page.locator("#leaderboard tr.seed").nth(1).click()
    assert page.locator("#run-command").inner_text().endswith(runs[1].run_id)
    assert "mean fcd 366.00" in page.locator("#run-facts").inner_text()
    page.keyboard.press("Escape")
    page.fill("#where", "seed = 2")
    assert lines.count() == 3  # two configurations, of which one lists the seed
    page.fill("#where", "")
    assert page.locator('[data-figure="history"] .mark.dot').count() == len(runs)
    keep(page, "report_seeds_phone", full_page=True)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert lines.count() == 3 + 6
    assert errors == []


def test_a_page_prints_whole_on_light_paper(address, open_page, keep, tmp_path):
    page = open_page(address, scheme="dark")
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 700, "height": 1000})
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    cut = "all => all.filter((each) => each.scrollWidth > each.clientWidth).length"
    assert page.locator(".wide, .scatter").evaluate_all(cut) == 0
    edges = "all => all.map((each) => each.getBoundingClientRect()).map((r) => [r.left, r.right])"
    cells = page.locator(".ranks tbody tr").first.locator("td").evaluate_all(edges)
    assert all(end <= begin + 1 for (_, end), (begin, _) in itertools.pairwise(cells))
    assert not page.locator("#theme, #where, #across, .screen").filter(visible=True).count()
    assert page.locator("[data-figure] svg .mark").first.is_visible()
    keep(page, "report_print", full_page=True)


def test_a_trial_opens_with_its_curves_grids_and_command(gallery, address, open_page, errors, keep):
    page = open_page(address)
    page.locator("#leaderboard tbody tr").first.click()
    best = gallery.best.run_id
    command = page.locator("#run-command").inner_text()
    assert command == f"python -m dcgan_sweeps.reproduce {best}"
    picture = page.locator("#samples img")
    last = picture.get_attribute("src")
    assert "after epoch 2 of 2" in page.locator("#samples figcaption").inner_text()
    page.locator("#epoch").press("ArrowLeft")
    assert picture.get_attribute("src") != last
    assert "after epoch 1 of 2" in page.locator("#samples figcaption").inner_text()
    for plot in ("#run-scores", "#run-losses"):
        page.locator(f"{plot} svg .mark").first.wait_for()
    assert "optimizer.lr" in page.locator("#run-varied").inner_text()
    keep(page, "report_trial")
    page.keyboard.press("Escape")
    assert not page.locator("#run").is_visible()
    assert errors == []


def test_the_gif_of_a_trial_can_be_saved(address, open_page, tmp_path):
    page = open_page(address)
    page.locator("#leaderboard tbody tr").first.click()
    with page.expect_download() as saved:
        page.click("#gif")
    saved.value.save_as(tmp_path / "saved.gif")
    with Image.open(tmp_path / "saved.gif") as gif:
        assert (gif.format, gif.n_frames) == ("GIF", 3)  # epochs 0, 1 and 2


def test_playing_goes_through_the_epochs_as_the_gif_does(address, open_page):
    page = open_page(address)
    page.locator("#leaderboard tbody tr").first.click()
    page.click("#play")
    page.wait_for_function(
        "document.querySelector('#samples figcaption').textContent.includes('after epoch 0')"
    )
    assert page.locator("#play").inner_text() == "stop"
    page.click("#play")
    assert page.locator("#play").inner_text() == "play"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_nothing_sticks_out(address, open_page, errors, keep, scheme):
    page = open_page(address, width=390, height=800, scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator("#leaderboard .wide").evaluate("table => { table.scrollLeft = 500; }")
    score = page.locator('th[data-column="fcd"]').bounding_box()
    assert 0 < score["x"] < score["x"] + score["width"] < 200  # beside the rank, always in sight
    keep(page, f"report_phone_{scheme}")
    page.locator("#atlas button").first.click()
    assert page.locator("#run").bounding_box()["width"] <= 390
    keep(page, f"report_phone_{scheme}_trial")
    assert errors == []


def test_the_theme_is_that_of_the_system_and_can_be_changed(address, open_page):
    page = open_page(address, scheme="dark")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.click("#theme")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
