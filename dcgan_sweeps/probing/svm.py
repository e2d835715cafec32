"""Trains linear L2-SVMs with squared hinge loss, and measures their accuracy.

    problem = make_problem(features, labels)
    classifiers = [problem.fit(c) for c in (1e-3, 1e-2)]
    measure_accuracies(read, labels_of_others, classes, classifiers)   # (2,)

The classifiers are scikit-learn's LinearSVC, one against the rest. Where there are fewer images
than features, they are trained in the space that the images span. The dual problem, which LinearSVC
solves then, has only inner products of images, so the result is the same; time and memory are a
fraction.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.linalg
from sklearn.svm import LinearSVC

Features = npt.NDArray[np.float64]  # LinearSVC would convert any other type, and keep a copy
Weights = npt.NDArray[np.float32]
Labels = npt.NDArray[np.integer]
Read = Callable[[slice], npt.NDArray[np.float32]]  # the features of some of the images

MOST_ITERATIONS = 100_000
NEGLIGIBLE = 1e-12  # of the largest eigenvalue; directions with less are rounding errors
READ = 250  # images whose features are in memory at a time
WEIGHT_BYTES = 2**27  # of the classifiers that are evaluated at a time
FIRST = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2)  # values of C in the paper's code
MIDDLE = 1e-3
STEPS = (1, 2, 5)  # values in each further decade
SMALLEST, LARGEST = 1e-9, 1e5  # a wider search would only meet rounding errors


@dataclass(frozen=True)
class Classifier:
    """A linear classifier: the class with the largest score wins."""

    weights: Weights  # (features, classes)
    biases: Weights  # (classes,)


@dataclass(frozen=True)
class Problem:
    """Labelled images to train on; `lift` maps weights from the reduced to all features."""

    features: Features  # (n, d)
    labels: Labels  # (n,)
    reduced: Features  # (n, at most d)
    lift: Features | None  # (n, at most n): the coefficients of the images in each direction

    def fit(self, c: float) -> Classifier:
        """Return the classifier for one value of C, the weight of the errors."""
        is_dual = self.lift is not None  # as LinearSVC chooses by the shape of all features
        svm = LinearSVC(C=c, dual=is_dual, max_iter=MOST_ITERATIONS, random_state=0)
        svm.fit(self.reduced, self.labels)
        weights, biases = svm.coef_.T, svm.intercept_
        if weights.shape[1] == 1:  # of two classes, the second's alone
            weights, biases = np.hstack([-weights, weights]), np.append(-biases, biases)
        if self.lift is not None:
            weights = self.features.T @ (self.lift @ weights)
        return Classifier(weights.astype(np.float32), biases.astype(np.float32))


def make_problem(features: Features, labels: Labels) -> Problem:
    """Return the problem of learning labels (n,) from features (n, d)."""
    count, width = features.shape
    if count >= width:
        return Problem(features, labels, features, None)
    eigenvalues, directions = scipy.linalg.eigh(features @ features.T)
    kept = eigenvalues > NEGLIGIBLE * eigenvalues[-1]
    lengths = np.sqrt(eigenvalues[kept])
    reduced = np.ascontiguousarray(directions[:, kept] * lengths)
    return Problem(features, labels, reduced, directions[:, kept] / lengths)


def count_bytes(images: int, width: int) -> int:
    """Return about the memory that training on that many images with that many features needs.

    An element takes 8 bytes, and another 16 in LinearSVC.
    """
    if images >= width:
        return images * width * (8 + 16)
    return images * width * 8 + images**2 * (4 * 8 + 16)


def measure_accuracies(
    read: Read, labels: Labels, classes: Labels, classifiers: Iterable[Classifier]
) -> npt.NDArray[np.float64]:
    """Return the share of images with labels (n,) that each classifier finds the class of.

    `read` returns the features of a slice of the images. Neither all features nor all classifiers
    are in memory at once: the images are read again for each group of classifiers.
    """
    left = iter(classifiers)
    shares = [_measure_group(read, labels, classes, group) for group in _group(left)]
    return np.concatenate(shares)


def _group(left: Iterator[Classifier]) -> Iterator[list[Classifier]]:
    for first in left:
        count = max(1, WEIGHT_BYTES // first.weights.nbytes)
        yield [first, *itertools.islice(left, count - 1)]


def _measure_group(
    read: Read, labels: Labels, classes: Labels, group: Sequence[Classifier]
) -> npt.NDArray[np.float64]:
    weights = np.concatenate([each.weights for each in group], axis=1)
    biases = np.concatenate([each.biases for each in group])
    correct = np.zeros(len(group), np.int64)
    for start in range(0, len(labels), READ):
        part = slice(start, start + READ)
        scores = (read(part) @ weights + biases).reshape(-1, len(group), len(classes))
        correct += np.sum(classes[scores.argmax(axis=2)] == labels[part, None], axis=0)
    return correct / len(labels)


def choose_c(
    measure: Callable[[Sequence[float]], Sequence[float]],
) -> tuple[float, dict[float, float]]:
    """Return the C with the lowest error, and {C: error} of all that were tried.

    `measure` returns the errors of some values of C. The search begins with the values of the
    paper's code, and goes on by a decade as long as the best is the smallest or the largest.
    """
    errors = dict(zip(FIRST, measure(FIRST), strict=True))
    while more := _widen(errors):
        errors |= zip(more, measure(more), strict=True)
    return _find_best(errors), dict(sorted(errors.items()))


def _find_best(errors: dict[float, float]) -> float:
    """Return the C with the lowest error; of equals, the nearest to the middle of the paper's."""
    return min(errors, key=lambda c: (errors[c], abs(np.log10(c) - np.log10(MIDDLE))))


def _widen(errors: dict[float, float]) -> list[float]:
    """Return the values to try next: none if the best is between others, or at a limit."""
    best, low, high = _find_best(errors), min(errors), max(errors)
    power = round(np.log10(best))
    if best == low and low > SMALLEST:
        return [float(f"{step}e{power - 1}") for step in STEPS]
    if best == high and high < LARGEST:
        return [float(f"{step}e{power + (step == 1)}") for step in (2, 5, 1)]
    return []
