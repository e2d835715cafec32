"""Probes the discriminator of a logged run.

    discriminator = load_discriminator(client, target)
    record = evaluate(discriminator, images, settings, console, interrupts)

Importing this module imports TensorFlow, so the device must be set up first.
"""

from __future__ import annotations

import hashlib
import tempfile
from typing import Any

import keras
import numpy as np
import sklearn
from rich.console import Console

from dcgan_sweeps.config.faults import refuse
from dcgan_sweeps.datasets.images import Images
from dcgan_sweeps.gan.networks import read_network
from dcgan_sweeps.interrupt import Interrupts
from dcgan_sweeps.probing.features import Extractor, make_extractor, make_pixel_extractor
from dcgan_sweeps.probing.progress import Progress
from dcgan_sweeps.probing.protocol import count_steps, measure, require_memory
from dcgan_sweeps.probing.record import LABELS, PIXELS, TRAINED, UNTRAINED, Record
from dcgan_sweeps.probing.target import Target
from dcgan_sweeps.probing.task import SEED, Settings, Task, make_task
from dcgan_sweeps.runs.logged_run import download_keras_file
from dcgan_sweeps.tracking.store import Client


def load_discriminator(client: Client, target: Target) -> keras.Sequential:
    """Return the discriminator of a run; raises RequestError for one that cannot be loaded."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            return read_network(download_keras_file(client, target.discriminator, folder))
        except ValueError as error:
            problem = f"got {target.run.run_id}, whose discriminator cannot be loaded: {error}"
            raise refuse("TARGET", problem) from error


def evaluate(
    discriminator: keras.Sequential,
    images: Images,
    settings: Settings,
    console: Console,
    interrupts: Interrupts,
) -> Record:
    """Return the accuracies with three kinds of features, and print each as it is known.

    Raises RequestError for a network, a data set or settings that do not fit each other, and
    KeyboardInterrupt after a requested stop.
    """
    task = make_task(images, settings)
    extractors = make_extractors(discriminator, task)
    require_memory(task, list(extractors.values()))
    planned = len(extractors) * count_steps(settings)
    results = {}
    with Progress(planned, console, interrupts) as progress:
        for name in (TRAINED, UNTRAINED, PIXELS):  # the longest first, for the time left
            results[name] = measure(task, LABELS[name], extractors[name], progress)
            progress.say(f"{LABELS[name]}: {results[name].accuracy:.2%}{progress.describe_left()}")
    ordered = {name: results[name] for name in (PIXELS, UNTRAINED, TRAINED)}
    return Record(settings, list_facts(discriminator, images, task), ordered)


def make_extractors(discriminator: keras.Sequential, task: Task) -> dict[str, Extractor]:
    """Return the extractor of each kind of features; raises RequestError for other images."""
    shape = tuple(task.train_u8.shape[1:])
    expected = tuple(discriminator.input_shape[1:])
    if shape != expected:
        problem = f"got a discriminator for images of {expected}; the data has {shape}"
        raise refuse("TARGET", problem)
    try:
        trained = make_extractor(discriminator)
    except ValueError as error:
        raise refuse("TARGET", f"got a discriminator that cannot be probed: {error}") from error
    untrained = make_extractor(initialise(discriminator))
    return {PIXELS: make_pixel_extractor(shape), UNTRAINED: untrained, TRAINED: trained}


def initialise(network: keras.Sequential) -> keras.Sequential:
    """Return a copy of a network with its initial weights.

    Its initializers are saved with it, and have seeds.
    """
    return keras.models.clone_model(network)


def list_facts(discriminator: keras.Sequential, images: Images, task: Task) -> dict[str, Any]:
    """Return the facts, beside the settings, that the results depend on."""
    return {
        "labels_per_draw": task.labels_per_draw,
        "held_out": len(task.held_out),
        "test": len(task.test_u8),
        "selection_draws": task.settings.selection_draws,
        "seed": SEED,
        "data": {"name": images.name, "sha256": images.digest},
        "discriminator_sha256": hash_weights(discriminator),
        "versions": {
            "scikit-learn": sklearn.__version__,
            "numpy": np.__version__,
            "keras": keras.__version__,
        },
    }


def hash_weights(network: keras.Sequential) -> str:
    """Return the SHA-256 of the weights, as 64 hex digits."""
    sha256 = hashlib.sha256()
    for weights in network.get_weights():
        sha256.update(np.ascontiguousarray(weights).data)
    return sha256.hexdigest()
