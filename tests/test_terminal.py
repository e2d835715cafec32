from __future__ import annotations

import csv
import io

import pytest

from dcgan_sweeps.terminal import (
    as_cell,
    make_console,
    make_say,
    make_table,
    print_facts,
    print_table,
    shorten_value,
    show_controls,
)


def test_control_characters_are_shown_and_not_obeyed():
    assert show_controls("a\x1b[1A\x9b2K\tb\n\xe9") == "a\\x1b[1A\\x9b2K\tb\n\xe9"


HIDDEN = [
    *(chr(code) for code in [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]),
    "\u061c",
    "\u200e",
    "\u200f",
    "\u2028",
    "\u2029",
    "\u200b",
    "\ufeff",
    "\x7f",
    "\x85",
    "\r",
    "\0",
    "\udcff",
    "\U000e0041",
]


@pytest.mark.parametrize("sign", HIDDEN, ids=ascii)
def test_signs_that_turn_or_hide_text_are_spelt_out(sign):
    assert show_controls(f"a{sign}b") == f"a{ascii(sign)[1:-1]}b".replace("\\r", "\\x0d")


@pytest.mark.parametrize(
    "text", ["Mot\xf6rhead", "\u65e5\u672c", "\u05d0\u05d1", "\U0001f600", "a\xa0b"]
)
def test_letters_of_every_script_stay(text):
    assert show_controls(text) == text


def print_with(show):
    file = io.StringIO()
    show(make_console(file))
    return file.getvalue()


def test_tables_and_facts_keep_to_their_line():
    evil = "x\x1b[2J\u202e\ny"
    table = print_with(lambda console: print_table(console, make_table([evil], [[evil]])))
    facts = print_with(lambda console: print_facts(console, {"name": evil}))
    for printed, lines in ((table, 2), (facts, 1)):
        assert printed.count("\\x1b[2J\\u202e\\ny") == lines
        assert len(printed.splitlines()) == lines


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd", "-x", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0", "--1", "-1-1"]
)
def test_a_cell_is_no_formula(text):
    assert str(as_cell(text)).startswith("'")


@pytest.mark.parametrize("value", ["-1", "+5", "-1e-4", ".5", "x=1", "1=", "", 1.5, None])
def test_numbers_and_other_text_are_cells_as_they_are(value):
    assert as_cell(value) == value


def test_a_cell_is_one_line_of_a_file():
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerow([as_cell("a\nb\x1b\u202e"), as_cell("c")])
    assert file.getvalue() == "a\\nb\\x1b\\u202e,c\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("0.000123456", "0.0001235"),
        ("1e-10", "1e-10"),
        ("1_0.5", "1_0.5"),
        ("9" * 6000, "9" * 77 + "..."),
    ],
)
def test_a_value_is_short(text, shown):
    assert shorten_value(text) == shown


@pytest.mark.parametrize(
    "show",
    [
        lambda console, text: make_say(console)(text),
        lambda console, text: console.print(text),
        lambda console, text: print_facts(console, {"name": text}),
        lambda console, text: print_table(console, make_table(["name"], [[text]])),
    ],
)
def test_a_console_prints_no_password(show):
    printed = print_with(lambda console: show(console, "at http://me:hunter2@host/x\x1b[2J"))
    assert "at http://me:***@host/x\\x1b[2J" in printed
