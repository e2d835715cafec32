"""One training step, which updates the discriminator and then the generator.

Each half updates the weights of one network, because its optimizer has only those variables.
(Keras reads `trainable` when a function is traced, so setting it would not freeze a network.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from dcgan_sweeps.config.schema import Optimizer, Train
from dcgan_sweeps.gan.adam import Adam
from dcgan_sweeps.gan.average import move_average
from dcgan_sweeps.gan.forward import discriminate, generate
from dcgan_sweeps.gan.networks import Gan
from dcgan_sweeps.randomness import seed_pair


@dataclass(frozen=True)
class Training:
    """The networks, optimizers and step of a training, and the settings that it uses."""

    gan: Gan
    generator_adam: Adam
    discriminator_adam: Adam
    step: tf.Variable  # optimizer steps done, int64
    train: Train
    latent_dim: int
    seed: int


def prepare_training(gan: Gan, train: Train, optimizer: Optimizer, seed: int) -> Training:
    """Return the training of `gan` before its first step."""
    lr_discriminator = optimizer.lr_discriminator or optimizer.lr
    scaled = gan.generator.layers[0].compute_dtype == "float16"
    return Training(
        gan,
        Adam(gan.generator.trainable_variables, optimizer, optimizer.lr, scaled=scaled),
        Adam(gan.discriminator.trainable_variables, optimizer, lr_discriminator, scaled=scaled),
        tf.Variable(0, dtype=tf.int64, name="step"),
        train,
        gan.generator.input_shape[-1],
        seed,
    )


def train_step(training: Training, real_u8: tf.Tensor) -> tf.Tensor:
    """Do one optimizer step on `real_u8`, (batch, h, w, channels), and return four measured values.

    They are the discriminator's loss, the generator's loss, and the mean probabilities that the
    discriminator gave to the reals and to the fakes.
    """
    step = training.step.assign_add(1)
    loss_discriminator, real, fake = step_discriminator(training, real_u8, step)
    loss_generator = step_generator(training, step)
    gan, decay = training.gan, training.train.ema
    if gan.average is not None and decay is not None:
        move_average(gan.average, gan.generator, decay, step)
    return tf.stack([loss_discriminator, loss_generator, real, fake])


def step_discriminator(
    training: Training, real_u8: tf.Tensor, step: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Update the discriminator on fakes (label 0) and reals (label 1) in one batch.

    Returns the loss, and the mean probabilities of the reals and of the fakes.
    """
    latents = _draw_latents(training, "latents/discriminator", step)
    fakes = generate(training.gan.generator, latents, batch_norm=training.train.fake_batch_norm)
    reals = tf.cast(tf.cast(real_u8, tf.float32) / 127.5 - 1.0, fakes.dtype)
    images = tf.concat([fakes, reals], axis=0)
    with tf.GradientTape() as tape:
        logits = discriminate(
            training.gan.discriminator, images, _fold(training, "dropout/discriminator", step)
        )
        fake_logits, real_logits = tf.split(logits, 2)
        loss = _cross_entropy(fake_logits, 0.0) + _cross_entropy(real_logits, 1.0)
        if training.train.discriminator_loss == "mean":
            loss /= 2.0
    training.discriminator_adam.minimise(loss, tape)
    return loss, tf.reduce_mean(tf.sigmoid(real_logits)), tf.reduce_mean(tf.sigmoid(fake_logits))


def step_generator(training: Training, step: tf.Tensor) -> tf.Tensor:
    """Update the generator on fakes with the label of reals; return the loss."""
    latents = _draw_latents(training, "latents/generator", step)
    with tf.GradientTape() as tape:
        fakes = generate(
            training.gan.generator, latents, batch_norm=training.train.generator_batch_norm
        )
        logits = discriminate(
            training.gan.discriminator, fakes, _fold(training, "dropout/generator", step)
        )
        loss = _cross_entropy(logits, 1.0)
    training.generator_adam.minimise(loss, tape)
    return loss


def _cross_entropy(logits: tf.Tensor, label: float) -> tf.Tensor:
    labels = tf.fill(tf.shape(logits), label)
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels, logits))


def _draw_latents(training: Training, name: str, step: tf.Tensor) -> tf.Tensor:
    shape = (training.train.batch_size, training.latent_dim)
    return tf.random.stateless_normal(shape, _fold(training, name, step), alg="philox")


def _fold(training: Training, name: str, step: tf.Tensor) -> tf.Tensor:
    # The stream of a step follows from its number, so there is no other state to save.
    pair = tf.constant(seed_pair(training.seed, name).astype(np.int32))
    return tf.random.experimental.stateless_fold_in(pair, tf.cast(step, tf.int32))
