"""One training step, which updates the discriminator and then the generator.

Each half updates the weights of one network, because its optimizer has only those variables.
(Keras reads `trainable` when a function is traced, so setting it would not freeze a network.)
"""

from __future__ import annotations

from collections.abc import Sequence
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


@dataclass(frozen=True)
class Judgement:
    """What was measured in a step of the discriminator: scalars.

    `loss` is without the penalty; `real` and `fake` are the means of the sigmoid of the logits.
    """

    loss: tf.Tensor
    real: tf.Tensor
    fake: tf.Tensor
    penalty: tf.Tensor | None


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

    `real_u8` has shape (batches * batch, height, width, channels): one batch for each of the
    train.discriminator_steps, of which the means are returned.
    """
    step = training.step.assign_add(1)
    batches = tf.split(real_u8, training.train.discriminator_steps)
    judgements = [
        step_discriminator(training, batch, step, number) for number, batch in enumerate(batches)
    ]
    loss_generator = step_generator(training, batches[-1], step)
    gan, decay = training.gan, training.train.ema
    if gan.average is not None and decay is not None:
        move_average(gan.average, gan.generator, decay, step)
    measured = [
        _average([each.loss for each in judgements]),
        loss_generator,
        _average([each.real for each in judgements]),
        _average([each.fake for each in judgements]),
    ]
    penalties = [each.penalty for each in judgements if each.penalty is not None]
    return tf.stack([*measured, _average(penalties)] if penalties else measured)


def _average(scalars: Sequence[tf.Tensor]) -> tf.Tensor:
    return scalars[0] if len(scalars) == 1 else tf.add_n(scalars) / len(scalars)


def step_discriminator(
    training: Training, real_u8: tf.Tensor, step: tf.Tensor, number: int = 0
) -> Judgement:
    """Update the discriminator on fakes and on reals, for the `number`th time in this step."""
    gan, train = training.gan, training.train
    half = f"discriminator/{number}" if number else "discriminator"
    latents = draw_latents(training, f"latents/{half}", step)
    fakes = generate(gan.generator, latents, batch_norm=train.fake_batch_norm)
    reals = _scale(real_u8, fakes.dtype)
    if gan.norms is not None:
        gan.norms.iterate()
    with tf.GradientTape() as tape:
        fake_logits, real_logits = _judge(training, [fakes, reals], half, step, moves_averages=True)
        loss = training.adversarial.discriminate(real_logits, fake_logits, train)
        penalty = _penalise(training, fakes, reals, half, step)
        total = loss if penalty is None else loss + penalty
    training.discriminator_descent.minimise(total, tape)
    real, fake = (tf.reduce_mean(tf.sigmoid(each)) for each in (real_logits, fake_logits))
    return Judgement(loss, real, fake, penalty)


def step_generator(training: Training, real_u8: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
    """Update the generator, and return its loss, which may depend on reals as well."""
    gan, loss = training.gan, training.adversarial
    latents = draw_latents(training, "latents/generator", step)
    with tf.GradientTape() as tape:
        fakes = generate(gan.generator, latents, batch_norm=training.train.generator_batch_norm)
        groups = [fakes, _scale(real_u8, fakes.dtype)] if loss.is_paired else [fakes]
        fake_logits, *real_logits = _judge(
            training, groups, "generator", step, moves_averages=False
        )
        value = loss.generate(real_logits[0] if real_logits else None, fake_logits)
    training.generator_descent.minimise(value, tape)
    return value


def _judge(
    training: Training,
    groups: Sequence[tf.Tensor],
    half: str,
    step: tf.Tensor,
    *,
    moves_averages: bool,
    masks: str = "dropout",
) -> list[tf.Tensor]:
    """Return the logits of groups of images, which all get the same augmentations.

    The groups are one batch, or with train.discriminator_batches=separate a batch each.
    """
    draw = _fold(training, f"augment/{half}", step)
    groups = [augment(images, training.train.augment, draw) for images in groups]
    seed = _fold(training, f"{masks}/{half}", step)
    judge = partial(discriminate, training.gan, moves_averages=moves_averages)
    if training.train.discriminator_batches == "joint":
        logits = judge(tf.concat(groups, axis=0), seed)
        return list(tf.split(logits, len(groups)))
    fold = tf.random.experimental.stateless_fold_in
    return [judge(images, fold(seed, index)) for index, images in enumerate(groups)]


def _penalise(
    training: Training, fakes: tf.Tensor, reals: tf.Tensor, half: str, step: tf.Tensor
) -> tf.Tensor | None:
    """Return the penalty of a step, None for a loss without one.

    It is that of the network that is trained, with dropout, in a pass and with masks of its own:
    so a lazy penalty costs nothing in the other steps, and R1 alone needs no fakes.
    """
    if not has_penalty(training.loss):
        return None

    def judge(groups: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        return _judge(training, groups, half, step, moves_averages=False, masks="dropout/penalty")

    seed = _fold(training, f"penalty/{half}", step)
    compute = partial(penalise, training.loss, judge, fakes, reals, seed)
    return penalise_lazily(training.loss, compute, step)


def _scale(images_u8: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Return images in 0..255 as -1 to 1."""
    return tf.cast(tf.cast(images_u8, tf.float32) / 127.5 - 1.0, dtype)


def draw_latents(training: Training, name: str, step: tf.Tensor) -> tf.Tensor:
    """Return the latents (batch, latent_dim) of a named stream at a step."""
    shape, seed = (training.train.batch_size, training.latent_dim), _fold(training, name, step)
    if training.train.latents == "uniform":
        return tf.random.stateless_uniform(shape, seed, -1.0, 1.0, alg="philox")
    return tf.random.stateless_normal(shape, seed, alg="philox")


def _fold(training: Training, name: str, step: tf.Tensor) -> tf.Tensor:
    # The stream of a step follows from its number, so there is no other state to save.
    pair = tf.constant(seed_pair(training.seed, name).astype(np.int32))
    return tf.random.experimental.stateless_fold_in(pair, tf.cast(step, tf.int32))
