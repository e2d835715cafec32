"""The report's page in a real browser: what is on it, and that it asks nobody for anything."""

from __future__ import annotations

import pytest
from gallery import TRIALS
from PIL import Image

pytestmark = pytest.mark.slow

FIGURES = ("history", "epochs", "importances", "parallel", "slices", "contour", "timeline")


@pytest.fixture(scope="module")
def address(gallery, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    gallery.do("report", "study:demo", "--html", str(path))
    return path.as_uri()


def scroll_through(page):
    height = page.evaluate("document.documentElement.scrollHeight")
    for top in range(0, height, 400):
        page.evaluate(f"scrollTo(0, {top})")
        page.wait_for_timeout(50)


def test_every_trial_is_listed_and_every_figure_drawn(address, open_page, errors, keep):
    page = open_page(address)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    assert page.locator("#leaderboard tbody tr").count() == TRIALS
    scroll_through(page)
    for name in FIGURES:
        page.locator(f'[data-figure="{name}"] .main-svg').first.wait_for()
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
    assert page.locator("#shown").inner_text() == "no run has the key optimizer.rate"
    assert page.locator("#where").get_attribute("aria-invalid") == "true"
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


def test_the_atlas_lays_all_grids_out_over_two_parameters(address, open_page, errors, keep):
    page = open_page(address)
    page.select_option("#across", "optimizer.lr")
    page.select_option("#down", "model.dropout")
    assert page.locator("#atlas img").count() == TRIALS
    loaded = page.locator("#atlas img").first.evaluate("image => image.decode().then(() => true)")
    assert loaded
    # Left to right, as the headings say.
    rates = page.locator("#atlas thead th").all_inner_texts()[1:]
    starts = [float(text.split(" to ")[0]) for text in rates]
    assert starts == sorted(starts)
    page.locator("#atlas").scroll_into_view_if_needed()
    keep(page, "report_atlas")
    assert errors == []


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
        page.locator(f"{plot} .main-svg").first.wait_for()
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
    scroll_through(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.evaluate("scrollTo(0, 0)")
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
