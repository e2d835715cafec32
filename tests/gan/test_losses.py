"""Each loss against its definition, written out in NumPy for probabilities or single pairs."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from dcgan_sweeps.config.parts import BUILT_IN, load_builder


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# Of the logits of reals and fakes: the loss of the discriminator, and that of the generator.
DEFINITIONS = {
    "bce": (
        lambda r, f: (-np.log(sigmoid(r)).mean() - np.log(1 - sigmoid(f)).mean()) / 2,
        lambda r, f: -np.log(sigmoid(f)).mean(),
    ),
    "lsgan": (
        lambda r, f: ((r - 1) ** 2).mean() / 2 + (f**2).mean() / 2,
        lambda r, f: ((f - 1) ** 2).mean() / 2,
    ),
    "hinge": (
        lambda r, f: np.maximum(0, 1 - r).mean() + np.maximum(0, 1 + f).mean(),
        lambda r, f: -f.mean(),
    ),
    "wgan_gp": (lambda r, f: f.mean() - r.mean(), lambda r, f: -f.mean()),
    "relativistic": (
        lambda r, f: -np.mean([np.log(sigmoid(a - b)) for a, b in zip(r, f, strict=True)]),
        lambda r, f: -np.mean([np.log(sigmoid(b - a)) for a, b in zip(r, f, strict=True)]),
    ),
}


def build(name):
    part = BUILT_IN["loss"][name]
    return load_builder(part)(part.schema(name))


@pytest.fixture
def logits(random):
    """Logits of reals and of fakes, (n, 1) each."""
    return [random.normal(0, 2, (64, 1)).astype(np.float32) for _ in range(2)]


def test_every_loss_is_tested():
    assert DEFINITIONS.keys() == BUILT_IN["loss"].keys()


@pytest.mark.parametrize("name", DEFINITIONS)
def test_a_loss_is_that_of_its_definition(name, logits, tiny):
    for_discriminator, for_generator = DEFINITIONS[name]
    loss, tensors = build(name), [tf.constant(each) for each in logits]
    found = float(loss.discriminate(*tensors, tiny.train))
    assert found == pytest.approx(for_discriminator(*logits), rel=1e-5)
    found = float(loss.generate(tensors[0] if loss.is_paired else None, tensors[1]))
    assert found == pytest.approx(for_generator(*logits), rel=1e-5)


def test_smoothing_lowers_the_label_of_reals_alone(logits, tiny):
    train = dataclasses.replace(tiny.train, label_smoothing=0.1)
    found = build("bce").discriminate(*(tf.constant(each) for each in logits), train)
    real, fake = (sigmoid(each.astype(float)) for each in logits)
    expected = -(0.9 * np.log(real) + 0.1 * np.log(1 - real)).mean() - np.log(1 - fake).mean()
    assert float(found) == pytest.approx(expected / 2, rel=1e-5)
