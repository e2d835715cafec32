from __future__ import annotations

import datetime
import random
import time
from pathlib import Path

import pytest

from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.files import decode, read_text
from dcgan_sweeps.tracking.documents import (
    LARGEST,
    parse_json,
    parse_mapping,
    parse_texts,
    read_mapping,
)

WRITTEN = """\
seed: 0
resume: null
optimizer:
  lr: 0.0002
  name: adam
model:
  generator_filters:
  - 128
  - 64
"""
MEANT = {
    "seed": 0,
    "resume": None,
    "optimizer": {"lr": 0.0002, "name": "adam"},
    "model": {"generator_filters": [128, 64]},
}


def fault_of(read, *words):
    with pytest.raises(RequestError) as refused:
        read(*words)
    (fault,) = refused.value.faults
    return str(fault)


def test_what_we_write_is_read():
    assert parse_mapping(WRITTEN, "config.yaml") == MEANT
    assert parse_texts("- seed=1\n- 'data=synthetic'\n", "o.yaml") == ("seed=1", "data=synthetic")


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_byte_order_mark_is_no_part_of_the_text(mark, tmp_path):
    path = tmp_path / "run.json"
    path.write_bytes(mark + b'{"run_id": null}')
    assert read_mapping(path) == {"run_id": None}


def test_a_date_and_other_keys_than_texts_are_read():
    content = parse_mapping("2024-11-26: 1\n3: 2024-11-26\n", "x.yaml")
    assert content == {"2024-11-26": 1, "3": datetime.date(2024, 11, 26)}


def test_a_file_that_is_not_there_and_a_folder_are_refused(tmp_path):
    missing = tmp_path / "x"
    assert (
        fault_of(read_text, missing, 9) == f"{missing}: cannot be read: No such file or directory"
    )
    assert fault_of(read_text, tmp_path, 9) == f"{tmp_path}: cannot be read: Is a directory"


def test_an_endless_file_is_refused_at_once():
    assert fault_of(read_mapping, Path("/dev/zero")) == (
        "/dev/zero: is too large; allowed: at most 1,000,000 bytes"
    )


def test_text_of_the_largest_size_is_read():
    assert len(decode(b"x" * 10, "x", 10)) == 10
    assert fault_of(decode, b"x" * 11, "x", 10) == "x: is too large; allowed: at most 10 bytes"


def test_half_of_a_surrogate_pair_is_refused():
    # It could not be printed.
    assert "surrogate" in fault_of(parse_json, '{"a": {"b": ["\\ud800"]}}', "x.json")
    assert "surrogate" in fault_of(parse_json, '{"\\udfff": 1}', "x.json")


@pytest.mark.parametrize(
    "text",
    [
        "{" * (LARGEST // 2),
        "[" * LARGEST,
        "- " * (LARGEST // 2),
        "? " * (LARGEST // 2),
        "\n".join(" " * depth + "a:" for depth in range(1400)),
        "a: &a [" + "x," * 400_000 + "x]\nb: [" + "*a," * 1000 + "*a]",
        "a: '" + "x" * 900_000,
        "a: |\n" + " x\n" * 300_000 + "b",
        "!!" * (LARGEST // 2),
        "%" * LARGEST,
        "a: {" + "b: 1, " * 100_000 + "}",
    ],
    ids=lambda text: text[:10],
)
def test_the_worst_of_a_megabyte_is_refused_in_seconds(text):
    begin = time.monotonic()
    fault_of(parse_mapping, text[:LARGEST], "x.yaml")
    assert time.monotonic() - begin < 10  # the slowest took 1 s


@pytest.mark.parametrize("name", ["x.yaml", "x.json"])
def test_whatever_is_in_a_file_the_fault_is_a_line_that_names_it(name):
    moments = random.Random(0)
    signs = "{}[]:,-?&*!|>%@`#\"'\\ \t\n09aeN.\u20ac\u2028"
    source = WRITTEN if name == "x.yaml" else '{"a": [1, 2.5e3, null, true], "b": {"c": "d"}}'
    for _ in range(1500):
        text = list(source)
        for _ in range(moments.randint(1, 4)):
            place = moments.randrange(len(text))
            text[place : place + moments.randint(0, 3)] = moments.choices(signs, k=3)
        try:
            parse_mapping("".join(text), name)
        except RequestError as refused:
            (fault,) = refused.faults
            assert str(fault).startswith(f"{name}: ")
            assert "\n" not in str(fault)
