"""Adam with TensorFlow's fused kernel, which passes over each weight once where Keras needs ten.

Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015, in the form before
section 2.1, which Keras uses as well.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf

from dcgan_sweeps.config import schema

# Loss scaling as in Keras's LossScaleOptimizer; only float16 needs it, as its gradients underflow.
FIRST_SCALE, GROW_AFTER = 2.0**15, 2000


class Adam:
    """The optimizer of one network.

    It updates `variables` in place; `state` lists every variable that a checkpoint needs.
    """

    def __init__(
        self,
        variables: Sequence[keras.Variable],
        optimizer: schema.Adam,
        lr: float,
        *,
        scaled: bool,
    ):
        self.variables = [variable.value for variable in variables]
        self.optimizer = optimizer
        self.lr = lr
        self.scaled = scaled
        self.steps = tf.Variable(0.0, name="steps")
        self.first_moments = [tf.Variable(tf.zeros_like(each)) for each in self.variables]
        self.second_moments = [tf.Variable(tf.zeros_like(each)) for each in self.variables]
        self.loss_scale = tf.Variable(FIRST_SCALE if scaled else 1.0, name="loss_scale")
        self.finite_steps = tf.Variable(0, name="finite_steps")

    @property
    def state(self) -> list[tf.Variable]:
        moments = [*self.first_moments, *self.second_moments]
        return [self.steps, *moments, self.loss_scale, self.finite_steps]

    def minimise(self, loss: tf.Tensor, tape: tf.GradientTape) -> None:
        """Move the variables one step down the gradient of `loss`, a scalar on `tape`.

        With loss scaling, a step with gradients that are not finite is skipped, and the scale is
        halved.
        """
        if not self.scaled:
            self._apply(tape.gradient(loss, self.variables))
            return
        with tape:
            scaled_loss = loss * self.loss_scale
        gradients = [each / self.loss_scale for each in tape.gradient(scaled_loss, self.variables)]
        finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(each)) for each in gradients])
        tf.cond(finite, lambda: self._apply_and_grow(gradients), self._skip)

    def _apply(self, gradients: Sequence[tf.Tensor]) -> None:
        steps = self.steps.assign_add(1.0)
        beta_1, beta_2 = self.optimizer.beta_1, self.optimizer.beta_2
        moments = zip(self.first_moments, self.second_moments, strict=True)
        for variable, (first, second), gradient in zip(
            self.variables, moments, gradients, strict=True
        ):
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=first.handle,
                v=second.handle,
                beta1_power=tf.pow(beta_1, steps),
                beta2_power=tf.pow(beta_2, steps),
                lr=self.lr,
                beta1=beta_1,
                beta2=beta_2,
                epsilon=self.optimizer.epsilon,
                grad=gradient,
            )

    def _apply_and_grow(self, gradients: Sequence[tf.Tensor]) -> bool:
        self._apply(gradients)
        grow = self.finite_steps.assign_add(1) >= GROW_AFTER
        self.loss_scale.assign(tf.where(grow, self.loss_scale * 2, self.loss_scale))
        self.finite_steps.assign(tf.where(grow, 0, self.finite_steps))
        return True

    def _skip(self) -> bool:
        self.loss_scale.assign(tf.maximum(self.loss_scale / 2, 1.0))
        self.finite_steps.assign(0)
        return False
