"""loss=pearson: least squares with labels of its own (Mao et al. 2016, equation 8)."""

from __future__ import annotations

import tensorflow as tf

from dcgan_sweeps.gan.losses import AdversarialLoss
from dcgan_sweeps_examples.schemas import Pearson


def build(loss: Pearson) -> AdversarialLoss:
    """Return the losses of both networks, of logits (n, 1)."""

    def distance(logits, label):
        return 0.5 * tf.reduce_mean((logits - label) ** 2)

    return AdversarialLoss(
        lambda real, fake, train: distance(real, loss.real) + distance(fake, loss.fake),
        lambda real, fake: distance(fake, loss.goal),
    )
