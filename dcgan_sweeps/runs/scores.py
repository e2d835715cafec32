"""The scores of a logged run, by their identity: its own, and those that were added later.

read_scores(run)["9e72f2631201066b"]["fcd"]
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from dcgan_sweeps.config import refuse
from dcgan_sweeps.metrics import OWN, SCORE
from dcgan_sweeps.runs.logged_run import LoggedRun

TAG = "score.identity."  # of a run, with the digest behind it: the identity in words
ADDED = re.compile(r"score_(?P<digest>[0-9a-f]{16})/(?P<name>.+)")


def name_prefix(run: LoggedRun, digest: str) -> str:
    """Return how the metrics of a score of that identity begin in a run."""
    return OWN if run.params.get("score.identity") == digest else f"score_{digest}/"


def read_scores(run: LoggedRun) -> dict[str, dict[str, float]]:
    """Return {identity: {name: last value}}, the run's own identity first; what is not finite is no
    score."""
    scores: dict[str, dict[str, float]] = {}
    own = run.params.get("score.identity", "")
    metrics = {name: value for name, value in run.metrics.items() if math.isfinite(value)}
    if own and SCORE in metrics:
        named = {k.removeprefix(OWN): v for k, v in metrics.items() if k.startswith(OWN)}
        scores[own] = named
    for metric, value in metrics.items():
        added = ADDED.fullmatch(metric)
        if added is not None:
            scores.setdefault(added["digest"], {})[added["name"]] = value
    return scores


def describe_identities(runs: Sequence[LoggedRun]) -> dict[str, str]:
    """Return {identity: what it is, in words} of everything these runs were scored by."""
    words = {digest: "" for run in runs for digest in read_scores(run)}
    for run in runs:
        for digest in words:
            words[digest] = run.tags.get(f"{TAG}{digest}", words[digest])
    return words


def describe_mixed(found: Mapping[str, str]) -> str:
    """Return {digest: identity in words} as a sentence that says why these are not ranked."""
    each = "; ".join(f"{digest} ({words})" if words else digest for digest, words in found.items())
    return f"scores of {len(found)} identities cannot be compared: {each}"


def choose_identity(runs: Sequence[LoggedRun], asked: str | None) -> str:
    """Return the identity that these runs are to be compared by: the one asked for, or one that
    they all have, and rather a run's own than one that was added.

    Raises RequestError, naming each, where they have none in common.
    """
    known = describe_identities(runs)
    shared = [digest for digest in known if all(digest in read_scores(run) for run in runs)]
    if asked is not None:
        named = [digest for digest in known if digest.startswith(asked)]
        if len(named) != 1:
            problem = f"got {asked}; allowed: the beginning of one of {', '.join(known) or 'none'}"
            raise refuse("--identity", problem)
        return named[0]
    own = [run.params.get("score.identity", "") for run in runs]
    ranked = [digest for digest in dict.fromkeys(own) if digest in shared] or shared
    if not ranked:
        remedy = "score them all alike: python -m dcgan_sweeps.score RUN_ID ..."
        names = _pick(known, own)
        raise refuse("identity", f"{describe_mixed(names)}; {remedy}")
    return ranked[0]


def _pick(known: Mapping[str, str], own: Sequence[str]) -> dict[str, str]:
    """Return those of the identities that are the runs' own, or all where none is."""
    return {digest: known[digest] for digest in dict.fromkeys(own) if digest in known} or dict(
        known
    )
