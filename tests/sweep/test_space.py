"""Search spaces in Hydra's own grammar."""

from __future__ import annotations

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.sweep.overrides import read_overrides
from dcgan_sweeps.sweep.space import (
    Condition,
    as_overrides,
    choose_defaults,
    make_space,
    shorten,
    suggest,
)
from dcgan_sweeps.sweep.trial import name_trial

WHOLE = frozenset({"model.latent_dim"})


def read_space(*words, **only_if):
    conditions = {
        key: Condition(word.partition("=")[0], tuple(word.partition("=")[2].split(",")))
        for key, word in only_if.items()
    }
    return make_space(read_overrides(words, None).swept, conditions, WHOLE)


@pytest.mark.parametrize(
    ("word", "distribution"),
    [
        ("lr=interval(0.1,0.5)", FloatDistribution(0.1, 0.5)),
        ("lr=tag(log, interval(1e-4,1e-2))", FloatDistribution(1e-4, 1e-2, log=True)),
        ("n=int(interval(1,8))", IntDistribution(1, 8)),
        ("n=tag(log, int(interval(1,8)))", IntDistribution(1, 8, log=True)),
        ("model.latent_dim=interval(16,64)", IntDistribution(16, 64)),
        ("n=range(1,10,3)", IntDistribution(1, 7, step=3)),
        ("x=range(0.0,1.0,0.25)", FloatDistribution(0.0, 0.75, step=0.25)),
        ("x=1,2,5", CategoricalDistribution((1, 2, 5))),
        ("x=choice(a,b)", CategoricalDistribution(("a", "b"))),
        ("x=true,false", CategoricalDistribution((True, False))),
        ("x=[1,2],[3,4]", CategoricalDistribution(("[1,2]", "[3,4]"))),
    ],
)
def test_each_form_of_a_sweep_is_what_it_means(word, distribution):
    (parameter,) = read_space(word)
    assert parameter.distribution == distribution


def test_a_fraction_for_a_whole_number_is_refused():
    with pytest.raises(RequestError, match="both ends"):
        read_space("model.latent_dim=interval(1.5,8)")


def test_a_conditional_parameter_exists_only_where_the_other_has_its_value():
    space = read_space("slope=interval(0.1,0.3)", "act=selu,leaky", slope="act=leaky")
    assert [each.key for each in space] == ["act", "slope"]
    study = optuna.create_study()
    seen = [suggest(study.ask(), space) for _ in range(30)]
    assert all(("slope" in values) == (values["act"] == "leaky") for values in seen)
    assert {values["act"] for values in seen} == {"selu", "leaky"}


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        ("other=1", "not a key of the search space"),
        ("act=tanh", "got tanh; act is in "),
    ],
)
def test_a_condition_that_cannot_hold_is_refused(condition, problem):
    with pytest.raises(RequestError, match=problem):
        read_space("slope=interval(0.1,0.3)", "act=selu,leaky", slope=condition)


def test_conditions_in_a_circle_are_refused():
    with pytest.raises(RequestError, match="these keys depend on each other"):
        read_space("a=x,y", "b=x,y", a="b=x", b="a=x")


def test_the_default_point_leaves_out_what_does_not_exist():
    space = read_space("slope=interval(0.1,0.3)", "act=selu,leaky", slope="act=leaky")
    assert choose_defaults(space, {"act": "selu", "slope": 0.2}) == {"act": "selu"}


@pytest.mark.parametrize(
    ("word", "default", "choice"),
    [
        ("f=[128,64],[64,32]", [128, 64], "[128,64]"),
        ("lr=null,1e-3", None, "null"),
        ("text='a b',c", "a b", "'a b'"),
        ("experiment=tiny,quick", "tiny", "tiny"),
    ],
)
def test_a_default_is_found_among_choices_however_it_is_written(word, default, choice):
    space = read_space(word)
    assert choose_defaults(space, {space[0].key: default}) == {space[0].key: choice}


def test_a_plus_before_a_key_is_the_same_key():
    asked = read_overrides(["x=interval(0.1,0.3)", "++x=0.2"], None)
    assert (asked.fixed, dict(asked.swept)) == (("++x=0.2",), {})


def test_a_shuffled_order_is_refused():
    with pytest.raises(RequestError, match="shuffle"):
        read_overrides(["x=shuffle(1,2,3)"], None)


def test_a_default_outside_the_space_is_refused():
    with pytest.raises(RequestError, match=r"its default, 0\.9, is outside interval"):
        choose_defaults(read_space("x=interval(0.1,0.3)"), {"x": 0.9})


def test_words_keep_every_digit_and_people_see_four():
    words = as_overrides({"optimizer.lr": 0.0006771170413872817, "on": True, "n": 3})
    assert words == ["optimizer.lr=0.0006771170413872817", "on=true", "n=3"]
    assert shorten(words) == "lr=0.0006771 on=true n=3"


def test_each_value_counts_once_and_the_later_word_wins():
    asked = read_overrides(["a=1,2,2", "b=3", "a=5,6,5", "c=1"], None)
    assert asked.swept["a"].unique.texts == ("5", "6")
    assert asked.fixed == ("b=3", "c=1")


def test_the_name_of_a_run_has_as_many_overrides_as_fit():
    words = ["optimizer.lr=0.002214", "model.dropout=0.1528", "model.latent_dim=35"]
    assert name_trial(3, words) == "3: lr=0.002214 dropout=0.1528 latent_dim=35"
    more = ["optimizer.beta_1=0.1579", "train.batch_size=32"]
    assert name_trial(3, [*words, *more]) == "3: lr=0.002214 dropout=0.1528 latent_dim=35 ..."
    assert name_trial(3, ["tracking.dir=" + 80 * "x"]) == f"3: dir={46 * 'x'} ..."
