"""The optimizers; each updates the weights of one network.

optimizer = build_adam(network.trainable_variables, config.optimizer, lr=1e-3)
optimizer.apply(gradients)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import keras
import tensorflow as tf

from dcgan_sweeps.config.schema import Adam, AdamW, RmsProp, Sgd
from dcgan_sweeps.gan.adam import FusedAdam

Variables = Sequence[keras.Variable]


class Update(Protocol):
    """An optimizer of some variables; `state` lists every variable that a checkpoint needs."""

    @property
    def state(self) -> list[tf.Variable]: ...

    def apply(self, gradients: Sequence[tf.Tensor]) -> None:
        """Move the variables one step, given a gradient for each."""


class KerasUpdate:
    """An optimizer of Keras."""

    def __init__(self, optimizer: keras.optimizers.Optimizer, variables: Variables):
        self.optimizer = optimizer
        optimizer.build(variables)

    @property
    def state(self) -> list[tf.Variable]:
        return [each.value for each in self.optimizer.variables]

    def apply(self, gradients: Sequence[tf.Tensor]) -> None:
        self.optimizer.apply(gradients)


def build_adam(variables: Variables, adam: Adam, lr: float) -> Update:
    return FusedAdam(variables, lr=lr, beta_1=adam.beta_1, beta_2=adam.beta_2, epsilon=adam.epsilon)


def build_adamw(variables: Variables, adam: AdamW, lr: float) -> Update:
    optimizer = keras.optimizers.AdamW(
        lr, adam.weight_decay, adam.beta_1, adam.beta_2, adam.epsilon
    )
    return KerasUpdate(optimizer, variables)


def build_rmsprop(variables: Variables, rmsprop: RmsProp, lr: float) -> Update:
    optimizer = keras.optimizers.RMSprop(lr, rmsprop.rho, rmsprop.momentum, rmsprop.epsilon)
    return KerasUpdate(optimizer, variables)


def build_sgd(variables: Variables, sgd: Sgd, lr: float) -> Update:
    return KerasUpdate(keras.optimizers.SGD(lr, sgd.momentum, sgd.nesterov), variables)
