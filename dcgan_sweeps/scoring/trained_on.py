"""The data that a scoring classifier was trained on; it can score no other data.

    require_fitting(config.score, config.data, images)   # or RequestError

This module does not import TensorFlow.
"""

from __future__ import annotations

import dataclasses
import json
import shlex
from dataclasses import dataclass

from dcgan_sweeps.config.faults import refuse
from dcgan_sweeps.config.schema import Data, Score
from dcgan_sweeps.datasets.images import Images, Shape, describe_shape
from dcgan_sweeps.datasets.overrides import choose_overrides
from dcgan_sweeps.scoring.identity import find_classifier_dir

DATA_FILE = "data.json"
TRAINING = "python -m dcgan_sweeps.score.classifier"
# The data of the shipped classifier; drawn shapes are for machines without the real data.
SHIPPED_FOR = ("fashion_mnist", "synthetic")
SHIPPED_SHAPE = (28, 28, 1)


@dataclass(frozen=True)
class TrainedOn:
    """The name, digest, shape and class names of the images that a classifier was trained on."""

    name: str
    digest: str
    shape: Shape
    class_names: tuple[str, ...]

    def describe(self) -> str:
        """Return the data in words."""
        return f"{self.name} ({describe_shape(self.shape)}, digest {self.digest[:12]})"


def describe_images(images: Images) -> TrainedOn:
    """Return the description of images that a classifier is trained on, or is to score."""
    return TrainedOn(images.name, images.digest, images.shape, images.class_names)


def encode_trained_on(images: Images) -> bytes:
    """Return the content of the file DATA_FILE, beside the weights of a classifier."""
    return json.dumps(dataclasses.asdict(describe_images(images)), indent=2).encode()


def read_trained_on(folder: str | None) -> TrainedOn | None:
    """Return the data of the classifier in `folder`; None where it does not say, as if shipped.

    Raises RequestError for a damaged file.
    """
    path = find_classifier_dir(folder) / DATA_FILE
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_bytes())
        height, width, channels = map(int, content["shape"])
        names = tuple(map(str, content["class_names"]))
        shape = (height, width, channels)
        return TrainedOn(str(content["name"]), str(content["digest"]), shape, names)
    except (OSError, ValueError, TypeError, LookupError) as error:
        problem = f"got {path}, which does not describe the data of a classifier ({error})"
        raise refuse("score.classifier", problem) from error


def read_shape(folder: str | None) -> Shape:
    """Return the shape of the images that the classifier in `folder` reads."""
    trained_on = read_trained_on(folder)
    return SHIPPED_SHAPE if trained_on is None else trained_on.shape


def require_fitting(settings: Score, data: Data, images: Images) -> None:
    """Raise RequestError where the classifier is not one for `images`."""
    if settings.name == "none":
        return
    folder = settings.classifier
    trained_on = read_trained_on(folder)
    if trained_on is None or trained_on.name in SHIPPED_FOR:
        fits = images.name in SHIPPED_FOR
    else:
        fits = trained_on.digest == images.digest and trained_on.shape == images.shape
    if fits:
        return
    if images.train_labels is None:
        problem = (
            f"got {settings.name}; data={data.name} has no labels, so no classifier can be trained "
            "for it; allowed: none"
        )
        raise refuse("score", problem)
    allowed = "null, for the shipped classifier"
    if images.name not in SHIPPED_FOR:
        allowed = (
            f"a classifier of {describe_images(images).describe()}. To train one, run "
            f"`{describe_training(data)}` and set score.classifier to the folder that it prints; "
            "or set score=none"
        )
    problem = f"got {_describe_classifier(folder, trained_on)}; allowed: {allowed}"
    raise refuse("score.classifier", problem)


def _describe_classifier(folder: str | None, trained_on: TrainedOn | None) -> str:
    if folder is None:
        return "null, the shipped classifier, which is for Fashion-MNIST"
    name = "Fashion-MNIST" if trained_on is None else trained_on.describe()
    return f"{folder}, which was trained on {name}"


def describe_training(data: Data) -> str:
    """Return the command that trains a classifier for a data set."""
    return shlex.join([*TRAINING.split(), *choose_overrides(data)])
