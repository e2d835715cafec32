"""Checks the values of a configuration, each alone and together.

find_faults(config) or find_conflicts(config)  # [] where all are allowed
"""

from __future__ import annotations

import re
from typing import Any

from dcgan_sweeps.config.faults import Conflict, Fault
from dcgan_sweeps.config.fields import describe_allowed
from dcgan_sweeps.config.flat import walk
from dcgan_sweeps.config.schema import ClassifierConfig, Config

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
    is_drawn, is_decoded = data.name == "synthetic", data.name == "folder"
    checks: list[tuple[object, str, str]] = [
        (
            is_drawn and data.dir,
            "data.dir",
            "got a folder; allowed: null, since data=synthetic reads no files",
        ),
        (
            is_drawn != (data.count is not None),
            "data.count",
            f"got {data.count}; allowed: a number with data=synthetic, else null",
        ),
        *(
            (
                is_decoded != (value is not None),
                f"data.{key}",
                f"got {value}; allowed: a number with data=folder, else null",
            )
            for key, value in (("size", data.size), ("channels", data.channels))
        ),
    ]
    if isinstance(config, Config):
        least, batch_size = LEAST_EXTRAPOLATED, config.train.batch_size
        checks += [
            (
                config.score.extrapolate and config.score.count < least,
                "score.extrapolate",
                f"got true; allowed: with a score.count of at least {least}",
            ),
            (
                data.limit is not None and data.limit < batch_size,
                "data.limit",
                f"got {data.limit}; allowed: at least train.batch_size, {batch_size}",
            ),
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
