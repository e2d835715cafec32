"""Reads the scores of logged runs by score identity, including scores that were added later.

read_scores(run)["9e72f2631201066b"]["fcd"]
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from dcgan_sweeps.config.faults import refuse
from dcgan_sweeps.metrics import OWN, SCORE
from dcgan_sweeps.runs.logged_run import LoggedRun

TAG = "score.identity."  # followed by a digest: the tag with the description of that identity
ADDED = re.compile(r"score_(?P<digest>[0-9a-f]{16})/(?P<name>.+)")


def name_prefix(run: LoggedRun, digest: str) -> str:
    """Return the prefix of the metrics with that score identity in a run."""
    return OWN if run.params.get("score.identity") == digest else f"score_{digest}/"


def read_scores(run: LoggedRun) -> dict[str, dict[str, float]]:
    """Return {identity: {name: last value}}, with the run's own identity first.

    Values that are not finite are left out.
    """
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
    """Return {identity: description} of all score identities of these runs."""
    words = {digest: "" for run in runs for digest in read_scores(run)}
    for run in runs:
        for digest in words:
            words[digest] = run.tags.get(f"{TAG}{digest}", words[digest])
    return words


def describe_mixed(found: Mapping[str, str]) -> str:
    """Return the sentence that says why scores of these identities are not ranked together.

    `found` is {identity: description}.
    """
    each = "; ".join(f"{digest} ({words})" if words else digest for digest, words in found.items())
    return f"scores of {len(found)} identities cannot be compared: {each}"


def choose_identity(runs: Sequence[LoggedRun], asked: str | None) -> str:
    """Return the score identity by which these runs are compared.

    It is the requested one, or one that all runs have, preferably a run's own. Raises RequestError,
    which names each identity, if they have none in common.
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
        remedy = "score them again with one identity: python -m dcgan_sweeps.score RUN_ID ..."
        names = _pick(known, own)
        raise refuse("identity", f"{describe_mixed(names)}; {remedy}")
    return ranked[0]


def _pick(known: Mapping[str, str], own: Sequence[str]) -> dict[str, str]:
    """Return the identities that are the runs' own, or all of them if none is."""
    return {digest: known[digest] for digest in dict.fromkeys(own) if digest in known} or dict(
        known
    )
