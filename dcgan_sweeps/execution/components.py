"""Builds the components of a run, and checks them on this machine.

components = prepare(config, config.runner, console)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcgan_sweeps.config.faults import Conflict, RequestError, refuse
from dcgan_sweeps.config.parts import find_part
from dcgan_sweeps.config.schema import Config, Model, Runner
from dcgan_sweeps.datasets.batches import count_images
from dcgan_sweeps.paths import shorten_home
from dcgan_sweeps.terminal import make_say

if TYPE_CHECKING:
    from rich.console import Console

    from dcgan_sweeps.datasets.images import Images, Indices
    from dcgan_sweeps.device import Device
    from dcgan_sweeps.gan.networks import Gan
    from dcgan_sweeps.scoring.fcd import Scorer


@dataclass(frozen=True)
class Components:
    """The device, the data, the networks and the scorer of one run."""

    config: Config
    device: Device
    images: Images
    train_rows: Indices  # of the training images, those that this run trains on
    gan: Gan
    scorer: Scorer | None

    @property
    def steps_per_epoch(self) -> int:
        """The optimizer steps of one epoch, without images that do not fill a step."""
        return len(self.train_rows) // count_images(self.config.train)


def prepare(config: Config, runner: Runner, console: Console) -> Components:
    """Set up the device, load and check the data, and build the networks and the scorer.

    `runner` is that of the configuration, or holds the choices that an earlier run made on its
    machine. Raises RequestError for what this machine cannot do.
    """
    # This imports TensorFlow, which must not be imported before.
    from dcgan_sweeps.device import set_up_device

    device = set_up_device(runner)
    say = make_say(console)
    say(device.describe())

    from dcgan_sweeps.datasets.loading import load_images
    from dcgan_sweeps.gan.networks import build_gan
    from dcgan_sweeps.scoring.fcd import prepare_scorer
    from dcgan_sweeps.scoring.trained_on import require_fitting

    images = load_images(config.data, say)
    train_rows = choose_rows(config, images)
    say(f"data: {len(train_rows):,} images of {images.name} ({shorten_home(images.source)})")
    require_shape(config.model, images)
    require_fitting(config.score, config.data, images)
    averaged = config.train.ema is not None
    gan = build_gan(
        config.model,
        images.shape,
        config.seed,
        device.precision,
        averaged=averaged,
        latents=config.train.latents,
    )
    scorer = prepare_scorer(config.score, images) if config.score.name == "fcd" else None
    return Components(config, device, images, train_rows, gan, scorer)


def choose_rows(config: Config, images: Images) -> Indices:
    """Return the rows of the training images of a run; raises RequestError for too few."""
    from dcgan_sweeps.datasets.images import choose_subset

    rows = choose_subset(len(images.train_u8), config.data.limit, config.seed)
    if len(rows) < count_images(config.train):
        problem = f"got {config.train.batch_size}; allowed: at most the {len(rows):,} images"
        if config.train.discriminator_steps > 1:
            problem += f" with train.discriminator_steps={config.train.discriminator_steps} of them"
        raise RequestError([Conflict("train.batch_size", problem)])
    return rows


def require_shape(model: Model, images: Images) -> None:
    """Raise RequestError where the networks cannot be built for these images."""
    allowed = find_part("model", model.name).images
    if allowed is not None and images.shape not in allowed:
        height, width, _ = images.shape
        problem = (
            f"got {model.name}, for images with {allowed.words}; "
            f"data={images.name} has images of {height}x{width}"
        )
        raise refuse("model", problem)
