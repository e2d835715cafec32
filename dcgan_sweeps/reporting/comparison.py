"""Compares two logged runs: configuration, code, environment and scores.

comparison = compare(read_side(client, one), read_side(client, other))
comparison.config, comparison.verdict
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dcgan_sweeps.config import RequestError
from dcgan_sweeps.logged_config import is_hashed
from dcgan_sweeps.metrics import METRICS, OWN
from dcgan_sweeps.reporting.media import Media, read_media
from dcgan_sweeps.runs.differences import Difference, compare_facts
from dcgan_sweeps.runs.logged_run import LoggedRun, name_artifact, read_artifact
from dcgan_sweeps.runs.scores import choose_identity, read_scores
from dcgan_sweeps.scoring.noise import TRAINING_NOISE, is_tied
from dcgan_sweeps.tracking.documents import LARGEST, parse_mapping
from dcgan_sweeps.tracking.edits import PROVENANCE
from dcgan_sweeps.tracking.provenance import check_facts
from dcgan_sweeps.tracking.store import Client

OF_CODE = ("commit", "diff_sha256")
# Shown elsewhere, or different between any two runs.
NOT_CONFIG = ("config_hash", "trial", "score.identity")


@dataclass(frozen=True)
class Side:
    """One of the two runs, with its provenance and its media."""

    run: LoggedRun
    provenance: Mapping[str, Any]
    media: Media


@dataclass(frozen=True)
class RunComparison:
    """The differences between two runs, and their scores.

    A configuration key that a run lacks has the value "".
    """

    config: list[Difference]
    code: list[Difference]
    environment: list[Difference]
    scores: list[tuple[str, str, str]]  # name, score of the one, score of the other
    verdict: str  # which score is better, or why they are not ranked


def read_side(client: Client, run: LoggedRun) -> Side:
    """Return a run with its provenance, {} if it logged none, and its media.

    Raises RequestError for a damaged provenance.
    """
    text = read_artifact(client, run.run_id, PROVENANCE, LARGEST)
    name = name_artifact(run.run_id, PROVENANCE)
    provenance = {} if text is None else parse_mapping(text, name)
    check_facts(provenance, name)
    return Side(run, provenance, read_media(client, run))


def compare(one: Side, other: Side) -> RunComparison:
    """Return the comparison of two runs."""
    facts = compare_facts(one.provenance, other.provenance)
    scores, verdict = compare_scores(one.run, other.run)
    return RunComparison(
        compare_config(one.run.params, other.run.params),
        [each for each in facts if each.fact in OF_CODE],
        [each for each in facts if each.fact not in OF_CODE],
        scores,
        verdict,
    )


def compare_config(one: Mapping[str, str], other: Mapping[str, str]) -> list[Difference]:
    """Return the keys that differ; keys that can change a result come first."""
    keys = [key for key in dict.fromkeys([*one, *other]) if key not in NOT_CONFIG]
    changes = [
        Difference(key, one.get(key, ""), other.get(key, ""), is_hashed(key))
        for key in keys
        if one.get(key) != other.get(key)
    ]
    return sorted(changes, key=lambda change: not change.decisive)


def compare_scores(one: LoggedRun, other: LoggedRun) -> tuple[list[tuple[str, str, str]], str]:
    """Return the scores that both runs have, and a sentence on which run is better."""
    for run in (one, other):
        if not read_scores(run):
            return [], f"{run.run_id[:8]} has no score"
    try:
        digest = choose_identity([one, other], None)
    except RequestError as mixed:
        return [], mixed.faults[0].problem
    a, b = read_scores(one)[digest], read_scores(other)[digest]
    scores = [
        (metric.score, metric.show(a[metric.score]), metric.show(b[metric.score]))
        for metric in METRICS.values()
        if metric.name.startswith(OWN) and metric.logged != "start"
        if metric.score in a and metric.score in b
    ]
    stopped = [run for run in (one, other) if run.outcome != "complete"]
    if stopped:
        ends = ", ".join(f"{run.run_id[:8]} is {run.outcome or 'unfinished'}" for run in stopped)
        return scores, f"not ranked, since not both runs are complete: {ends}"
    return scores, describe_better(one, other, a["fcd"], b["fcd"])


def describe_better(one: LoggedRun, other: LoggedRun, score: float, rival: float) -> str:
    """Return a sentence that says which of two scores is better, or that they are tied."""
    noise = f"{2**0.5 * TRAINING_NOISE:.0%}"
    if score == rival:
        return f"equal: both have fcd {score:.2f}"
    better = one if score < rival else other
    share = abs(score - rival) / ((abs(score) + abs(rival)) / 2)
    if is_tied(score, rival):
        return f"tied: the fcd differs by {share:.1%}, within the {noise} of two seeds"
    return f"{better.run_id[:8]} is better: the fcd differs by {share:.1%}, more than {noise}"
