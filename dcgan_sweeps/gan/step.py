"""One training step, which updates the discriminator and then the generator.

Each half updates the weights of one network, because its optimizer has only those variables.
(Keras reads `trainable` when a function is traced, so setting it would not freeze a network.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import tensorflow as tf

from dcgan_sweeps.config.parts import find_builder
from dcgan_sweeps.config.schema import Config, Loss, Train
from dcgan_sweeps.gan.augmentation import augment
from dcgan_sweeps.gan.average import move_average
from dcgan_sweeps.gan.descent import Descent
from dcgan_sweeps.gan.forward import discriminate, generate
from dcgan_sweeps.gan.losses import AdversarialLoss
from dcgan_sweeps.gan.networks import Gan
from dcgan_sweeps.gan.penalties import has_penalty, penalise, penalise_lazily
from dcgan_sweeps.randomness import seed_pair


@dataclass(frozen=True)
class Training:
    """The networks, optimizers and step of a training, and the settings that it uses."""

    gan: Gan
    generator_descent: Descent
    discriminator_descent: Descent
    step: tf.Variable  # optimizer steps of the generator done, int64
    train: Train
    loss: Loss
    adversarial: AdversarialLoss
    optimizer: str
    latent_dim: int
    seed: int


def prepare_training(gan: Gan, config: Config) -> Training:
    """Return the training of `gan` before its first step."""
    optimizer = config.optimizer
    lr_discriminator = optimizer.lr_discriminator or optimizer.lr
    scaled = gan.generator.layers[0].compute_dtype == "float16"
    return Training(
        gan,
        Descent(gan.generator.trainable_variables, optimizer, optimizer.lr, scaled=scaled),
        Descent(gan.discriminator.trainable_variables, optimizer, lr_discriminator, scaled=scaled),
        tf.Variable(0, dtype=tf.int64, name="step"),
        config.train,
        config.loss,
        find_builder("loss", config.loss)(config.loss),
        optimizer.name,
        gan.generator.input_shape[-1],
        config.seed,
    )


def name_measured(loss: Loss) -> tuple[str, ...]:
    """Return the metrics of the values that `train_step` returns."""
    names = ("loss/discriminator", "loss/generator", "discriminator/real", "discriminator/fake")
    return (*names, "loss/penalty") if has_penalty(loss) else names


def train_step(training: Training, real_u8: tf.Tensor) -> tf.Tensor:
    """Do one optimizer step on `real_u8`, and return the measured values of `name_measured`.

    `real_u8` has shape (steps * batch, height, width, channels): a batch for each of the
    train.discriminator_steps, of which the means are returned.
    """
    step = training.step.assign_add(1)
    train = training.train
    shape = (train.discriminator_steps, train.batch_size, *real_u8.shape[1:])
    batches = tf.reshape(real_u8, shape)
    loss, real, fake, *penalty = tf.unstack(_train_discriminator(training, batches, step))
    loss_generator = step_generator(training, batches[-1], step)
    gan, decay = training.gan, train.ema
    if gan.average is not None and decay is not None:
        move_average(gan.average, gan.generator, decay, step)
    return tf.stack([loss, loss_generator, real, fake, *penalty])


def _train_discriminator(training: Training, batches: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
    """Do a step of the discriminator on each batch, and return the means of what it measured."""
    count = batches.shape[0]
    if count == 1:
        return step_discriminator(training, batches[0], step)

    def run_step(number: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        measured = step_discriminator(training, batches[number], step, number)
        return number + 1, total + measured

    # A loop, since TensorFlow fails at times to order several second-order gradients ("nodes in a
    # cycle") where they are written one after another.
    width = len(name_measured(training.loss)) - 1
    _, total = tf.while_loop(
        lambda number, _: number < count,
        run_step,
        (0, tf.zeros(width)),
        parallel_iterations=1,
        maximum_iterations=count,
    )
    return total / count


def step_discriminator(
    training: Training, real_u8: tf.Tensor, step: tf.Tensor, number: tf.Tensor | None = None
) -> tf.Tensor:
    """Update the discriminator on fakes and on reals, and return what was measured.

    That is its loss without the penalty, the means of the sigmoid of the logits of the reals and
    of the fakes, and the penalty where there is one. `number` counts several in one step, from 0.
    """
    gan, train = training.gan, training.train
    draw = partial(fold, training, step=step, number=number)
    latents = draw_latents(training, draw("latents/discriminator"))
    fakes = generate(gan.generator, latents, batch_norm=train.fake_batch_norm)
    reals = _scale(real_u8, fakes.dtype)
    if gan.norms is not None:
        gan.norms.iterate()
    with tf.GradientTape() as tape:
        fake_logits, real_logits = _judge(
            training,
            [fakes, reals],
            draw("augment/discriminator"),
            draw("dropout/discriminator"),
            moves_averages=True,
        )
        loss = training.adversarial.discriminate(real_logits, fake_logits, train)
        penalty = _penalise(training, fakes, reals, draw, step)
        total = loss if penalty is None else loss + penalty
    training.discriminator_descent.minimise(total, tape)
    means = [tf.reduce_mean(tf.sigmoid(each)) for each in (real_logits, fake_logits)]
    return tf.stack([loss, *means] if penalty is None else [loss, *means, penalty])


def _penalise(
    training: Training,
    fakes: tf.Tensor,
    reals: tf.Tensor,
    draw: Callable[[str], tf.Tensor],
    step: tf.Tensor,
) -> tf.Tensor | None:
    """Return the penalty of a step of the discriminator, None for a loss without one.

    It has a pass of its own, with dropout masks of its own and the augmentations of the step: so a
    lazy penalty costs nothing in the other steps, and R1 alone needs no fakes.
    """
    if not has_penalty(training.loss):
        return None
    judge = partial(
        _judge,
        training,
        augmented=draw("augment/discriminator"),
        masks=draw("dropout/penalty"),
        moves_averages=False,
    )
    compute = partial(penalise, training.loss, judge, fakes, reals, draw("penalty/shares"))
    return penalise_lazily(training.loss, compute, step)


def step_generator(training: Training, real_u8: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
    """Update the generator, and return its loss, which may depend on reals as well."""
    gan, loss = training.gan, training.adversarial
    draw = partial(fold, training, step=step)
    latents = draw_latents(training, draw("latents/generator"))
    with tf.GradientTape() as tape:
        fakes = generate(gan.generator, latents, batch_norm=training.train.generator_batch_norm)
        groups = [fakes, _scale(real_u8, fakes.dtype)] if loss.is_paired else [fakes]
        fake_logits, *real_logits = _judge(
            training,
            groups,
            draw("augment/generator"),
            draw("dropout/generator"),
            moves_averages=False,
        )
        value = loss.generate(real_logits[0] if real_logits else None, fake_logits)
    training.generator_descent.minimise(value, tape)
    return value


def _judge(
    training: Training,
    groups: Sequence[tf.Tensor],
    augmented: tf.Tensor,
    masks: tf.Tensor,
    *,
    moves_averages: bool,
) -> list[tf.Tensor]:
    """Return the logits of groups of images, which all get the same augmentations.

    The groups are one batch, or with train.discriminator_batches=separate a batch each. `augmented`
    and `masks` are seeds of shape (2,).
    """
    groups = [augment(images, training.train.augment, augmented) for images in groups]
    judge = partial(discriminate, training.gan, moves_averages=moves_averages)
    if training.train.discriminator_batches == "joint":
        logits = judge(tf.concat(groups, axis=0), masks)
        return list(tf.split(logits, len(groups)))
    seeds = [tf.random.experimental.stateless_fold_in(masks, index) for index in range(len(groups))]
    return [judge(images, seed) for images, seed in zip(groups, seeds, strict=True)]


def _scale(images_u8: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Return images in 0..255 as -1 to 1."""
    return tf.cast(tf.cast(images_u8, tf.float32) / 127.5 - 1.0, dtype)


def draw_latents(training: Training, seed: tf.Tensor) -> tf.Tensor:
    """Return latents (batch, latent_dim) that follow from `seed`, shape (2,)."""
    shape = (training.train.batch_size, training.latent_dim)
    if training.train.latents == "uniform":
        return tf.random.stateless_uniform(shape, seed, -1.0, 1.0, alg="philox")
    return tf.random.stateless_normal(shape, seed, alg="philox")


def fold(
    training: Training, name: str, step: tf.Tensor, number: tf.Tensor | None = None
) -> tf.Tensor:
    """Return the seed, shape (2,), of a named stream at a step, and at a `number` within it."""
    # The stream of a step follows from its number, so there is no other state to save.
    pair = tf.constant(seed_pair(training.seed, name).astype(np.int32))
    seed = tf.random.experimental.stateless_fold_in(pair, tf.cast(step, tf.int32))
    return seed if number is None else tf.random.experimental.stateless_fold_in(seed, number)
