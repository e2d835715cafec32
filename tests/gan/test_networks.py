from __future__ import annotations

import numpy as np
import pytest

from dcgan_sweeps.config.compose import compose
from dcgan_sweeps.config.schema import Config
from dcgan_sweeps.gan.networks import (
    LayerRow,
    build_gan,
    count_parameters,
    read_generator,
    tabulate_layers,
)
from dcgan_sweeps.gan.state import hash_weights
from dcgan_sweeps.randomness import LatentSpace

DCGAN28 = compose("config", [], Config).model


def test_the_generator_is_the_documented_one():
    generator = build_gan(DCGAN28, (28, 28, 1), 0, "float32").generator
    assert tabulate_layers(generator) == [
        LayerRow("Dense", (6272,), 633_472),
        LayerRow("Reshape", (7, 7, 128), 0),
        LayerRow("BatchNormalization", (7, 7, 128), 512),
        LayerRow("Conv2DTranspose", (14, 14, 64), 204_864),
        LayerRow("BatchNormalization", (14, 14, 64), 256),
        LayerRow("Conv2DTranspose", (28, 28, 1), 1_601),
    ]
    assert generator.count_params() == 840_705
    assert count_parameters(generator) == (840_321, 384)


def test_the_discriminator_is_the_documented_one():
    discriminator = build_gan(DCGAN28, (28, 28, 1), 0, "float32").discriminator
    assert tabulate_layers(discriminator) == [
        LayerRow("Conv2D", (14, 14, 64), 1_664),
        LayerRow("LeakyReLU", (14, 14, 64), 0),
        LayerRow("Dropout", (14, 14, 64), 0),
        LayerRow("Conv2D", (7, 7, 128), 204_928),
        LayerRow("LeakyReLU", (7, 7, 128), 0),
        LayerRow("Dropout", (7, 7, 128), 0),
        LayerRow("Flatten", (6272,), 0),
        LayerRow("Dense", (1,), 6_273),
    ]
    assert count_parameters(discriminator) == (212_865, 0)


def test_the_documented_activations_and_rates_are_there():
    gan = build_gan(DCGAN28, (28, 28, 1), 0, "float32")
    upsample, last = gan.generator.layers[3], gan.generator.layers[5]
    assert (upsample.activation.__name__, last.activation.__name__) == ("selu", "tanh")
    assert [layer.rate for layer in gan.discriminator.layers if hasattr(layer, "rate")] == [0.3] * 2
    assert gan.discriminator.layers[1].negative_slope == 0.2
    assert gan.discriminator.layers[-1].activation.__name__ == "sigmoid"


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (64, 64, 3), (16, 24, 1)])
def test_both_networks_have_the_shape_of_the_images(tiny, shape):
    gan = build_gan(tiny.model, shape, 0, "float32")
    assert gan.generator.output_shape == (None, *shape)
    assert gan.discriminator.input_shape == (None, *shape)
    assert gan.generator.layers[1].output.shape[1:3] == (shape[0] // 4, shape[1] // 4)


def test_every_switch_of_the_model_reaches_the_networks():
    words = [
        "model.latent_dim=7",
        "model.kernel_size=3",
        "model.generator_filters=[6,5]",
        "model.discriminator_filters=[3,2]",
        "model.generator_activation=relu",
        "model.dropout=0.5",
    ]
    gan = build_gan(compose("config", words, Config).model, (28, 28, 1), 0, "float32")
    assert gan.generator.input_shape == (None, 7)
    assert [tuple(w.shape) for w in gan.generator.layers[3].weights] == [(3, 3, 5, 6), (5,)]
    assert gan.generator.layers[3].activation.__name__ == "relu"
    assert [tuple(w.shape) for w in gan.discriminator.layers[3].weights] == [(3, 3, 3, 2), (2,)]
    assert gan.discriminator.layers[2].rate == 0.5


@pytest.mark.parametrize("kind", ["normal", "uniform"])
def test_the_file_of_a_generator_tells_its_latents(kind, tiny, tmp_path):
    generator = build_gan(tiny.model, (28, 28, 1), 0, "float32", latents=kind).generator
    generator.save(tmp_path / "model.keras")
    assert read_generator(tmp_path / "model.keras").latents == LatentSpace(16, kind)


def test_weights_follow_the_seed(tiny):
    first, again, other = (
        build_gan(tiny.model, (28, 28, 1), seed, "float32") for seed in (0, 0, 1)
    )
    for a, b in zip(first.generator.get_weights(), again.generator.get_weights(), strict=True):
        assert np.array_equal(a, b)
    kernels = (first.generator.get_weights()[0], other.generator.get_weights()[0])
    assert not np.array_equal(*kernels)


def test_the_weights_of_grey_28x28_images_are_those_of_earlier_versions(tiny):
    digest = hash_weights(build_gan(tiny.model, (28, 28, 1), 0, "float32"))
    assert digest == "af223de06a1dacb09042ea57ad6ff6a77a5ca45eb525493877057d8bf3add02b"
