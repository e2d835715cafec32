"""The optimizers by name; each updates the weights of one network.

optimizer = build_optimizer(network.trainable_variables, config.optimizer, lr=1e-3)
optimizer.apply(gradients)

Another one of Keras needs an entry here and in OPTIMIZER_KEYS, and a file in conf/optimizer/.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import keras
import tensorflow as tf

from dcgan_sweeps.config.schema import OPTIMIZER_KEYS, Optimizer
from dcgan_sweeps.gan.adam import FusedAdam

Variables = Sequence[keras.Variable]
# Their arguments are the keys of the schema. Adam is not here, since it has a fused kernel.
OF_KERAS = {
    "adamw": keras.optimizers.AdamW,
    "rmsprop": keras.optimizers.RMSprop,
    "sgd": keras.optimizers.SGD,
}


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


def build_optimizer(variables: Variables, settings: Optimizer, lr: float) -> Update:
    """Return the optimizer of `variables` that the settings name, with a learning rate."""
    keys = {key: getattr(settings, key) for key in OPTIMIZER_KEYS[settings.name]}
    if settings.name == "adam":
        return FusedAdam(variables, lr=lr, **keys)
    return KerasUpdate(OF_KERAS[settings.name](lr, **keys), variables)
