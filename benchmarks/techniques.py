"""Trains each technique alone against the documented settings, and prints a table of their scores.

    python -m benchmarks.techniques --dir FOLDER             # the study, then its table
    python -m benchmarks.techniques --dir FOLDER --no-train  # the table of what is there

The study is one of paired lists, three seeds for each technique. The command resumes a study that
was interrupted. Intervals are those of Student's t, and of Welch's for a difference, at 95 %.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.stats import t, ttest_ind

from dcgan_sweeps.config.compose import compose
from dcgan_sweeps.config.flat import flatten
from dcgan_sweeps.config.schema import Config
from dcgan_sweeps.logged_config import compute_config_hash, read_logged
from dcgan_sweeps.sweep.folder import StudyFolder
from dcgan_sweeps.sweep.result import read_result
from dcgan_sweeps.tracking.documents import read_mapping

STUDY = "techniques"
CONFIDENCE = 0.95
SEEDS = ("0", "1", "2")
SETTINGS = ("data.limit=8000", "train.epochs=4", "score.extra_metrics=never")
OF_THE_STUDY = (
    "tracking.system_metrics_s=0",
    "tracking.offline=true",
    "hydra.sweeper.zip=true",
    "hydra.sweeper.stop_after_failures=1000",
)
DOCUMENTED = "documented settings"
GROUPS = {"loss": "bce", "optimizer": "adam"}  # the documented choices
TECHNIQUES: dict[str, dict[str, str]] = {
    DOCUMENTED: {},
    "least squares": {"loss": "lsgan"},
    "hinge": {"loss": "hinge"},
    "WGAN-GP, 5 discriminator steps": {"loss": "wgan_gp", "train.discriminator_steps": "5"},
    "relativistic, R1 and R2": {"loss": "relativistic"},
    "R1": {"loss.r1": "0.05"},
    "R1 every 16 steps": {"loss.r1": "0.05", "loss.penalty_every": "16"},
    "label smoothing": {"train.label_smoothing": "0.1"},
    "2 discriminator steps": {"train.discriminator_steps": "2"},
    "uniform latents": {"train.latents": "uniform"},
    "augmentation": {"train.augment": "[translation,cutout]"},
    "spectral normalisation": {"model.spectral_norm": "true"},
    "averaged generator": {"train.ema": "0.995"},
    "Adam of the paper": {"optimizer": "adam_paper"},
    "AdamW": {"optimizer": "adamw"},
    "RMSprop": {"optimizer": "rmsprop"},
    "SGD": {"optimizer": "sgd"},
}


def main() -> None:
    parser = argparse.ArgumentParser("benchmarks.techniques", description=__doc__)
    parser.add_argument("--dir", default="mlruns", help="folder of the study (mlruns)")
    parser.add_argument("--no-train", action="store_true", help="only print the table")
    parser.add_argument("words", nargs="*", help="further overrides of all runs")
    options = parser.parse_args()
    settings = (*SETTINGS, *options.words)
    status = 0 if options.no_train else train(options.dir, settings)
    print(tabulate(read_scores(options.dir, settings)))
    sys.exit(status)


def train(folder: str, settings: Sequence[str]) -> int:
    """Run or resume the study, and return its exit status."""
    lists = [f"{key}={','.join(values)}" for key, values in list_values().items()]
    places = [f"tracking.dir={folder}", f"hydra.sweeper.study_name={STUDY}"]
    words = [*settings, *OF_THE_STUDY, *lists, *places]
    return subprocess.run([sys.executable, "-m", "dcgan_sweeps.run", "-m", *words]).returncode


def list_values() -> dict[str, list[str]]:
    """Return {key: its value in each run}, with all seeds of a technique one after another."""
    keys = dict.fromkeys(key for changed in TECHNIQUES.values() for key in changed)
    runs = [
        {**find_values(changed, keys), "seed": seed}
        for changed in TECHNIQUES.values()
        for seed in SEEDS
    ]
    return {key: [run[key] for run in runs] for key in (*keys, "seed")}


def find_values(changed: Mapping[str, str], keys: Iterable[str]) -> dict[str, str]:
    """Return {key: its value} of a technique; one that it leaves alone may be that of a group."""
    flat = GROUPS | flatten(compose("config", write_words(changed), Config))
    return {key: changed.get(key, write_value(flat[key])) for key in keys}


def write_value(value: object) -> str:
    """Return a value of a configuration in the grammar of overrides."""
    return (
        str(value).lower() if isinstance(value, bool) else "null" if value is None else str(value)
    )


def write_words(changed: Mapping[str, str]) -> list[str]:
    return [f"{key}={value}" for key, value in changed.items()]


def read_scores(folder: str, settings: Sequence[str]) -> dict[str, list[float]]:
    """Return {technique: score/fcd of each complete run}; runs that failed are left out."""
    names = {
        hash_config(
            compose("config", [*settings, *write_words(changed), f"seed={seed}"], Config)
        ): name
        for name, changed in TECHNIQUES.items()
        for seed in SEEDS
    }
    scores: dict[str, list[float]] = {name: [] for name in TECHNIQUES}
    for trial in StudyFolder.at(Path(folder), STUDY).list_trials():
        result = read_result(trial)
        if result is not None and "score/fcd" in result.scores:
            config = read_logged(read_mapping(trial.root / "config.yaml"))
            scores[names[hash_config(config)]].append(result.scores["score/fcd"])
    return scores


def hash_config(config: Config) -> str:
    return compute_config_hash(flatten(config))


def tabulate(scores: Mapping[str, Sequence[float]]) -> str:
    """Return a Markdown table of the means, their intervals, and the differences."""
    rows = [
        "| technique | seeds | mean `fcd` | interval | difference | interval |",
        "|---|---|---|---|---|---|",
    ]
    for name, found in scores.items():
        cells = [name, str(len(found)), *describe_mean(found)]
        cells += ["", ""] if name == DOCUMENTED else describe_difference(found, scores[DOCUMENTED])
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def describe_mean(found: Sequence[float]) -> list[str]:
    """Return the mean of some scores and its interval, as far as there are enough."""
    if len(found) < 2:
        return [f"{found[0]:.1f}" if found else "", ""]
    half = t.ppf((1 + CONFIDENCE) / 2, len(found) - 1) * np.std(found, ddof=1) / len(found) ** 0.5
    mean = np.mean(found)
    return [f"{mean:.1f}", f"{mean - half:.1f} to {mean + half:.1f}"]


def describe_difference(found: Sequence[float], others: Sequence[float]) -> list[str]:
    """Return the difference of two means and its interval, as far as there are enough scores."""
    if min(len(found), len(others)) < 2:
        return ["", ""]
    low, high = ttest_ind(found, others, equal_var=False).confidence_interval(CONFIDENCE)
    difference = np.mean(found) - np.mean(others)
    return [f"{difference:+.1f}", f"{low:+.1f} to {high:+.1f}"]


if __name__ == "__main__":
    main()
