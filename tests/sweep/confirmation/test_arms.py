"""The overrides by which a confirmation trains a configuration again."""

from __future__ import annotations

import pytest

from dcgan_sweeps.composition.command_line import compose_request
from dcgan_sweeps.config.flat import flatten
from dcgan_sweeps.sweep.confirmation.arms import Arm, as_texts, find_overrides, spell_out

WORDS = ["optimizer.lr=2e-4", "loss=wgan_gp", "loss.gradient_penalty=5.0", "optimizer=rmsprop"]


@pytest.fixture
def base():
    return as_texts(flatten(compose_request("config", [])))


def test_the_overrides_of_a_configuration_with_other_parts_compose_it(base):
    flat = flatten(compose_request("config", WORDS))
    words = find_overrides(as_texts(flat), base)
    assert {"loss=wgan_gp", "loss.gradient_penalty=5.0", "optimizer=rmsprop"} <= {*words}
    assert not any(word.startswith(("loss.name", "optimizer.name")) for word in words)
    assert flatten(compose_request("config", words)) == flat


def test_arms_state_the_same_keys_and_each_only_those_of_its_parts(base):
    other = find_overrides(as_texts(flatten(compose_request("config", WORDS))), base)
    default, spelled = spell_out([Arm("default", ()), Arm("trial 3", other)], base)
    assert spelled.overrides == other
    assert {"loss=bce", "optimizer=adam", "optimizer.lr=0.001"} <= {*default.overrides}
    assert not any("gradient_penalty" in word or "rho" in word for word in default.overrides)
    assert flatten(compose_request("config", default.overrides)) == flatten(
        compose_request("config", [])
    )
