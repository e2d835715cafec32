from __future__ import annotations

import shlex

import pytest

from dcgan_sweeps.composition.grammar import Unreadable, count_values, keep_text, read_override


@pytest.mark.parametrize(
    "text",
    ["2024_11_26", "1e3", "0x10", "00123", "12345678", "true", "False", "nan", "-inf", "5.", "1:2"],
)
def test_text_stays_what_was_typed(text):
    assert read_override(keep_text(f"tracking.run_name={text}")).value() == text


@pytest.mark.parametrize(
    ("word", "values"),
    [
        ("a=1e3,2e3", ["1e3", "2e3"]),
        ("a=choice(2024_11, x)", ["2024_11", "x"]),
        ("+a=true,'1'", ["true", "1"]),
        ("a=1,null", ["1", None]),
    ],
)
def test_every_choice_of_a_sweep_stays_text(word, values):
    kept = read_override(keep_text(word))
    assert [getattr(each, "text", each) for each in kept.value().list] == values


@pytest.mark.parametrize("word", ["a=", "a=null", "a='1e3'", "a=range(1,3)", "a=[1,2]", "a=${b}"])
def test_what_is_no_lone_number_is_left_alone(word):
    assert keep_text(word) == word


@pytest.mark.parametrize(
    ("word", "count"),
    [("a=1", 1), ("a=1,2", 2), ("a=range(0,1000000000)", 10**9), ("a=range(5,1,-1)", 4)],
)
def test_values_are_counted_without_making_them(word, count):
    assert count_values(read_override(word)) == count


@pytest.mark.parametrize(
    "value", ["~/x", "Motörhead", "it's", 'a"b', "a#b", "$(x)", "a=b", "[1", "x)"]
)
def test_the_remedy_can_be_pasted_into_a_shell(value):
    with pytest.raises(Unreadable) as unreadable:
        read_override(f"tracking.run_name={value}")
    (word,) = shlex.split(str(unreadable.value).partition("special characters: ")[2])
    assert read_override(word).value() == value
