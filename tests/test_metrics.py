"""The catalogue of metrics, and that the docs follow it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dcgan_sweeps.metrics import METRICS, format_metrics

PAGES = ("score.md", "probe.md")
DOCS = "\n".join((Path(__file__).parents[1] / "docs" / page).read_text() for page in PAGES)


@pytest.mark.parametrize("metric", METRICS.values(), ids=list(METRICS))
def test_the_docs_have_a_metric_as_the_catalogue_does(metric):
    cells = (f"`{metric.name}`", metric.unit, metric.better, metric.definition)
    assert "\n|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|" in DOCS


def test_the_tables_of_the_docs_have_no_other_metric():
    tables = re.findall(r"\| metric \| unit \|.*?\n\n", DOCS, flags=re.DOTALL)
    named = re.findall(r"^\| `([^`]+)`", "\n".join(tables), flags=re.MULTILINE)
    assert sorted(named) == sorted(METRICS)


def test_a_line_has_short_names_in_a_fixed_order():
    values = {"score/fcd": 167.5, "loss/generator": 1.25, "score/kid": 3.0}
    assert format_metrics(values) == "G loss 1.250  fcd 167.50"
