"""Chooses the images that a classifier learns from, and those that it is judged by.

task = make_task(images, Settings(labels_per_class=100, draws=100))
task.draw("draws", 0)   # rows of the training images: 100 of each class
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dcgan_sweeps.config.faults import refuse
from dcgan_sweeps.datasets.images import Images, ImagesU8, Indices, Labels, split_holdout
from dcgan_sweeps.randomness import stream

SEED = 0
PAPER = 100  # labels of each class, and draws
SELECTION_DRAWS = 10  # that choose C


@dataclass(frozen=True)
class Settings:
    """How many labels of each class a classifier gets, None for all, and how many draws."""

    labels_per_class: int | None
    draws: int

    @property
    def prefix(self) -> str:
        """The prefix of the metrics and the folder of the artifacts: "probe" as in the paper."""
        if self.labels_per_class is None:
            return "probe_all_labels"
        if (self.labels_per_class, self.draws) == (PAPER, PAPER):
            return "probe"
        return f"probe_{self.labels_per_class}_labels_{self.draws}_draws"

    @property
    def selection_draws(self) -> int:
        """The draws that choose C: one where each would have all labels."""
        return 1 if self.labels_per_class is None else SELECTION_DRAWS


@dataclass(frozen=True)
class Task:
    """The images (n, height, width, channels) and labels (n,) that classifiers are judged by."""

    train_u8: ImagesU8
    train_labels: Labels
    test_u8: ImagesU8
    test_labels: Labels
    classes: Labels
    pool: tuple[Indices, ...]  # of each class, the rows of the training images to draw from
    held_out: Indices  # rows of the training images that choose C, and are never drawn
    settings: Settings

    def draw(self, stage: str, number: int) -> Indices:
        """Return the rows of a draw: as many of each class; a stage has its own draws."""
        count = self.settings.labels_per_class
        if count is None:
            return np.concatenate(self.pool)
        random = stream(SEED, f"probe/{stage}", number)
        return np.concatenate([random.choice(rows, count, replace=False) for rows in self.pool])

    @property
    def labels_per_draw(self) -> int:
        """The number of images in each draw."""
        return len(self.draw("draws", 0))


def make_task(images: Images, settings: Settings) -> Task:
    """Return the task on a data set.

    Raises RequestError for images without labels, and for more labels than there are.
    """
    if images.train_labels is None or images.test_labels is None:
        raise refuse("data.name", f"got {images.name}, which has no labels to learn from")
    drawn, held_out = split_holdout(len(images.train_labels))
    labels = images.train_labels
    classes = np.unique(labels)
    pool = tuple(np.sort(drawn[labels[drawn] == each]) for each in classes)
    fewest = min(map(len, pool))
    if len(classes) < 2 or fewest == 0 or len(held_out) == 0 or len(images.test_labels) == 0:
        problem = f"got {images.name}; allowed: at least two classes with several images each"
        raise refuse("data.name", problem)
    if settings.labels_per_class is not None and settings.labels_per_class > fewest:
        rare = classes[np.argmin([len(each) for each in pool])]
        problem = (
            f"got {settings.labels_per_class}; allowed: at most {fewest}, as many as class"
            f" {rare} has without the held-out images, or all"
        )
        raise refuse("--labels-per-class", problem)
    train_u8, test_u8 = images.train_u8, images.test_u8
    return Task(train_u8, labels, test_u8, images.test_labels, classes, pool, held_out, settings)
