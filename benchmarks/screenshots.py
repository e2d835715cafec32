"""Takes the screenshots of README and tour: `python -m benchmarks.screenshots --dir mlruns STUDY`.

Opens the study's report and the MLflow UI of its store in Chromium, and writes the screenshots to
docs/images/.
"""

from __future__ import annotations

import argparse
import io
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page, sync_playwright

from dcgan_sweeps.runs.selection import find_best
from dcgan_sweeps.tracking.store import open_store
from dcgan_sweeps.ui import KIND

IMAGES = Path(__file__).parents[1] / "docs" / "images"
FLAGS = ("--no-sandbox", "--disable-background-networking", "--enable-unsafe-swiftshader")
COLOURS = 128


def main() -> None:
    parser = argparse.ArgumentParser("benchmarks.screenshots", description=__doc__)
    parser.add_argument("study")
    parser.add_argument("--dir", default="mlruns", help="folder of the store (mlruns)")
    parser.add_argument("--across", default="optimizer.lr")
    parser.add_argument("--up", default="model.dropout")
    parser.add_argument("--only-atlas", metavar="NAME", help="write only the atlas, as NAME.png")
    options = parser.parse_args()
    words = ["--dir", options.dir]
    command = [sys.executable, "-m", "dcgan_sweeps.report", f"study:{options.study}", "--html"]
    subprocess.run([*command, *words], check=True)
    report = Path(options.dir) / "reports" / f"study_{options.study}.html"
    best, _ = find_best(open_store(None, options.dir), "dcgan_sweeps", f"study:{options.study}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        page = browser.new_page(viewport={"width": 1100, "height": 900})
        page.goto(report.resolve().as_uri())
        page.select_option("#across", options.across)
        page.select_option("#up", options.up)
        save(page.locator("#atlas"), options.only_atlas or "atlas")
        if options.only_atlas is None:
            look_at_rest(page, options.study, words, best.run_id)
        browser.close()


def look_at_rest(page: Page, study: str, words: list[str], best: str) -> None:
    """Save screenshots of the rest of the report, and of the MLflow UI."""
    with serve(study, words) as address:
        confirmation = page.locator("figure:has([data-figure=confirmation])")
        if confirmation.count():
            save(confirmation, "confirmation")
        page.locator("#leaderboard tbody tr").first.click()
        save(page, "report_trial")
        look_at_mlflow(page, address, best)


def look_at_mlflow(page: Page, address: str, best: str) -> None:
    """Save screenshots of the study and of its best trial's samples in the MLflow UI."""
    page.goto(address)
    page.get_by_role("button", name="Close", exact=True).first.click()
    page.get_by_text("best_trial").first.wait_for()
    save(page, "mlflow_study")
    page.goto(f"{address.partition('/runs')[0]}/runs/{best}/model-metrics{KIND}")
    page.get_by_text("Model metrics").last.scroll_into_view_if_needed()
    page.locator("img[src*='samples']").first.wait_for()
    slider = page.get_by_role("slider").first
    for _ in range(int(slider.get_attribute("aria-valuemax") or 0)):
        slider.press("ArrowRight")
    page.wait_for_timeout(1500)
    page.get_by_text("Model metrics").last.evaluate("each => each.scrollIntoView()")
    page.wait_for_timeout(3000)  # the grid of the last epoch is fetched only now
    save(page, "mlflow_samples")


@contextmanager
def serve(study: str, words: list[str]) -> Iterator[str]:
    """Serve the MLflow UI, and yield the address of the study."""
    command = [sys.executable, "-u", "-m", "dcgan_sweeps.ui", f"study:{study}", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    lines = iter(process.stdout.readline, "") if process.stdout else iter(())
    line = next(line for line in lines if line.startswith("MLflow UI: "))
    try:
        yield line.split()[2]
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def save(shown: Page | Locator, name: str) -> None:
    """Write a small PNG file of a page or of one of its elements."""
    picture = Image.open(io.BytesIO(shown.screenshot())).convert("RGB")
    path = IMAGES / f"{name}.png"
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{re.sub('.*/docs/', 'docs/', str(path))}: {path.stat().st_size / 1000:.0f} KB")


if __name__ == "__main__":
    main()
