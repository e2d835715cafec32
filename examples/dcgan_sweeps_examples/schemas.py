"""The keys of each part. This file imports no TensorFlow, so commands start fast."""

from __future__ import annotations

from dataclasses import dataclass

from dcgan_sweeps.parts import Data, Dcgan28, Loss, Part, number


@dataclass(frozen=True)
class Deep28(Dcgan28):
    extra_layers: int = number(0, 8)


@dataclass(frozen=True)
class Digits(Data):
    enlarge: int = number(1, 8)


@dataclass(frozen=True)
class Pearson(Loss):
    fake: float = number(-10, 10)
    real: float = number(-10, 10)
    goal: float = number(-10, 10)


DEEP28 = Part(Deep28, "dcgan_sweeps_examples.deep28:build")
DIGITS = Part(Digits, "dcgan_sweeps_examples.digits:load")
PEARSON = Part(Pearson, "dcgan_sweeps_examples.pearson:build")
