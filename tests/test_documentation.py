"""Every command in the documentation is run by a test, or marked as not run and valid."""

from __future__ import annotations

import re
import shlex
import sys

import pytest
from processes import PROGRAM, ROOT, finish

pytestmark = pytest.mark.slow

PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
BLOCK = re.compile(
    r"(?P<mark><!-- not run: [^>]+ -->\n)?^```console\n(?P<text>.*?)^```", re.M | re.S
)
RUN_BY_A_TEST = {"tour.md"}  # by tests/looking/test_tour.py
OURS = re.compile(r"\b(python -m dcgan_sweeps\.|dcgan-sweeps |make |docker )")
# What stands for something of the reader's own.
THEIRS = ("RUN_ID", "NAME", "--config-dir=mine", "docker ", "make ", "model=deep28", "data=digits")


def list_blocks():
    """Return (page, marked as not run, lines) of each console block."""
    return [
        (page.name, match["mark"] is not None, match["text"].splitlines())
        for page in PAGES
        for match in BLOCK.finditer(page.read_text())
    ]


def list_commands(verb):
    """Return the words of each command with a verb of ours that is marked as not run."""
    lines = [line for _, is_marked, block in list_blocks() if is_marked for line in block]
    ours = [line for line in lines if f"dcgan_sweeps.{verb}" in line]
    theirs = [line for line in ours if any(part in line for part in THEIRS)]
    words = [shlex.split(line, comments=True)[3:] for line in ours if line not in theirs]
    return [list(each) for each in dict.fromkeys(map(tuple, words))]


def test_a_block_of_commands_is_run_by_a_test_or_marked():
    for page, is_marked, lines in list_blocks():
        assert is_marked != (page in RUN_BY_A_TEST), lines


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_command_stands_outside_of_a_block(page):
    text = BLOCK.sub("", page.read_text())
    indented = [line for line in text.splitlines() if line.startswith("    ")]
    assert [line for line in indented if OURS.search(line)] == []


@pytest.mark.parametrize("words", list_commands("run"), ids=" ".join)
def test_what_run_is_given_is_valid(words, tmp_path):
    checks = ["hydra.sweeper.dry_run=true"] if "-m" in words else ["--cfg", "job"]
    finish(tmp_path, [*PROGRAM, *words, *([] if "--help" in words else checks)])


@pytest.mark.parametrize("group", ["model", "data", "loss", "optimizer", "experiment", "search"])
def test_the_readme_names_every_choice(group):
    row = re.search(rf"^\| `{group}` \| (.*)$", (ROOT / "README.md").read_text(), re.M)
    choices = {path.stem for path in ROOT.glob(f"conf/{group}/*.yaml")}
    assert choices <= {*re.findall(r"`(\w+)`", row[1])}


VERBS = ("reproduce", "report", "compare", "sync", "generate", "doctor", "ui", "score", "probe")


@pytest.mark.parametrize(
    ("verb", "words"), [(verb, words) for verb in VERBS for words in list_commands(verb)]
)
def test_what_other_verbs_are_given_is_valid(verb, words, tmp_path):
    """They read their options, then find no store, or nothing in it."""
    printed = finish(
        tmp_path,
        [sys.executable, "-m", f"dcgan_sweeps.{verb}", *words],
        status=0 if verb in ("doctor", "sync") else 2,
    )
    assert "(see --help)" not in printed
