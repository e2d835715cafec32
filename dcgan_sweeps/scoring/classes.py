"""Metrics of the classes that a generator draws, as the classifier predicts them.

shares = count_shares(logits)
measure_js_bits(shares, count_shares(real_logits)), count_dropped(shares)
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import jensenshannon
from scipy.special import softmax

Logits = npt.NDArray[np.floating]
Float64 = npt.NDArray[np.float64]

DROPPED_BELOW = 0.2  # of an even share of the images; of ten classes each has 0.1


def count_shares(logits: Logits) -> Float64:
    """Return the share of each class among images with logits (n, classes), shape (classes,)."""
    counts = np.bincount(logits.argmax(axis=1), minlength=logits.shape[1])
    return counts / len(logits)


def measure_js_bits(shares: Float64, others: Float64) -> float:
    """Return the Jensen-Shannon distance of two histograms, from 0 for equal to 1 for disjoint.

    It is the square root of the divergence in bits (Endres and Schindelin 2003).
    """
    return float(jensenshannon(shares, others, base=2))


def count_dropped(shares: Float64) -> int:
    """Return the number of classes that have less than DROPPED_BELOW of an even share."""
    return int((shares < DROPPED_BELOW / len(shares)).sum())


def measure_confidence(logits: Logits) -> Float64:
    """Return the probability of the predicted class, shape (n,)."""
    confidence: Float64 = softmax(logits.astype(np.float64), axis=1).max(axis=1)
    return confidence
