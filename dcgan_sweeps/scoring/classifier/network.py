"""The scoring classifier, a small network; the score compares its features.

classifier = load_classifier(None)
features, logits = classifier.read(images_u8, batch_size=500)
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from keras import layers

from dcgan_sweeps.datasets.images import Shape
from dcgan_sweeps.scoring.identity import decode_arrays, naming_damage, read_weights
from dcgan_sweeps.scoring.trained_on import read_shape


@dataclass(frozen=True)
class Classifier:
    """A trained network, and the SHA-256 of its file."""

    infer: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
    sha256: str

    def read(
        self, images_u8: npt.NDArray[np.uint8], batch_size: int
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return features (n, d) and logits (n, classes) of images (n, h, w, c) in 0..255."""
        outputs = [
            self.infer(tf.constant(images_u8[start : start + batch_size]))
            for start in range(0, len(images_u8), batch_size)
        ]
        features, logits = zip(*outputs, strict=True)
        return np.concatenate(features), np.concatenate(logits)


def scale(images_u8: tf.Tensor) -> tf.Tensor:
    """Return images in 0..255 as float32 from -1 to 1, as PREPROCESSING states."""
    return tf.cast(images_u8, tf.float32) / 127.5 - 1.0


def build_classifier(
    shape: Shape, classes: int, filters: list[int], hidden: int, dropout: float, seed: int
) -> keras.Model:
    """Return the network, which maps images (n, *shape) from -1 to 1 to (features, logits).

    The features are the spatial means of the last convolution, as in Inception's last pooling
    layer, divided by their root mean square. docs/score.md says why.
    """
    inputs = keras.Input(shape)
    outputs = inputs
    for index, count in enumerate(filters):
        if index > 0:
            outputs = layers.MaxPooling2D()(outputs)
        outputs = layers.Conv2D(
            count, 3, padding="same", activation="relu", kernel_initializer=_glorot(seed + index)
        )(outputs)
    means = layers.UnitNormalization()(layers.GlobalAveragePooling2D()(outputs))
    features = layers.Rescaling(filters[-1] ** 0.5)(means)
    outputs = layers.Dropout(dropout, seed=seed)(layers.Flatten()(outputs))
    outputs = layers.Dense(hidden, activation="relu", kernel_initializer=_glorot(seed + 10))(
        outputs
    )
    logits = layers.Dense(classes, kernel_initializer=_glorot(seed + 11))(
        layers.Dropout(dropout, seed=seed + 1)(outputs)
    )
    return keras.Model(inputs, [features, logits], name="classifier")


def _glorot(seed: int) -> keras.Initializer:
    return keras.initializers.GlorotUniform(seed=seed)


def encode_weights(model: keras.Model) -> bytes:
    """Return the weights as an npz of float16 arrays, in the model's order; deterministic."""
    file = io.BytesIO()
    arrays = {f"{i:02d}": each.astype(np.float16) for i, each in enumerate(model.get_weights())}
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def decode_weights(content: bytes, shape: Shape) -> Classifier:
    """Return the classifier of images of `shape` in an npz of weights.

    The sizes of its layers follow from the weights, and nothing is unpickled. Raises one of
    DAMAGED where the weights are not those of such a classifier.
    """
    weights = decode_arrays(content)
    filters = [each.shape[3] for each in weights if each.ndim == 4]
    kernels = [each for each in weights if each.ndim == 2]
    hidden, classes = (kernel.shape[1] for kernel in kernels)
    model = build_classifier(shape, classes, filters, hidden, dropout=0.0, seed=0)
    model.set_weights(weights)
    infer = tf.function(lambda images_u8: model(scale(images_u8), training=False), autograph=False)
    return Classifier(infer, hashlib.sha256(content).hexdigest())


def load_classifier(folder: str | None) -> Classifier:
    """Return the classifier in `folder`, or the shipped one for None.

    Its file is `classifier.npz`, as `python -m dcgan_sweeps.score.classifier` writes it. Raises
    RequestError that names a file that cannot be loaded.
    """
    content, shape = read_weights(folder), read_shape(folder)
    with naming_damage(folder):
        return decode_weights(content, shape)
