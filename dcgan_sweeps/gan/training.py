"""Training as an iteration over epochs, and over blocks of optimizer steps within an epoch.

    for epoch in train(training, images_u8, batches, jit=False):
        for block in epoch:
            print(block.step, block.loss_generator.mean())

Training stops when the caller stops iterating.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from dcgan_sweeps.datasets.batches import Indices
from dcgan_sweeps.gan.sampling import Diverged
from dcgan_sweeps.gan.step import Training, train_step

Series = npt.NDArray[np.float32]
MEMORY_ERRORS = (tf.errors.ResourceExhaustedError, MemoryError)  # of a GPU, of the machine
RunSteps = Any  # a traced function: indices (k, batch) -> what was measured (k, 4)


@dataclass(frozen=True)
class Block:
    """Consecutive optimizer steps; every series has one value for each step."""

    step: int  # the last one, counted from 1
    loss_discriminator: Series
    loss_generator: Series
    real: Series  # mean probability given to the reals
    fake: Series  # and to the fakes
    wall_s: float


@dataclass(frozen=True)
class Epoch:
    """One pass over the images; iterating over its blocks does the training."""

    number: int  # counted from 1
    last_step: int  # counted from the start of the first epoch
    blocks: Iterator[Block]

    def __iter__(self) -> Iterator[Block]:
        return self.blocks


def train(
    training: Training,
    images_u8: npt.NDArray[np.uint8],
    batches: Callable[[int], Indices],
    *,
    jit: bool,
) -> Iterator[Epoch]:
    """Yield each epoch; blocks that the caller does not read are trained before the next epoch.

    `images_u8` has shape (n, h, w, channels); `batches(number)` gives the image indices of an
    epoch, shape (steps, batch). A restored training continues after its step, also within an epoch.
    Raises Diverged at the first loss that is not finite.
    """
    run_steps = _compile(training, tf.constant(images_u8), jit=jit)
    steps = len(images_u8) // training.train.batch_size
    done, skipped = divmod(int(training.step.numpy()), steps)
    for number in range(done + 1, training.train.epochs + 1):
        indices = batches(number)[skipped:]
        blocks = _train_blocks(training, run_steps, indices)
        yield Epoch(number, number * steps, blocks)
        skipped = 0
        for _ in blocks:
            pass


def _compile(training: Training, images: tf.Tensor, *, jit: bool) -> RunSteps:
    # One trace serves any number of steps; a second one would take as long as the first.
    any_steps = tf.TensorSpec((None, training.train.batch_size), tf.int32)

    # Without AutoGraph, which reads the source of all that is called, and takes half of the trace.
    @tf.function(  # type: ignore[untyped-decorator]
        input_signature=[any_steps], jit_compile=jit, autograph=False
    )
    def run_steps(indices: tf.Tensor) -> tf.Tensor:
        steps = tf.shape(indices)[0]

        def run_step(i: tf.Tensor, measured: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            values = train_step(training, tf.gather(images, indices[i]))
            return i + 1, measured.write(i, values)

        measured = tf.TensorArray(tf.float32, size=steps, element_shape=(4,))
        _, measured = tf.while_loop(
            lambda i, _: i < steps, run_step, (0, measured), maximum_iterations=steps
        )
        return measured.stack()

    return run_steps.get_concrete_function()  # trace before the timing starts


def _train_blocks(training: Training, run_steps: RunSteps, indices: Indices) -> Iterator[Block]:
    size = training.train.steps_per_call
    for start in range(0, len(indices), size):
        chosen = tf.constant(indices[start : start + size])
        done = int(training.step.numpy())
        begin = time.perf_counter()
        measured = run_steps(chosen).numpy()
        wall_s = time.perf_counter() - begin
        _require_finite(measured, done)
        loss_discriminator, loss_generator, real, fake = measured.T
        last = done + len(measured)
        yield Block(last, loss_discriminator, loss_generator, real, fake, wall_s)


def _require_finite(measured: Series, done: int) -> None:
    names = ("the discriminator's loss", "the generator's loss")
    for row, values in enumerate(measured):
        for name, value in zip(names, values, strict=False):
            if not np.isfinite(value):
                raise Diverged(f"{name} is {value} at step {done + row + 1}")
