"""Compares two to six logged runs: configuration, code, environment and scores.

comparison = compare([read_side(client, run) for run in runs])
comparison.config, comparison.verdict
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.logged_config import is_hashed
from dcgan_sweeps.metrics import METRICS, OWN, SCORE, Metric
from dcgan_sweeps.reporting.export import show_interval
from dcgan_sweeps.reporting.leaderboard import Choice, Row, describe_spread, rank_runs
from dcgan_sweeps.reporting.media import Media, read_media
from dcgan_sweeps.runs.differences import Difference, compare_facts
from dcgan_sweeps.runs.logged_run import LoggedRun, name_artifact, read_artifact
from dcgan_sweeps.runs.scores import choose_identity, read_scores
from dcgan_sweeps.runs.selection import find_repeats
from dcgan_sweeps.scoring.noise import TRAINING_NOISE, is_tied, rank_tied
from dcgan_sweeps.tracking.documents import LARGEST, parse_mapping
from dcgan_sweeps.tracking.edits import PROVENANCE
from dcgan_sweeps.tracking.provenance import check_facts
from dcgan_sweeps.tracking.store import Client

OF_CODE = ("commit", "diff_sha256")
# Shown elsewhere, or different between any two runs.
NOT_CONFIG = ("config_hash", "trial", "score.identity")
LETTERS = "ABCDEF"  # what the runs are called, in their order
# Scores that training seeds change by TRAINING_NOISE; the noise of the others is not measured.
OF_KNOWN_NOISE = ("fcd", "fcd_test", "fcd_share", "fcd_extrapolated")
NOISE = f"{2**0.5 * TRAINING_NOISE:.0%}"
NOTE = (
    "In brackets: the difference from A, as a share of the mean of both. Tied: within"
    f" {NOISE}, by which two training seeds make fcd differ (docs/score.md). The noise"
    " of scores other than fcd is not measured."
)


@dataclass(frozen=True)
class Side:
    """One of the runs, with its provenance, its media, and the runs of its configuration."""

    run: LoggedRun
    provenance: Mapping[str, Any]
    media: Media
    repeats: Sequence[LoggedRun] = ()  # that are complete, and the run itself


@dataclass(frozen=True)
class Disagreement:
    """A fact on which the runs differ, with a value of each; a decisive one can change results."""

    fact: str
    values: tuple[str, ...]
    decisive: bool


@dataclass(frozen=True)
class ScoreLine:
    """A score of each run, "" for a run that lacks it, with its difference from the first run."""

    name: str
    texts: tuple[str, ...]


@dataclass(frozen=True)
class RunComparison:
    """The differences between some runs, and their scores.

    A configuration key that a run lacks has the value "".
    """

    config: list[Disagreement]
    code: list[Disagreement]
    environment: list[Disagreement]
    scores: list[ScoreLine]
    verdict: str  # which score is better, or why they are not ranked
    means: str  # the mean scores of the configurations; "" if none has several seeds


def read_side(client: Client, run: LoggedRun) -> Side:
    """Return a run with its provenance, {} if it logged none, its media and its repeats.

    Raises RequestError for a damaged provenance.
    """
    text = read_artifact(client, run.run_id, PROVENANCE, LARGEST)
    name = name_artifact(run.run_id, PROVENANCE)
    provenance = {} if text is None else parse_mapping(text, name)
    check_facts(provenance, name)
    return Side(run, provenance, read_media(client, run), find_repeats(client, run))


def compare(sides: Sequence[Side]) -> RunComparison:
    """Return the comparison of at least two runs."""
    facts = compare_provenance([side.provenance for side in sides])
    runs = [side.run for side in sides]
    scores, verdict = compare_scores(runs)
    return RunComparison(
        compare_config([run.params for run in runs]),
        [each for each in facts if each.fact in OF_CODE],
        [each for each in facts if each.fact not in OF_CODE],
        scores,
        verdict,
        describe_means(sides) if scores else "",
    )


def compare_provenance(all_facts: Sequence[Mapping[str, Any]]) -> list[Disagreement]:
    """Return the facts of provenance that differ; those that can change a result come first."""
    first, *others = all_facts
    found = [{each.fact: each for each in compare_facts(first, other)} for other in others]
    known: dict[str, Difference] = {}
    for differences in found:
        known = {**differences, **known}
    disagreements = [
        Disagreement(
            fact,
            (one.expected, *(each[fact].got if fact in each else one.expected for each in found)),
            one.decisive,
        )
        for fact, one in known.items()
    ]
    return sorted(disagreements, key=lambda each: not each.decisive)


def compare_config(all_params: Sequence[Mapping[str, str]]) -> list[Disagreement]:
    """Return the keys that differ; keys that can change a result come first."""
    keys = dict.fromkeys(key for params in all_params for key in params if key not in NOT_CONFIG)
    changes = [
        Disagreement(key, values, is_hashed(key))
        for key in keys
        if len(set(values := tuple(params.get(key, "") for params in all_params))) > 1
        or any(key not in params for params in all_params)
    ]
    return sorted(changes, key=lambda change: not change.decisive)


def compare_scores(runs: Sequence[LoggedRun]) -> tuple[list[ScoreLine], str]:
    """Return the scores of the runs, and a sentence on which run is better."""
    for run in runs:
        if not read_scores(run):
            return [], f"{run.run_id[:8]} has no score"
    try:
        digest = choose_identity(runs, None)
    except RequestError as mixed:
        return [], mixed.faults[0].problem
    all_scores = [read_scores(run)[digest] for run in runs]
    lines = [
        ScoreLine(metric.score, show_scores(metric, all_scores))
        for metric in METRICS.values()
        if metric.name.startswith(OWN) and metric.logged != "start"
        if sum(metric.score in each for each in all_scores) > 1
    ]
    stopped = [run for run in runs if run.outcome != "complete"]
    if stopped:
        ends = ", ".join(f"{run.run_id[:8]} is {run.outcome or 'unfinished'}" for run in stopped)
        which = "both" if len(runs) == 2 else "all"
        return lines, f"not ranked, since not {which} runs are complete: {ends}"
    fcds = [each["fcd"] for each in all_scores]
    return lines, describe_better(runs, fcds) if len(runs) == 2 else describe_order(fcds)


def describe_means(sides: Sequence[Side]) -> str:
    """Return a sentence on the means of the configurations; "" if none has several seeds."""
    runs = {run.run_id: run for side in sides for run in (side.run, *side.repeats)}
    digest = choose_identity([side.run for side in sides], None)
    board = rank_runs([*runs.values()], Choice(identity=digest))
    if board.spread is None:
        return ""
    means = [(row, name_sides(row, sides)) for row in board.rows if row.rank]
    together = [f"{names} differ in nothing but the seed" for _, names in means if "," in names]
    words = (
        f"{f'{row.rank} ' if len(means) > 1 else ''}{names} ({describe_mean(row)})"
        for row, names in means
    )
    order = (
        f"{'by' if len(means) > 1 else ''} mean fcd of the seeds in the store: {'; '.join(words)}"
    )
    parts = [*together, order.strip(), board.tie_rule, describe_spread(board.spread)]
    return "; ".join(filter(None, parts))


def name_sides(row: Row, sides: Sequence[Side]) -> str:
    """Return the letters of the sides whose run is one of a configuration."""
    ids = {each.run.run_id for each in row.runs or (row,)}
    letters = zip(LETTERS, sides, strict=False)
    return ", ".join(letter for letter, side in letters if side.run.run_id in ids)


def describe_mean(row: Row) -> str:
    """Return the mean score of a configuration, with its interval and the number of its seeds."""
    metric = METRICS[SCORE]
    mean = "" if row.score is None else f"{metric.show(row.score)} {show_interval(row.interval)}"
    return f"{mean.strip()}, {row.count} seed{'s' if row.count > 1 else ''}"


def show_scores(metric: Metric, all_scores: Sequence[Mapping[str, float]]) -> tuple[str, ...]:
    """Return a score of each run as text, with its difference from that of the first run."""
    first, *others = (scores.get(metric.score) for scores in all_scores)
    shown = [
        "" if value is None else f"{metric.show(value)}{describe_change(metric, first, value)}"
        for value in others
    ]
    return ("" if first is None else metric.show(first), *shown)


def describe_change(metric: Metric, first: float | None, value: float) -> str:
    """Return the change from the first run as text, with whether it is better, worse or tied."""
    if first is None:
        return ""
    if value == first:
        return " (equal)"
    share = compute_share(first, value)
    signed = f"{math.copysign(share, value - first):+.1%}"
    if metric.score in OF_KNOWN_NOISE and is_tied(first, value):
        return f" ({signed}, tied)"
    better = {"lower": value < first, "higher": value > first}.get(metric.better)
    word = "" if better is None else ", better" if better else ", worse"
    return f" ({signed}{word})"


def compute_share(score: float, rival: float) -> float:
    """Return the difference of two scores as a share of their mean size."""
    return abs(score - rival) / ((abs(score) + abs(rival)) / 2)


def describe_order(fcds: Sequence[float]) -> str:
    """Return the order of some complete runs by their fcd, with their ranks."""
    ordered = sorted(zip(fcds, LETTERS, strict=False))
    ranks = rank_tied([fcd for fcd, _ in ordered], is_tied)
    places = (
        f"{rank} {letter} ({fcd:.2f})" for rank, (fcd, letter) in zip(ranks, ordered, strict=True)
    )
    return f"ranked by fcd: {', '.join(places)}; = marks ties"


def describe_better(runs: Sequence[LoggedRun], fcds: Sequence[float]) -> str:
    """Return a sentence that says which of two runs is better, or that they are tied."""
    score, rival = fcds
    if score == rival:
        return f"equal: both have fcd {score:.2f}"
    better = runs[0] if score < rival else runs[1]
    share = compute_share(score, rival)
    if is_tied(score, rival):
        return f"tied: the fcd differs by {share:.1%}, within the {NOISE} of two seeds"
    return f"{better.run_id[:8]} is better: the fcd differs by {share:.1%}, more than {NOISE}"
