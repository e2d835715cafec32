from __future__ import annotations

import dataclasses

import pytest

from dcgan_sweeps.config.compose import compose
from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.config.flat import flatten
from dcgan_sweeps.config.schema import ClassifierConfig, Config


def test_the_default_is_the_documented_run():
    config = compose("config", [], Config)
    assert (config.train.batch_size, config.train.epochs) == (32, 10)
    assert (config.optimizer.lr, config.model.dropout, config.model.latent_dim) == (1e-3, 0.3, 100)


def test_experiment_article_changes_nothing():
    assert compose("config", ["experiment=baseline"], Config) == compose("config", [], Config)


def test_a_configuration_cannot_be_changed(tiny):
    with pytest.raises(dataclasses.FrozenInstanceError):
        tiny.seed = 1


@pytest.mark.parametrize(
    ("override", "fault"),
    [
        (
            "train.epochs=-1",
            "train.epochs: got -1; allowed: a whole number, at least 0, at most 1000000",
        ),
        ("optimizer.lr=0", "optimizer.lr: got 0.0; allowed: a number, above 0, at most 1"),
        ("optimizer.lr=nan", "optimizer.lr: got nan; allowed: a number, above 0, at most 1"),
        ("runner.device=tpu", "runner.device: got tpu; allowed: auto, cpu, gpu"),
        ("+optimizer.nesterov=true", "optimizer.nesterov: there is no such key in optimizer=adam"),
        ("data.limit=31", "data.limit: got 31; allowed: at least train.batch_size, 32"),
        ("data.count=300", "data.count: got 300; allowed: a number with data=synthetic, else null"),
        (
            "data.limit=63 train.discriminator_steps=2",
            "data.limit: got 63; allowed: at least train.batch_size times"
            " train.discriminator_steps, 64",
        ),
        (
            "loss=hinge train.discriminator_loss=sum",
            "train.discriminator_loss: got sum; allowed: mean, except with loss=bce",
        ),
        (
            "loss=hinge train.label_smoothing=0.1",
            "train.label_smoothing: got 0.1; allowed: 0, except with loss=bce",
        ),
        (
            "loss=wgan_gp loss.gradient_penalty=null",
            "loss.gradient_penalty: got None; allowed: a number, above 0, at most 1000000",
        ),
        (
            "+loss.gradient_penalty=10",
            "loss.gradient_penalty: there is no such key in loss=bce",
        ),
        (
            "optimizer=sgd +optimizer.beta_1=0.5",
            "optimizer.beta_1: there is no such key in optimizer=sgd",
        ),
        (
            "train.augment=[cutout,cutout]",
            "train.augment: got ['cutout', 'cutout']; allowed: a list of texts, one or more of"
            " translation, cutout, each once, or null",
        ),
    ],
)
def test_a_value_out_of_range_is_named_with_what_is_allowed(override, fault):
    with pytest.raises(RequestError) as error:
        compose("config", override.split(), Config)
    assert [str(each) for each in error.value.faults] == [fault]


def test_an_extrapolation_needs_images():
    with pytest.raises(
        RequestError, match=r"score\.extrapolate: got true; allowed: with a score\.count"
    ):
        compose("config", ["score.extrapolate=true", "score.count=99"], Config)


def test_every_group_choice_composes():
    losses = [f"loss={name}" for name in ("bce", "lsgan", "hinge", "wgan_gp", "relativistic")]
    optimizers = [f"optimizer={name}" for name in ("adam_paper", "adamw", "rmsprop", "sgd")]
    others = ["data=synthetic", "score=none", "tracking=none", "experiment=quick"]
    for choice in [*losses, *optimizers, *others]:
        assert isinstance(compose("config", [choice], Config), Config)


def test_the_classifier_has_a_configuration_of_its_own():
    assert compose("classifier", ["epochs=2"], ClassifierConfig).epochs == 2


def test_no_logged_configuration_names_code_to_run(tiny):
    assert not [key for key in flatten(tiny) if "_target_" in key]


@pytest.mark.parametrize("word", ["filters=[]", "filters=[0]", "filters=[1,1,1,1,1,1]"])
def test_a_classifier_has_one_to_five_convolutions(word):
    with pytest.raises(RequestError, match=r"filters: got .*1 to 5 items, each at least 1"):
        compose("classifier", [word], ClassifierConfig)


@pytest.mark.parametrize(
    "word", ["data.limit=500", "runner.jit=on", "runner.precision=mixed_float16"]
)
def test_what_a_classifier_would_not_heed_is_refused(word):
    with pytest.raises(RequestError, match="a classifier is trained on all images"):
        compose("classifier", [word], ClassifierConfig)
