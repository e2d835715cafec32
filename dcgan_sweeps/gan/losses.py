"""The adversarial losses, as functions of logits of shape (n, 1).

loss = build_hinge(config.loss)
loss.discriminate(real, fake, config.train)   # a scalar, which the discriminator minimises
loss.generate(real, fake)                     # a scalar, which the generator minimises

Gradient penalties are in penalties.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import tensorflow as tf

from dcgan_sweeps.config.schema import Loss, Train


@dataclass(frozen=True)
class AdversarialLoss:
    """The losses of both networks, each of the logits of real images and of fakes.

    Only the generator's loss of a paired one depends on real images; others get None for them.
    """

    discriminate: Callable[[tf.Tensor, tf.Tensor, Train], tf.Tensor]
    generate: Callable[[tf.Tensor | None, tf.Tensor], tf.Tensor]
    is_paired: bool = False


def cross_entropy(logits: tf.Tensor, label: float) -> tf.Tensor:
    labels = tf.fill(tf.shape(logits), label)
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels, logits))


def _discriminate_bce(real: tf.Tensor, fake: tf.Tensor, train: Train) -> tf.Tensor:
    # One-sided label smoothing: Salimans et al. 2016, https://arxiv.org/abs/1606.03498.
    loss = cross_entropy(fake, 0.0) + cross_entropy(real, 1.0 - train.label_smoothing)
    return loss / 2.0 if train.discriminator_loss == "mean" else loss


def _generate_bce(real: tf.Tensor | None, fake: tf.Tensor) -> tf.Tensor:
    return cross_entropy(fake, 1.0)


def _discriminate_least_squares(real: tf.Tensor, fake: tf.Tensor, train: Train) -> tf.Tensor:
    return 0.5 * (tf.reduce_mean((real - 1.0) ** 2) + tf.reduce_mean(fake**2))


def _generate_least_squares(real: tf.Tensor | None, fake: tf.Tensor) -> tf.Tensor:
    return 0.5 * tf.reduce_mean((fake - 1.0) ** 2)


def _discriminate_hinge(real: tf.Tensor, fake: tf.Tensor, train: Train) -> tf.Tensor:
    return tf.reduce_mean(tf.nn.relu(1.0 - real)) + tf.reduce_mean(tf.nn.relu(1.0 + fake))


def _discriminate_wasserstein(real: tf.Tensor, fake: tf.Tensor, train: Train) -> tf.Tensor:
    return tf.reduce_mean(fake) - tf.reduce_mean(real)


def _raise_fakes(real: tf.Tensor | None, fake: tf.Tensor) -> tf.Tensor:
    return -tf.reduce_mean(fake)


def _discriminate_pairs(real: tf.Tensor, fake: tf.Tensor, train: Train) -> tf.Tensor:
    return tf.reduce_mean(tf.nn.softplus(fake - real))


def _generate_pairs(real: tf.Tensor | None, fake: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(tf.nn.softplus(real - fake))


def build_bce(loss: Loss) -> AdversarialLoss:
    """Goodfellow et al. 2014, the form that does not saturate, https://arxiv.org/abs/1406.2661."""
    return AdversarialLoss(_discriminate_bce, _generate_bce)


def build_lsgan(loss: Loss) -> AdversarialLoss:
    """Mao et al. 2016, https://arxiv.org/abs/1611.04076."""
    return AdversarialLoss(_discriminate_least_squares, _generate_least_squares)


def build_hinge(loss: Loss) -> AdversarialLoss:
    """Lim and Ye 2017, https://arxiv.org/abs/1705.02894."""
    return AdversarialLoss(_discriminate_hinge, _raise_fakes)


def build_wgan_gp(loss: Loss) -> AdversarialLoss:
    """Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028."""
    return AdversarialLoss(_discriminate_wasserstein, _raise_fakes)


def build_relativistic(loss: Loss) -> AdversarialLoss:
    """Huang et al. 2024 (R3GAN), https://arxiv.org/abs/2501.05441; pairs are made by index."""
    return AdversarialLoss(_discriminate_pairs, _generate_pairs, is_paired=True)
