"""Compares the speed of the documented training loop with that of ours: `make bench`.

Both loops train the documented networks on the same images with the same batch size, in turns in
one process. The first turn of each loop includes compilation and is not counted.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

from dcgan_sweeps.config.compose import compose
from dcgan_sweeps.config.schema import Config
from dcgan_sweeps.datasets.batches import draw_batches
from dcgan_sweeps.datasets.loading import load_images
from dcgan_sweeps.device import set_up_device
from dcgan_sweeps.randomness import stream
from dcgan_sweeps.tracking.provenance import describe_machine

Turn = Callable[[int], None]


def main() -> None:
    parser = argparse.ArgumentParser("benchmarks.training", description=__doc__)
    parser.add_argument("--turns", type=int, default=5, help="counted turns of each loop (5)")
    parser.add_argument("--steps", type=int, default=100, help="optimizer steps a turn (100)")
    options = parser.parse_args()
    config = compose("config", ["train.epochs=1000000"], Config)
    print(set_up_device(config.runner).describe())
    machine = describe_machine()
    print(f"{machine['cpu']}, {machine['cores']} cores")
    images_u8 = load_images(config.data, print).train_u8[:6400]
    loops = {
        "document": with_folding(make_document_loop(config, images_u8)),
        "ours": make_loop(config, images_u8),
    }
    speeds: dict[str, list[float]] = {name: [] for name in loops}
    for turn in range(options.turns + 1):
        for name, loop in loops.items():
            begin = time.perf_counter()
            loop(options.steps)
            if turn > 0:
                wall_s = time.perf_counter() - begin
                speeds[name].append(options.steps * config.train.batch_size / wall_s)
    for name, values in speeds.items():
        median = statistics.median(values)
        print(f"{name:<9} {median:5.0f} images/s, from {min(values):.0f} to {max(values):.0f}")
    ratios = [a / b for a, b in zip(speeds["ours"], speeds["document"], strict=True)]
    print(
        f"ratio     {statistics.median(ratios):5.2f}, turn by turn from {min(ratios):.2f} "
        f"to {max(ratios):.2f}"
    )


def with_folding(loop: Turn) -> Turn:
    """Return a loop with constant folding, the TensorFlow graph rewrite that we switch off."""
    import tensorflow as tf

    def turn(steps: int) -> None:
        tf.config.optimizer.set_experimental_options({"constant_folding": True})
        loop(steps)
        tf.config.optimizer.set_experimental_options({"constant_folding": False})

    return turn


def make_document_loop(config: Config, images_u8) -> Turn:
    """Return the documented loop: train_on_batch on both networks in turn, with tf.data."""
    import keras
    import tensorflow as tf

    from dcgan_sweeps.gan.networks import build_gan

    gan = build_gan(config.model, images_u8.shape[1:], 0, "float32")
    generator, discriminator = gan.generator, gan.discriminator
    discriminator.compile(loss="binary_crossentropy", optimizer="adam")
    discriminator.trainable = False
    joined = keras.Sequential([generator, discriminator])
    joined.compile(loss="binary_crossentropy", optimizer="adam")
    batch, latent_dim = config.train.batch_size, config.model.latent_dim
    scaled = images_u8.astype("float32") / 127.5 - 1.0
    data = tf.data.Dataset.from_tensor_slices(scaled).shuffle(1000).repeat()
    batches = iter(data.batch(batch, drop_remainder=True).prefetch(1))
    both = tf.constant([[0.0]] * batch + [[1.0]] * batch)
    real = tf.constant([[1.0]] * batch)

    def turn(steps: int) -> None:
        for _ in range(steps):
            fakes = generator(tf.random.normal((batch, latent_dim)))
            images = tf.concat([fakes, next(batches)], axis=0)
            discriminator.trainable = True
            discriminator.train_on_batch(images, both)
            discriminator.trainable = False
            joined.train_on_batch(tf.random.normal((batch, latent_dim)), real)

    return turn


def make_loop(config: Config, images_u8) -> Turn:
    """Return our loop: many steps in one call, on images in memory."""
    from dcgan_sweeps.gan.networks import build_gan
    from dcgan_sweeps.gan.step import prepare_training
    from dcgan_sweeps.gan.training import train

    gan = build_gan(config.model, images_u8.shape[1:], 0, "float32")
    training = prepare_training(gan, config)

    def batches(epoch: int):
        return draw_batches(len(images_u8), config.train.batch_size, None, stream(0, "b", epoch))

    blocks = (block for epoch in train(training, images_u8, batches, jit=False) for block in epoch)

    def turn(steps: int) -> None:
        for _ in range(steps // config.train.steps_per_call):
            next(blocks)

    return turn


if __name__ == "__main__":
    main()
