"""The keys of each part. This file imports no TensorFlow, so commands start fast."""

from __future__ import annotations

from dataclasses import dataclass

from dcgan_sweeps.parts import Model, Part, number


@dataclass(frozen=True)
class Deep28(Model):
    dropout: float = number(0, 0.95)
    filters: int = number(1, 1024)
    extra_layers: int = number(0, 8)


DEEP28 = Part(Deep28, "dcgan_sweeps_examples.deep28:build")
