"""Checks the values of a configuration, each alone and together.

find_faults(config) or find_conflicts(config)  # [] where all are allowed
"""

from __future__ import annotations

import re
from typing import Any

from dcgan_sweeps.config.faults import Conflict, Fault
from dcgan_sweeps.config.fields import describe_allowed
from dcgan_sweeps.config.flat import walk
from dcgan_sweeps.config.schema import BuiltInData, ClassifierConfig, Config

Check = tuple[object, str, str]  # whether it is wrong, the key, the problem

LEAST_EXTRAPOLATED = 100  # images; with fewer, the subsets of the regression have the same size


def find_faults(config: Any, prefix: str = "") -> list[Fault]:
    """Return a fault for every value that its field does not allow.

    Text with a NUL or with an incomplete character is never allowed.
    """
    faults = []
    for key, value, leaf in walk(config, prefix):
        if value is not None and value not in leaf.metadata.get("allowed", [value]):
            faults.append(Fault(key, f"got {value}; allowed: {describe_allowed(leaf)}"))
        if isinstance(value, str) and re.search("[\0\ud800-\udfff]", value):
            faults.append(Fault(key, f"got {value!r}; allowed: UTF-8 text without NUL"))
    return faults


def find_conflicts(config: Any) -> list[Fault]:
    """Return a fault for every pair of values that are not allowed together.

    For a classifier, also for every value that its training would ignore.
    """
    data, runner = config.data, config.runner
    checks: list[Check] = [
        (
            data.name == "synthetic" and data.dir,
            "data.dir",
            "got a folder; allowed: null, since data=synthetic reads no files",
        )
    ]
    if isinstance(data, BuiltInData):
        checks += _check_data(data)
    if isinstance(config, Config):
        least = LEAST_EXTRAPOLATED
        checks += [
            (
                config.score.extrapolate and config.score.count < least,
                "score.extrapolate",
                f"got true; allowed: with a score.count of at least {least}",
            ),
            *_check_batches(config),
            *_check_loss(config),
        ]
    conflicts: list[Fault] = [Conflict(key, problem) for wrong, key, problem in checks if wrong]
    if isinstance(config, ClassifierConfig):
        heeded = {
            "data.limit": (data.limit, (None,)),
            "data.shuffle_buffer": (data.shuffle_buffer, (None,)),
            "runner.precision": (runner.precision, ("auto", "float32")),
            "runner.jit": (runner.jit, ("auto", "off")),
            "runner.slots": (runner.slots, ("auto",)),
            "runner.slots_per_gpu": (runner.slots_per_gpu, (1,)),
            "runner.trial_timeout_min": (runner.trial_timeout_min, (None,)),
        }
        conflicts += [
            Fault(key, f"got {got}; a classifier is trained on all images, in float32, without XLA")
            for key, (got, allowed) in heeded.items()
            if got not in allowed
        ]
    return conflicts


def _check_data(data: BuiltInData) -> list[Check]:
    of_one = {"count": "synthetic", "size": "folder", "channels": "folder"}
    checks: list[Check] = []
    for key, name in of_one.items():
        value = getattr(data, key)
        problem = f"got {value}; allowed: a number with data={name}, else null"
        checks.append(((data.name == name) != (value is not None), f"data.{key}", problem))
    return checks


def _check_batches(config: Config) -> list[Check]:
    limit, train = config.data.limit, config.train
    least, words = train.batch_size, "train.batch_size"
    if train.discriminator_steps > 1:
        least *= train.discriminator_steps
        words += " times train.discriminator_steps"
    problem = f"got {limit}; allowed: at least {words}, {least}"
    return [(limit is not None and limit < least, "data.limit", problem)]


def _check_loss(config: Config) -> list[Check]:
    loss, train = config.loss, config.train
    is_bce = loss.name == "bce"
    return [
        (
            train.discriminator_loss != "mean" and not is_bce,
            "train.discriminator_loss",
            f"got {train.discriminator_loss}; allowed: mean, except with loss=bce",
        ),
        (
            train.label_smoothing > 0 and not is_bce,
            "train.label_smoothing",
            f"got {train.label_smoothing}; allowed: 0, except with loss=bce",
        ),
    ]
