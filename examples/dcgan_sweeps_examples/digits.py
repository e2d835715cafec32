"""data=digits: 1,797 handwritten digits of 8x8 pixels, which scikit-learn brings."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.datasets import load_digits

from dcgan_sweeps.datasets.images import Images, split_test
from dcgan_sweeps_examples.schemas import Digits


def load(data: Digits, say: Callable[[str], None]) -> Images:
    """Return the images, enlarged; a sixth of them are test images."""
    digits = load_digits()
    grey = np.round(digits.images * (255 / 16)).astype(np.uint8)  # from 0..16
    large = grey.repeat(data.enlarge, axis=1).repeat(data.enlarge, axis=2)[..., None]
    labels, names = digits.target.astype(np.uint8), tuple(map(str, range(10)))
    rows, test = split_test(len(large))
    return Images(
        "digits", "scikit-learn", large[rows], labels[rows], large[test], labels[test], names
    )
