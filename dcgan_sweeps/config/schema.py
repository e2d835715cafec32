"""Typed schemas of all configurations, with the allowed values of each field.

Default values are in conf/ only; a field here states its type and its allowed values.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

from dcgan_sweeps.config.fields import (
    anything,
    auto_or_count,
    list_of,
    names_of,
    number,
    one_of,
    some_text,
)
from dcgan_sweeps.randomness import LATENTS

# A larger number is a typing error: each limit is far above any training so far.
MOST_EPOCHS = 1_000_000
MOST_IMAGES = 10_000_000
MINUTES_A_YEAR = 527_040

# Keys that earlier versions did not have, with the values that stand for their behaviour: logged
# configurations and the files of studies of these versions lack them.
ADDED = {
    "data.size": None,
    "data.channels": None,
    "train.ema": None,
    "tracking.keep_checkpoints": 2,
    "model.spectral_norm": False,
    "loss.name": "bce",
    "loss.r1": None,
    "loss.r2": None,
    "loss.penalty_every": 1,
    "train.label_smoothing": 0.0,
    "train.discriminator_steps": 1,
    "train.discriminator_batches": "joint",
    "train.latents": "normal",
    "train.augment": None,
}

# Optional[...] and list[...] are written in the form that OmegaConf understands.


@dataclass(frozen=True)
class Data:
    """The keys of every data set; a part of the group `data` adds its own."""

    name: str = some_text()
    dir: Optional[str] = some_text()
    limit: Optional[int] = number(1, MOST_IMAGES)
    shuffle_buffer: Optional[int] = number(1, MOST_IMAGES)


@dataclass(frozen=True)
class BuiltInData(Data):
    count: Optional[int] = number(100, MOST_IMAGES)
    size: Optional[int] = number(8, 1024)
    channels: Optional[int] = one_of(1, 3)


@dataclass(frozen=True)
class Model:
    """The keys of every model; a part of the group `model` adds its own."""

    name: str = some_text()
    latent_dim: int = number(1, 65_536)
    spectral_norm: bool = anything()


@dataclass(frozen=True)
class Dcgan28(Model):
    dropout: float = number(0, 0.95)
    kernel_size: int = number(1, 28)
    generator_filters: list[int] = list_of(1, 65_536, 2, 2)
    discriminator_filters: list[int] = list_of(1, 65_536, 2, 2)
    generator_activation: str = one_of("relu", "leaky_relu", "elu", "selu", "gelu", "silu")
    leaky_slope: float = number(0, 1)
    batch_norm_momentum: float = number(0, 1)
    batch_norm_epsilon: float = number(0, 1, low_open=True)


@dataclass(frozen=True)
class Dcgan64(Model):
    filters: int = number(1, 4096)
    leaky_slope: float = number(0, 1)
    batch_norm_momentum: float = number(0, 1)
    batch_norm_epsilon: float = number(0, 1, low_open=True)


@dataclass(frozen=True)
class Loss:
    """The keys of every loss; a part of the group `loss` adds its own."""

    name: str = some_text()
    r1: Optional[float] = number(0, 1_000_000, low_open=True)
    r2: Optional[float] = number(0, 1_000_000, low_open=True)
    penalty_every: int = number(1, 10_000)


@dataclass(frozen=True)
class WganGp(Loss):
    gradient_penalty: float = number(0, 1_000_000, low_open=True)


@dataclass(frozen=True)
class Optimizer:
    """The keys of every optimizer; a part of the group `optimizer` adds its own."""

    name: str = some_text()
    lr: float = number(0, 1, low_open=True)
    lr_discriminator: Optional[float] = number(0, 1, low_open=True)


@dataclass(frozen=True)
class Adam(Optimizer):
    beta_1: float = number(0, 0.9999)
    beta_2: float = number(0, 0.999999)
    epsilon: float = number(0, 1, low_open=True)


@dataclass(frozen=True)
class AdamW(Adam):
    weight_decay: float = number(0, 1)


@dataclass(frozen=True)
class RmsProp(Optimizer):
    rho: float = number(0, 0.999999)
    momentum: float = number(0, 0.9999)
    epsilon: float = number(0, 1, low_open=True)


@dataclass(frozen=True)
class Sgd(Optimizer):
    momentum: float = number(0, 0.9999)
    nesterov: bool = anything()


@dataclass(frozen=True)
class Train:
    epochs: int = number(0, MOST_EPOCHS)
    batch_size: int = number(2, 1_000_000)
    steps_per_call: int = number(1, 1_000_000)
    checkpoint_every: Optional[int] = number(1, MOST_EPOCHS)
    fake_batch_norm: str = one_of("inference", "batch")
    generator_batch_norm: str = one_of("inference", "batch")
    discriminator_loss: str = one_of("mean", "sum")
    ema: Optional[float] = number(0, 0.999999, low_open=True)
    label_smoothing: float = number(0, 0.5)
    discriminator_steps: int = number(1, 100)
    discriminator_batches: str = one_of("joint", "separate")
    latents: str = one_of(*LATENTS)
    augment: Optional[list[str]] = names_of("translation", "cutout")


@dataclass(frozen=True)
class Score:
    name: str = one_of("fcd", "none")
    every: int = number(1, MOST_EPOCHS)
    count: int = number(2, MOST_IMAGES)
    batch_size: int = number(1, 65_536)
    seed: int = number(0, 2**32 - 1)
    classifier: Optional[str] = some_text()
    extra_metrics: str = one_of("last", "every", "never")
    extrapolate: bool = anything()


@dataclass(frozen=True)
class Runner:
    device: str = one_of("auto", "cpu", "gpu")
    precision: str = one_of("auto", "float32", "mixed_bfloat16", "mixed_float16")
    jit: str = one_of("auto", "on", "off")
    threads: Optional[int] = number(1, 4096)
    deterministic: bool = anything()
    gpu_memory_mib: Optional[int] = number(256, 1_048_576)  # a TiB
    slots: str = auto_or_count()
    slots_per_gpu: int = number(1, 64)
    trial_timeout_min: Optional[float] = number(0, MINUTES_A_YEAR, low_open=True)


@dataclass(frozen=True)
class Tracking:
    name: str = one_of("mlflow", "none")
    uri: Optional[str] = some_text()
    dir: str = some_text()
    experiment: str = some_text()
    run_name: Optional[str] = some_text()
    offline: bool = anything()
    flush_timeout_s: float = number(0, 86_400)
    log_every: int = number(1, 1_000_000)
    system_metrics_s: float = number(0, 3600)
    keep_checkpoints: Optional[int] = number(2, MOST_EPOCHS)
    sample_rows: int = number(1, 32)
    sample_columns: int = number(1, 32)
    gif_frame_s: float = number(0.02, 60)
    gif_last_s: float = number(0.02, 60)


@dataclass(frozen=True)
class Config:
    """The configuration of a training run."""

    data: Data = field(default_factory=Data)
    model: Model = field(default_factory=Model)
    loss: Loss = field(default_factory=Loss)
    optimizer: Optimizer = field(default_factory=Optimizer)
    train: Train = field(default_factory=Train)
    score: Score = field(default_factory=Score)
    runner: Runner = field(default_factory=Runner)
    tracking: Tracking = field(default_factory=Tracking)
    seed: int = number(0, 2**32 - 1)
    resume: Optional[str] = some_text()


@dataclass(frozen=True)
class ClassifierConfig:
    """The configuration of training a scoring classifier."""

    data: Data = field(default_factory=Data)
    runner: Runner = field(default_factory=Runner)
    tracking: Tracking = field(default_factory=Tracking)
    seed: int = number(0, 2**32 - 1)
    epochs: int = number(1, MOST_EPOCHS)
    batch_size: int = number(2, 1_000_000)
    learning_rate: float = number(0, 1, low_open=True)
    weight_decay: float = number(0, 1)
    dropout: float = number(0, 0.95)
    filters: list[int] = list_of(1, 65_536, 1, 5)  # the sides are halved between two of them
    hidden: int = number(2, 4096)
    flip: bool = anything()
    distort: bool = anything()
