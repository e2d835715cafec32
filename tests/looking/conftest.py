"""A store of real tiny runs, and a real browser to look at it with."""

from __future__ import annotations

import os
import shutil

import pytest
from gallery import TRIALS, Gallery
from playwright.sync_api import sync_playwright
from processes import ROOT, TINY

SCREENSHOTS = ROOT / "build" / "screenshots"
# Chromium asks its maker's hosts for updates; a container has no user namespaces for its sandbox.
FLAGS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--enable-unsafe-swiftshader",  # WebGL without a GPU
)


@pytest.fixture(scope="session")
def gallery(tmp_path_factory):
    gallery = Gallery(tmp_path_factory.mktemp("gallery"))
    # One at a time, so that the same trials are pruned every time.
    study = ["hydra.sweeper.study_name=demo", "hydra.sweeper.n_jobs=1"]
    words = [
        "search=fcd",
        "experiment=tiny",
        "runner.threads=1",
        f"hydra.sweeper.n_trials={TRIALS}",
    ]
    gallery.do("run", "-m", *words, *study)
    gallery.do("run", *TINY, "seed=1", "train.epochs=3")
    return gallery


@pytest.fixture(scope="session")
def chromium():
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert path, "no browser: install chromium (apt-get install chromium), or name one: CHROMIUM="
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def errors():
    """What a page has said is wrong, and what it has asked others for."""
    return []


@pytest.fixture
def open_page(chromium, errors):
    """Open pages of a width and a colour scheme, each in a browser without a memory."""
    contexts = []

    def open_one(address, *, width=1300, height=900, scheme="light"):
        size = {"width": width, "height": height}
        context = chromium.new_context(viewport=size, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
        page.goto(address)
        return page

    yield open_one
    for context in contexts:
        context.close()


@pytest.fixture
def keep():
    """Keep a picture of a page among the screenshots, for people to look at."""

    def keep_one(page, name, **how):
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SCREENSHOTS / f"{name}.png", **how)

    return keep_one
