"""Logged runs made by hand: what the tests of reports share."""

from __future__ import annotations

from dcgan_sweeps.runs.logged_run import LoggedRun

IDENTITY = "a" * 16


def make_run(number, fcd=None, outcome="complete", *, tags=(), start_ms=0, **params):
    """Return a run whose id is its number, with a score of one identity where `fcd` is given."""
    known = {name.replace("__", "."): str(value) for name, value in params.items()}
    scored = {} if fcd is None else {"score/fcd": fcd, "score/fcd_error": 1.0}
    return LoggedRun(
        f"{number:032x}",
        "1",
        f"run {number}",
        "FINISHED",
        outcome,
        {"score.identity": IDENTITY, "config_hash": f"s{number}", "train.epochs": "6", **known},
        {"outcome": outcome, **dict(tags)},
        scored,
        start_ms,
        start_ms + 5000,
        None if outcome == "complete" or fcd is None else 3,
    )
