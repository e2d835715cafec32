"""Moves the weights of one network down the gradient of its loss.

descent = Descent(network.trainable_variables, config.optimizer, lr=1e-3, scaled=False)
descent.minimise(loss, tape)
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf

from dcgan_sweeps.config.parts import find_builder
from dcgan_sweeps.config.schema import Optimizer
from dcgan_sweeps.gan.optimizers import Update

# Loss scaling as in Keras's LossScaleOptimizer; only float16 needs it, as its gradients underflow.
FIRST_SCALE, GROW_AFTER = 2.0**15, 2000


class Descent:
    """The optimizer of one network, with loss scaling where `scaled`.

    `state` lists every variable that a checkpoint needs.
    """

    def __init__(
        self, variables: Sequence[keras.Variable], settings: Optimizer, lr: float, *, scaled: bool
    ):
        self.variables = [variable.value for variable in variables]
        self.lr = lr
        self.scaled = scaled
        self.optimizer: Update = find_builder("optimizer", settings)(variables, settings, lr)
        self.loss_scale = tf.Variable(FIRST_SCALE if scaled else 1.0, name="loss_scale")
        self.finite_steps = tf.Variable(0, name="finite_steps")

    @property
    def state(self) -> list[tf.Variable]:
        return [*self.optimizer.state, self.loss_scale, self.finite_steps]

    def minimise(self, loss: tf.Tensor, tape: tf.GradientTape) -> None:
        """Move the variables one step down the gradient of `loss`, a scalar on `tape`.

        With loss scaling, a step with gradients that are not finite is skipped, and the scale is
        halved.
        """
        if not self.scaled:
            self.optimizer.apply(tape.gradient(loss, self.variables))
            return
        with tape:
            scaled_loss = loss * self.loss_scale
        gradients = [each / self.loss_scale for each in tape.gradient(scaled_loss, self.variables)]
        finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(each)) for each in gradients])
        tf.cond(finite, lambda: self._apply_and_grow(gradients), self._skip)

    def _apply_and_grow(self, gradients: Sequence[tf.Tensor]) -> bool:
        self.optimizer.apply(gradients)
        grow = self.finite_steps.assign_add(1) >= GROW_AFTER
        self.loss_scale.assign(tf.where(grow, self.loss_scale * 2, self.loss_scale))
        self.finite_steps.assign(tf.where(grow, 0, self.finite_steps))
        return True

    def _skip(self) -> bool:
        self.loss_scale.assign(tf.maximum(self.loss_scale / 2, 1.0))
        self.finite_steps.assign(0)
        return False
