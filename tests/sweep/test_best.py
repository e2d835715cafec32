"""The overrides that repeat a study's best trial."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from dcgan_sweeps.config.compose import compose
from dcgan_sweeps.config.schema import Config
from dcgan_sweeps.sweep.best import list_overrides, write_value


def compose_words(words, config_dir=None):
    return compose("config", list(words), Config)


def test_a_value_that_the_words_do_not_decide_is_added():
    study = SimpleNamespace(
        compose=lambda words: compose_words([*words, "data.limit=333"]), compose_alone=compose_words
    )
    assert list_overrides(["seed=1"], Path("own"), study) == ["seed=1", "data.limit=333"]


def test_an_address_with_a_password_is_left_out():
    study = SimpleNamespace(compose=compose_words, compose_alone=compose_words)
    words = ["tracking.uri=http://me:hunter2@server", "seed=1"]
    assert list_overrides(words, Path("own"), study) == ["seed=1"]


def test_values_are_written_as_overrides_have_them():
    values = [None, True, [64, 128], 1e-4, "it's"]
    assert [*map(write_value, values)] == ["null", "true", "[64,128]", "0.0001", '"it\'s"']
