"""Training as an iteration over epochs, and over blocks of optimizer steps within an epoch.

    for epoch in train(training, images_u8, batches, jit=False):
        for block in epoch:
            print(block.step, block.series["loss/generator"].mean())

Training stops when the caller stops iterating.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from dcgan_sweeps.datasets.batches import Indices, count_images
from dcgan_sweeps.gan.sampling import Diverged
from dcgan_sweeps.gan.step import Training, name_measured, train_step

Series = npt.NDArray[np.float32]
MEMORY_ERRORS = (tf.errors.ResourceExhaustedError, MemoryError)  # of a GPU, of the machine
RunSteps = Any  # a traced function: indices (k, images) -> what was measured (k, metrics)
# What must be finite, by the name of its metric.
FINITE = {
    "loss/discriminator": "the discriminator's loss",
    "loss/generator": "the generator's loss",
    "loss/penalty": "the penalty",
}


@dataclass(frozen=True)
class Block:
    """Consecutive optimizer steps; the series of a metric has one value for each step."""

    step: int  # the last one, counted from 1
    series: Mapping[str, Series]  # of each metric in `name_measured`
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
    epoch, shape (steps, images a step). A restored training continues after its step, also within
    an epoch. Raises Diverged at the first loss that is not finite.
    """
    run_steps = _compile(training, tf.constant(images_u8), jit=jit)
    steps = len(images_u8) // count_images(training.train)
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
    any_steps = tf.TensorSpec((None, count_images(training.train)), tf.int32)
    width = len(name_measured(training.loss))

    # Without AutoGraph, which reads the source of all that is called, and takes half of the trace.
    @tf.function(  # type: ignore[untyped-decorator]
        input_signature=[any_steps], jit_compile=jit, autograph=False
    )
    def run_steps(indices: tf.Tensor) -> tf.Tensor:
        steps = tf.shape(indices)[0]

        def run_step(i: tf.Tensor, measured: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            values = train_step(training, tf.gather(images, indices[i]))
            return i + 1, measured.write(i, values)

        measured = tf.TensorArray(tf.float32, size=steps, element_shape=(width,))
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
        series = dict(zip(name_measured(training.loss), measured.T, strict=True))
        _require_finite(series, done)
        yield Block(done + len(measured), series, wall_s)


def _require_finite(series: Mapping[str, Series], done: int) -> None:
    for row in range(len(series["loss/generator"])):
        for name, words in FINITE.items():
            value = series[name][row] if name in series else 0.0
            if not np.isfinite(value):
                raise Diverged(f"{words} is {value} at step {done + row + 1}")
