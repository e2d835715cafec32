"""Adam with TensorFlow's fused kernel, which passes over each weight once where Keras needs ten.

Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015, in the form before
section 2.1, which Keras uses as well.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf


class FusedAdam:
    """Updates `variables` in place; `state` lists every variable that a checkpoint needs."""

    def __init__(
        self,
        variables: Sequence[keras.Variable],
        *,
        lr: float,
        beta_1: float,
        beta_2: float,
        epsilon: float,
    ):
        self.variables = [variable.value for variable in variables]
        self.lr, self.beta_1, self.beta_2, self.epsilon = lr, beta_1, beta_2, epsilon
        self.steps = tf.Variable(0.0, name="steps")
        self.first_moments = [tf.Variable(tf.zeros_like(each)) for each in self.variables]
        self.second_moments = [tf.Variable(tf.zeros_like(each)) for each in self.variables]

    @property
    def state(self) -> list[tf.Variable]:
        return [self.steps, *self.first_moments, *self.second_moments]

    def apply(self, gradients: Sequence[tf.Tensor]) -> None:
        """Move the variables one step, given a gradient for each."""
        steps = self.steps.assign_add(1.0)
        moments = zip(self.first_moments, self.second_moments, strict=True)
        for variable, (first, second), gradient in zip(
            self.variables, moments, gradients, strict=True
        ):
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=first.handle,
                v=second.handle,
                beta1_power=tf.pow(self.beta_1, steps),
                beta2_power=tf.pow(self.beta_2, steps),
                lr=self.lr,
                beta1=self.beta_1,
                beta2=self.beta_2,
                epsilon=self.epsilon,
                grad=gradient,
            )
