"""Writes the results of a probe: a table, a JSON file, a picture, and metrics of the run.

    log_record(client, run, record, epoch=10)

A run is only added to: its status, its metrics and its artifacts stay as they are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from dcgan_sweeps.probing.picture import Bar, draw_bars
from dcgan_sweeps.probing.protocol import Interval, Result, find_mean_interval
from dcgan_sweeps.probing.task import Settings
from dcgan_sweeps.runs.logged_run import LoggedRun, add_metrics
from dcgan_sweeps.tracking.store import Client

PIXELS, UNTRAINED, TRAINED = "pixels", "untrained", "trained"
LABELS = {
    PIXELS: "raw pixels",
    UNTRAINED: "untrained discriminator",
    TRAINED: "trained discriminator",
}
COLUMNS = ("features", "width", "C", "accuracy", "draws (1.96 sd)", "mean (95 %)")


@dataclass(frozen=True)
class Record:
    """The results of a probe, and what they depend on."""

    settings: Settings
    facts: Mapping[str, Any]  # seeds, versions, digests, and how many images there were
    results: Mapping[str, Result]  # of PIXELS, UNTRAINED and TRAINED

    @property
    def gain(self) -> Interval | None:
        """The 95 % interval of the mean of trained less untrained, over the same draws."""
        pairs = zip(
            self.results[TRAINED].accuracies, self.results[UNTRAINED].accuracies, strict=True
        )
        return find_mean_interval([one - other for one, other in pairs])


def name_metrics(record: Record) -> dict[str, float]:
    """Return {name: value} of the metrics; there are no limits if there was a single draw."""
    trained = record.results[TRAINED]
    values = {
        "accuracy": trained.accuracy,
        "accuracy_untrained": record.results[UNTRAINED].accuracy,
        "accuracy_pixels": record.results[PIXELS].accuracy,
    }
    if trained.interval is not None:
        values["accuracy_low"], values["accuracy_high"] = trained.interval
    return {f"{record.settings.prefix}/{name}": value for name, value in values.items()}


def tabulate(record: Record) -> list[tuple[str, ...]]:
    """Return a row for each kind of features under COLUMNS."""
    return [
        (
            LABELS[name],
            f"{result.width:,}",
            f"{result.c:g}",
            f"{result.accuracy:.2%}",
            show_interval(result.interval),
            show_interval(find_mean_interval(result.accuracies)),
        )
        for name, result in record.results.items()
    ]


def show_interval(interval: Interval | None) -> str:
    """Return an interval of accuracies as text, "" for none."""
    return "" if interval is None else f"{interval[0]:.2%} to {interval[1]:.2%}"


def describe_gain(record: Record) -> str:
    """Return in words how far the trained discriminator is above the untrained one."""
    gain = record.results[TRAINED].accuracy - record.results[UNTRAINED].accuracy
    line = f"trained less untrained discriminator: {100 * gain:+.2f} points"
    if record.gain is None:
        return line
    low, high = (f"{100 * each:+.2f}" for each in record.gain)
    return f"{line} (95 % interval of the mean: {low} to {high})"


def describe(record: Record) -> dict[str, Any]:
    """Return the content of the JSON file."""
    return {
        "labels_per_class": record.settings.labels_per_class or "all",
        "draws": record.settings.draws,
        **record.facts,
        "results": {
            name: {
                **asdict(result),
                "accuracy": result.accuracy,
                "interval_1_96_sd": result.interval,
                "interval_of_mean_95": find_mean_interval(result.accuracies),
            }
            for name, result in record.results.items()
        },
    }


def log_record(client: Client, run: LoggedRun, record: Record, epoch: int) -> None:
    """Log the files and then the metrics, so that a run with the metrics has all of it."""
    prefix = record.settings.prefix
    text = json.dumps(describe(record), indent=1)
    client.log_text(run.run_id, f"{text}\n", f"{prefix}/accuracy.json")
    bars = [
        Bar(LABELS[name], result.accuracy, result.interval)
        for name, result in record.results.items()
    ]
    client.log_image(run.run_id, draw_bars(bars, describe_labels(record)), f"{prefix}/accuracy.png")
    add_metrics(client, run, name_metrics(record), epoch)


def describe_labels(record: Record) -> str:
    """Return in words how many labels each classifier had, and how many draws there were."""
    count = record.settings.labels_per_class
    if count is None:
        return f"all {record.facts['labels_per_draw']:,} labels"
    draws = record.settings.draws
    return f"{count} labels per class, mean of {draws} draws +- 1.96 sd"
