"""Reads the state of a training as arrays by name, and restores it.

    arrays = read_state(training)
    restore_state(training, arrays)

The arrays are the whole state. Batches, latents and dropout masks follow from the seed and the
number of steps done, so there is no random generator to save.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from dcgan_sweeps.gan.networks import Gan
from dcgan_sweeps.gan.step import Training

Arrays = Mapping[str, npt.NDArray[Any]]


def read_state(training: Training) -> dict[str, npt.NDArray[Any]]:
    """Return the weights, also those of the averaged generator, the optimizers and the step."""
    return {name: np.asarray(each.numpy()) for name, each in _name_variables(training).items()}


def restore_state(training: Training, arrays: Arrays) -> None:
    """Restore a training from `arrays`; raises ValueError where names or shapes differ."""
    variables = _name_variables(training)
    expected = {name: tuple(each.shape) for name, each in variables.items()}
    found = {name: array.shape for name, array in arrays.items()}
    if found != expected:
        name = min(set(found.items()) ^ set(expected.items()))[0]
        raise ValueError(
            f"the state of {name} has shape {found.get(name)}; expected {expected.get(name)}"
        )
    for name, variable in variables.items():
        variable.assign(arrays[name])


def _name_variables(training: Training) -> dict[str, tf.Variable]:
    gan = training.gan
    groups = {
        "generator": [each.value for each in gan.generator.weights],
        "discriminator": [each.value for each in gan.discriminator.weights],
        "average": [each.value for each in gan.average.weights] if gan.average is not None else [],
        f"generator_{training.optimizer}": training.generator_descent.state,
        f"discriminator_{training.optimizer}": training.discriminator_descent.state,
        "spectral_norm": gan.norms.state if gan.norms is not None else [],
        "step": [training.step],
    }
    return {
        f"{group}/{index:02d}": variable
        for group, variables in groups.items()
        for index, variable in enumerate(variables)
    }


def hash_weights(gan: Gan) -> str:
    """Return the SHA-256 over the weights of both networks, in their order: 64 hex digits."""
    sha256 = hashlib.sha256()
    for network in (gan.generator, gan.discriminator):
        for array in network.get_weights():
            sha256.update(f"{array.dtype}{array.shape}".encode())
            sha256.update(array.tobytes())
    return sha256.hexdigest()
