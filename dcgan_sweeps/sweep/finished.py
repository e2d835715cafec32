"""Finished runs that have done already what a trial is asked.

find_finished(config.tracking, compute_config_hash(flatten(config)), identity.digest)  # (run id, score), or None
"""

from __future__ import annotations

from dcgan_sweeps.config import Tracking
from dcgan_sweeps.runs.logged_run import find_runs
from dcgan_sweeps.sweep.result import SCORE
from dcgan_sweeps.tracking.delivery import is_mirrored
from dcgan_sweeps.tracking.store import answering, open_store


def find_finished(tracking: Tracking, config_hash: str, identity: str) -> tuple[str, float] | None:
    """Return the id and the score of a complete run of the same configuration, wherever it was
    done, whose score is of the same identity; None where nothing is tracked.

    Raises RequestError where the tracker does not answer.
    """
    if not is_mirrored(tracking):
        return None
    condition = f"tags.outcome = 'complete' and tags.signature = '{config_hash}'"
    with answering():
        client = open_store(tracking.uri, tracking.dir)
        for run in find_runs(client, tracking.experiment, condition):
            if SCORE in run.metrics and run.params.get("score.identity") == identity:
                return run.run_id, run.metrics[SCORE]
    return None
