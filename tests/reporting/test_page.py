from __future__ import annotations

import json

import pytest
from logged_runs import make_run

from dcgan_sweeps.reporting.leaderboard import Choice, rank_runs
from dcgan_sweeps.reporting.leaderboard_page import as_sort_key, render_board
from dcgan_sweeps.reporting.page import as_script

EVIL = "</script><script>alert(1)</script>"


def test_what_is_logged_cannot_leave_the_script_that_it_is_put_into():
    text = as_script({"name": EVIL})
    assert "<" not in text
    assert json.loads(text) == {"name": EVIL}


def test_a_page_shows_hostile_names_as_text_and_fetches_nothing():
    run = make_run(1, 30.0, model__name=EVIL, tags={"study": EVIL, "trial": "0"}.items())
    page = render_board(EVIL, rank_runs([run], Choice()), {})
    assert EVIL not in page
    assert "default-src 'none'" in page


@pytest.mark.parametrize(
    ("text", "key"), [("1=", 1.0), ("12", 12.0), ("3 of 6", 3.0), ("78.6%", 78.6), ("", None)]
)
def test_cells_are_sorted_as_numbers(text, key):
    assert as_sort_key(text) == key


def test_an_id_that_reads_as_an_endless_number_is_sorted_as_text():
    assert as_sort_key("1e999") == "1e999"
