"""The exponential moving average of a generator, which changes less from step to step.

move_average(gan.average, gan.generator, decay=0.995, step=step)

It has no effect on the training. Source: Yazici et al. 2019, "The Unusual Effectiveness of
Averaging in GAN Training", https://arxiv.org/abs/1806.04498.
"""

from __future__ import annotations

import keras
import tensorflow as tf


def move_average(
    average: keras.Sequential, generator: keras.Sequential, decay: float, step: tf.Tensor
) -> None:
    """Move every weight of `average` toward that of `generator`, after `step` steps.

    The averages of BatchNormalization are weights, too. In the first steps the decay is lower, as
    in tf.train.ExponentialMovingAverage, so that the initial weights are soon forgotten.
    """
    done = tf.cast(step, tf.float32)
    share = 1.0 - tf.minimum(decay, (1.0 + done) / (10.0 + done))
    for mean, weight in zip(average.weights, generator.weights, strict=True):
        mean.value.assign_add(share * (weight.value - mean.value))
