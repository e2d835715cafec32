"""Penalties on the gradients of the discriminator with respect to its images.

penalty = penalise(config.loss, judge, fakes, reals, seed)   # a scalar, to be added to its loss

R1 and R2: Mescheder et al. 2018, https://arxiv.org/abs/1801.04406, on real images and on fakes.
The gradient penalty of wgan_gp: Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from dcgan_sweeps.config.schema import Loss, WganGp

# From groups of images (n, height, width, channels) to the logits (n, 1) of each.
Judge = Callable[[Sequence[tf.Tensor]], Sequence[tf.Tensor]]
TINY = 1e-12  # the square root has no gradient at 0


def has_penalty(loss: Loss) -> bool:
    """Return whether a loss has a penalty."""
    return loss.r1 is not None or loss.r2 is not None or isinstance(loss, WganGp)


def penalise_lazily(loss: Loss, penalty: Callable[[], tf.Tensor], step: tf.Tensor) -> tf.Tensor:
    """Return the penalty times `penalty_every` in each such step, and 0 in the others.

    Lazy regularisation: Karras et al. 2019 (StyleGAN2), https://arxiv.org/abs/1912.04958.
    """
    every = loss.penalty_every
    if every == 1:
        return penalty()
    return tf.cond(step % every == 0, lambda: every * penalty(), lambda: tf.constant(0.0))


def penalise(
    loss: Loss, judge: Judge, fakes: tf.Tensor, reals: tf.Tensor, seed: tf.Tensor
) -> tf.Tensor:
    """Return the sum of a loss's penalties; `seed`, shape (2,), draws the shares of wgan_gp."""
    terms = []
    gammas = {"fakes": (fakes, loss.r2), "reals": (reals, loss.r1)}
    chosen = [(images, gamma) for images, gamma in gammas.values() if gamma is not None]
    if chosen:
        norms = square_gradients(judge, [images for images, _ in chosen])
        terms += [
            gamma / 2 * tf.reduce_mean(squares)
            for (_, gamma), squares in zip(chosen, norms, strict=True)
        ]
    if isinstance(loss, WganGp):
        (squares,) = square_gradients(judge, [mix(fakes, reals, seed)])
        terms.append(loss.gradient_penalty * tf.reduce_mean((tf.sqrt(squares + TINY) - 1.0) ** 2))
    return tf.add_n(terms)


def square_gradients(judge: Judge, groups: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Return for each group the squared length (n,) of the gradient of each image's logit."""
    with tf.GradientTape() as tape:
        for images in groups:
            tape.watch(images)
        total = tf.add_n([tf.reduce_sum(logits) for logits in judge(groups)])
    gradients = tape.gradient(total, list(groups))
    return [
        tf.reduce_sum(tf.cast(gradient, tf.float32) ** 2, axis=(1, 2, 3)) for gradient in gradients
    ]


def mix(fakes: tf.Tensor, reals: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Return images between a fake and a real one each, at a uniform share of its own."""
    shape = (fakes.shape[0], 1, 1, 1)
    share = tf.cast(tf.random.stateless_uniform(shape, seed, alg="philox"), fakes.dtype)
    return share * reals + (1 - share) * fakes
