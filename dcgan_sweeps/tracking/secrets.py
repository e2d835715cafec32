"""The former place of `dcgan_sweeps.secrets`."""

from __future__ import annotations

from dcgan_sweeps.secrets import MASK, mask_secrets

__all__ = ["MASK", "mask_secrets"]
