"""Measures the memory of a probe of a large discriminator: `python -m benchmarks.probing`.

The discriminator has the size of the paper's for images of 64x64x3: four convolutions, 128 to 1024
wide, and 30,720 features. Classifiers learn from draws of 1,000 images, and as many of them are
evaluated together as a probe of 100 draws has.
"""

from __future__ import annotations

import argparse
import resource
import time

import keras
import numpy as np
from keras import layers

from dcgan_sweeps.datasets.images import Images
from dcgan_sweeps.probing.features import make_extractor
from dcgan_sweeps.probing.protocol import fit_draws, make_reader, require_memory
from dcgan_sweeps.probing.svm import measure_accuracies
from dcgan_sweeps.probing.task import Settings, make_task
from dcgan_sweeps.tracking.provenance import describe_machine

WIDTHS = (128, 256, 512, 1024)
CLASSES, LABELS_PER_CLASS, CLASSIFIERS = 10, 100, 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, prog="benchmarks.probing")
    parser.add_argument("--draws", type=int, default=2, help="draws that are read")
    parser.add_argument("--test", type=int, default=1000, help="test images that are read")
    options = parser.parse_args()
    machine = describe_machine()
    print(f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB")
    images = draw_images(1800, options.test)
    task = make_task(images, Settings(LABELS_PER_CLASS, options.draws))
    extractor = make_extractor(build_discriminator())
    require_memory(task, [extractor])
    print(f"{extractor.width:,} features; before the probe {read_peak_gb():.2f} GB")
    begin = time.perf_counter()
    values = [float(c) for c in np.logspace(-4, -2, CLASSIFIERS // options.draws)]
    classifiers = fit_draws(task, extractor, "draws", range(options.draws), values)
    read = make_reader(extractor, task.test_u8, np.arange(options.test))
    accuracies = measure_accuracies(read, task.test_labels, task.classes, classifiers)
    took_s = time.perf_counter() - begin
    print(f"{len(accuracies)} classifiers in {took_s:.0f} s; peak {read_peak_gb():.2f} GB")


def draw_images(train: int, test: int) -> Images:
    """Return images (n, 64, 64, 3) of noise, with labels (n,)."""
    random = np.random.default_rng(0)
    shapes = ((count, 64, 64, 3) for count in (train, test))
    train_u8, test_u8 = (random.integers(256, size=shape, dtype=np.uint8) for shape in shapes)
    labels = [(np.arange(count) % CLASSES).astype(np.uint8) for count in (train, test)]
    return Images("noise", "drawn", train_u8, labels[0], test_u8, labels[1])


def build_discriminator() -> keras.Sequential:
    """Return a discriminator of images of 64x64x3, as the paper's."""
    body = [
        layer
        for width in WIDTHS
        for layer in (
            layers.Conv2D(width, 5, strides=2, padding="same"),
            layers.BatchNormalization(),
            layers.LeakyReLU(negative_slope=0.2),
        )
    ]
    return keras.Sequential([keras.Input((64, 64, 3)), *body, layers.Flatten(), layers.Dense(1)])


def read_peak_gb() -> float:
    """Return the most memory that this process has had resident, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


if __name__ == "__main__":
    main()
