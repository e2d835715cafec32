"""Trains and tracks a scoring classifier: `python -m dcgan_sweeps.score.classifier [key=value]`."""

from __future__ import annotations

import dataclasses
import shlex
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from dcgan_sweeps.command import (
    FAILURE,
    INTERRUPTED,
    OK,
    Request,
    WorkFailed,
    describe_refusal,
    run_command,
)
from dcgan_sweeps.composition.grammar import quote
from dcgan_sweeps.config.flat import flatten_nested
from dcgan_sweeps.config.schema import ClassifierConfig, Data
from dcgan_sweeps.datasets.images import Images, describe_shape
from dcgan_sweeps.datasets.loading import load_images
from dcgan_sweeps.datasets.overrides import choose_overrides
from dcgan_sweeps.device import set_up_device
from dcgan_sweeps.terminal import format_duration, make_console, make_say, print_facts
from dcgan_sweeps.tracking.delivery import Delivery, require_tracker
from dcgan_sweeps.tracking.outcome import Outcome
from dcgan_sweeps.tracking.recorder import Recorder, open_recorder

if TYPE_CHECKING:
    from dcgan_sweeps.scoring.classifier.training import Labelled

READ_BATCH = 500


def main() -> int:
    return run_command("classifier", train)


def train(request: Request) -> int:
    """Train a classifier as a tracked run, and return the exit status."""
    config: ClassifierConfig = request.config
    console = make_console()
    say = make_say(console)
    runner = dataclasses.replace(config.runner, precision="float32", jit="off")
    say(set_up_device(runner).describe())
    images = load_images(config.data, say)
    from dcgan_sweeps.scoring.classifier.training import require_labels, require_size

    labelled = require_labels(images)
    require_size(images, config)
    say(
        f"data: {len(images.train_u8):,} images of {images.name}, {describe_shape(images.shape)}, "
        f"in {labelled.classes} classes"
    )
    begin = time.perf_counter()
    require_tracker(config.tracking)
    recorder = open_recorder(
        config.tracking, "classifier", {"mlflow.source.name": "dcgan_sweeps.score.classifier"}
    )
    delivery = Delivery(recorder.folder, config.tracking)
    outcome, reason = Outcome.FAILED, ""
    try:
        nested = dataclasses.asdict(config)
        recorder.add_request(flatten_nested(nested), nested, list(request.overrides))
        delivery.open()
        facts = train_and_keep(config, images, labelled, recorder, console)
        outcome = Outcome.COMPLETE
    except KeyboardInterrupt:
        outcome, reason = Outcome.INTERRUPTED, f"at {format_duration(time.perf_counter() - begin)}"
        return INTERRUPTED
    except OSError as error:
        reason = describe_refusal(error)
        raise WorkFailed(reason) from error
    finally:
        recorder.finish(outcome, reason, delivery.cpu_s)
        delivery.flush(config.tracking.flush_timeout_s, lambda: False, say)
    folder = recorder.folder.root
    facts |= {
        "time": format_duration(time.perf_counter() - begin),
        "run": delivery.run_id or "not tracked",
        "folder": str(folder),
        "use": describe_use(config.data, folder),
    }
    print_facts(console, {**facts, **delivery.describe([recorder.folder], str(folder))})
    for failure in recorder.failures:
        say(f"not written: {failure}")
    return FAILURE if recorder.failures else OK


def train_and_keep(
    config: ClassifierConfig,
    images: Images,
    labelled: Labelled,
    recorder: Recorder,
    console: Console,
) -> dict[str, str]:
    """Train, write the three files of a classifier, and return the facts to print at the end."""
    from dcgan_sweeps.scoring.classifier import training
    from dcgan_sweeps.scoring.classifier.network import decode_weights, encode_weights
    from dcgan_sweeps.scoring.identity import WEIGHTS_FILE
    from dcgan_sweeps.scoring.reference import REFERENCE_FILE, encode_reference, measure_reference
    from dcgan_sweeps.scoring.trained_on import DATA_FILE, encode_trained_on

    begin = time.perf_counter()
    model = training.build_for(config, images.shape, labelled.classes)
    for epoch in training.train_classifier(model, images, labelled, config):
        metrics = {
            "loss": epoch.loss,
            "accuracy/train": epoch.train_accuracy,
            "accuracy/test": epoch.test_accuracy,
        }
        recorder.add_scores(epoch.number, metrics)
        wall_s = time.perf_counter() - begin
        console.print(show_epoch(epoch.number, config.epochs, metrics, wall_s))
    content = encode_weights(model)
    classifier = decode_weights(content, images.shape)
    accuracy = training.measure_accuracy(classifier, images, labelled.test, READ_BATCH)
    reference = measure_reference(classifier, images, READ_BATCH)
    recorder.add_scores(config.epochs, {"accuracy/stored": accuracy})
    recorder.add_file(WEIGHTS_FILE, content)
    encoded = encode_reference(reference, classifier.sha256, images.digest)
    recorder.add_file(REFERENCE_FILE, encoded)
    recorder.add_file(DATA_FILE, encode_trained_on(images))
    return {
        "accuracy": f"{accuracy:.4f} on {len(images.test_u8):,} test images, with stored weights",
        "sha256": classifier.sha256,
        "size": f"{len(content):,} bytes",
        "floor": f"{reference.floor:.4f}, the fcd of real images",
    }


def describe_use(data: Data, folder: Path) -> str:
    """Return the command of a run that is scored by the classifier in `folder`."""
    classifier = f"score.classifier={quote(str(folder))}"
    return shlex.join(["python", "-m", "dcgan_sweeps.run", *choose_overrides(data), classifier])


def show_epoch(number: int, epochs: int, metrics: Mapping[str, float], wall_s: float) -> str:
    """Return the line of an epoch, with the remaining time as estimated after `wall_s`."""
    shown = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())
    left = format_duration(wall_s / number * (epochs - number))
    return f"epoch {number:>2}/{epochs}  {shown}  {left} left"


if __name__ == "__main__":
    sys.exit(main())
