"""Measures how well linear classifiers learn from features, as in the paper.

    result = measure(task, "trained discriminator", extractor, progress)
    result.accuracy, result.interval

The protocol is that of the paper's code for SVHN (Radford et al. 2015, section 5.2).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import psutil
from scipy import stats

from dcgan_sweeps.config.faults import refuse
from dcgan_sweeps.datasets.images import ImagesU8, Indices
from dcgan_sweeps.probing import svm
from dcgan_sweeps.probing.progress import Progress
from dcgan_sweeps.probing.task import Settings, Task

if TYPE_CHECKING:
    from dcgan_sweeps.probing.features import Extractor  # imports TensorFlow

NORMAL = 1.96  # standard deviations on each side of the mean, as the paper's code has it
CONFIDENCE = 0.95
Interval = tuple[float, float]


@dataclass(frozen=True)
class Result:
    """The accuracies of the classifiers that learned from one kind of features."""

    features: str  # their name in tables
    width: int
    c: float
    errors: dict[float, float]  # {C: mean error on the held-out images}
    accuracies: tuple[float, ...]  # of each draw, on the test images

    @property
    def accuracy(self) -> float:
        """The mean accuracy of the draws."""
        return float(np.mean(self.accuracies))

    @property
    def interval(self) -> Interval | None:
        """The paper's interval, for a single draw: mean +- 1.96 sd. None for one draw."""
        if len(self.accuracies) < 2:
            return None
        half = NORMAL * float(np.std(self.accuracies, ddof=1))
        return self.accuracy - half, self.accuracy + half


def find_mean_interval(values: Sequence[float]) -> Interval | None:
    """Return the 95 % confidence interval of the mean, by Student's t; None for one value."""
    if len(values) < 2:
        return None
    mean, error = float(np.mean(values)), float(np.std(values, ddof=1)) / math.sqrt(len(values))
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)) * error
    return mean - half, mean + half


def require_memory(task: Task, extractors: Sequence[Extractor]) -> None:
    """Raise RequestError if a draw would not fit into the memory that is free."""
    width = max(each.width for each in extractors)
    needed, free = svm.count_bytes(task.labels_per_draw, width), psutil.virtual_memory().available
    if needed > free:
        got = task.settings.labels_per_class
        problem = (
            f"got {'all' if got is None else got}: {task.labels_per_draw:,} images with {width:,}"
            f" features need {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free; allowed: fewer"
        )
        raise refuse("--labels-per-class", problem)


def measure(task: Task, name: str, extractor: Extractor, progress: Progress) -> Result:
    """Return the accuracies that classifiers reach with the features of an extractor."""

    def measure_errors(values: Sequence[float]) -> list[float]:
        draws = range(task.settings.selection_draws)
        if values is not svm.FIRST:
            progress.plan(len(draws))
        numbers = progress.track(draws, f"{name}: choosing C")
        classifiers = fit_draws(task, extractor, "selection", numbers, values)
        shares = svm.measure_accuracies(
            make_reader(extractor, task.train_u8, task.held_out),
            task.train_labels[task.held_out],
            task.classes,
            classifiers,
        )
        return [float(each) for each in 1 - shares.reshape(len(draws), len(values)).mean(axis=0)]

    c, errors = svm.choose_c(measure_errors)
    numbers = progress.track(range(task.settings.draws), f"{name}: learning from each draw")
    accuracies = svm.measure_accuracies(
        make_reader(extractor, task.test_u8, np.arange(len(task.test_u8))),
        task.test_labels,
        task.classes,
        fit_draws(task, extractor, "draws", numbers, [c]),
    )
    return Result(name, extractor.width, c, errors, tuple(map(float, accuracies)))


def fit_draws(
    task: Task, extractor: Extractor, stage: str, numbers: Iterable[int], values: Sequence[float]
) -> Iterator[svm.Classifier]:
    """Yield the classifiers of each draw, one for each value of C, as they are asked for."""
    for number in numbers:
        yield from _fit_draw(task, extractor, task.draw(stage, number), values)


def _fit_draw(
    task: Task, extractor: Extractor, rows: Indices, values: Sequence[float]
) -> Iterator[svm.Classifier]:
    # A function of its own, so that the features of a draw are freed before those of the next.
    features = read_rows(extractor, task.train_u8, rows)
    problem = svm.make_problem(features, task.train_labels[rows])
    for c in values:
        yield problem.fit(c)


def read_rows(extractor: Extractor, images_u8: ImagesU8, rows: Indices) -> svm.Features:
    """Return the features (n, width) of some images, read a few at a time."""
    features = np.empty((len(rows), extractor.width))
    read = make_reader(extractor, images_u8, rows)
    for start in range(0, len(rows), svm.READ):
        part = slice(start, start + svm.READ)
        features[part] = read(part)
    return features


def make_reader(extractor: Extractor, images_u8: ImagesU8, rows: Indices) -> svm.Read:
    """Return the function that reads the features of a slice of `rows`."""
    return lambda part: extractor.read(images_u8[rows[part]])


def count_steps(settings: Settings) -> int:
    """Return the number of draws that `measure` learns from, if the search for C is not widened."""
    return settings.selection_draws + settings.draws
