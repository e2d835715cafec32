"""Packs what a run's page in the MLflow UI does not list into tags that the UI hides.

tags = pack_config({"seed": 0, "train.epochs": 10}, listed={"seed"})
read_config(tags)  # {"train.epochs": "10"}

The params of a run are those that a person compares, and its metrics are those that are worth a
chart. The others are in one tag each, so that many runs are read with them in one query; the UI
shows no tag that begins with "mlflow.".
"""

from __future__ import annotations

import json
from collections.abc import Container, Mapping
from typing import Any

from dcgan_sweeps.config.faults import refuse

Point = tuple[int, float]  # the step and the value of a metric

HIDDEN = "mlflow.dcgan_sweeps."  # the prefix of these tags
CONFIG_TAG = f"{HIDDEN}config"
METRICS_TAG = f"{HIDDEN}metrics"
LONGEST_VALUE = 250  # characters; the tag must stay below the 5000 of MLflow's earlier versions


def pack_config(flat: Mapping[str, Any], listed: Container[str]) -> dict[str, str]:
    """Return {tag: values} of the keys that are not `listed`, {} if there are none.

    A long value, such as that of a path, is left out; config.yaml has it.
    """
    texts = {key: str(value) for key, value in flat.items() if key not in listed}
    rest = {key: text for key, text in texts.items() if len(text) <= LONGEST_VALUE}
    return {CONFIG_TAG: json.dumps(rest, separators=(",", ":"))} if rest else {}


def read_config(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the {key: value} that pack_config packed; {} for a run of an earlier version.

    Raises RequestError, which names the tag, if it is damaged.
    """
    return _read(tags, CONFIG_TAG)


def pack_metrics(points: Mapping[str, Point]) -> dict[str, str]:
    """Return {tag: points} of metrics that were computed once, {} if there are none."""
    return {METRICS_TAG: json.dumps(points, separators=(",", ":"))} if points else {}


def read_metrics(tags: Mapping[str, str]) -> dict[str, Point]:
    """Return the {metric: (step, value)} that pack_metrics packed; {} for other runs.

    Raises RequestError, which names the tag, if it is damaged.
    """
    return {name: (step, value) for name, (step, value) in _read(tags, METRICS_TAG).items()}


def _read(tags: Mapping[str, str], name: str) -> dict[str, Any]:
    try:
        values = json.loads(tags.get(name, "{}"))
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise refuse(f"tag {name}", f"got {tags[name]:.40}; allowed: a JSON mapping")
    return values
