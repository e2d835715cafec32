"""Draws the batches of an epoch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dcgan_sweeps.config.schema import Train

Indices = npt.NDArray[np.int32]


def count_images(train: Train) -> int:
    """Return the number of real images of one optimizer step."""
    return train.batch_size * train.discriminator_steps


def draw_batches(
    image_count: int, step_size: int, shuffle_buffer: int | None, random: np.random.Generator
) -> Indices:
    """Return the image indices of one epoch, shape (steps, step_size).

    An incomplete step is dropped. With `shuffle_buffer`, images are shuffled in a buffer of that
    size, as in tf.data.
    """
    if shuffle_buffer is None:
        order = random.permutation(image_count).astype(np.int32)
    else:
        order = shuffle_in_buffer(image_count, shuffle_buffer, random)
    steps = image_count // step_size
    return order[: steps * step_size].reshape(steps, step_size)


def shuffle_in_buffer(count: int, buffer: int, random: np.random.Generator) -> Indices:
    """Return range(count) shuffled like tf.data's shuffle(buffer), refilling after each draw."""
    waiting = list(range(min(buffer, count)))
    order = np.empty(count, np.int32)
    for position in range(count):
        slot = int(random.integers(len(waiting)))
        order[position] = waiting[slot]
        following = position + buffer
        if following < count:
            waiting[slot] = following
        else:
            waiting[slot] = waiting[-1]
            waiting.pop()
    return order
