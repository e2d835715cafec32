"""Reads what a confirmation has shown about a study, says it, and draws its figure.

confirmation = read_confirmation(client, "dcgan_sweeps", "fcd")   # None if there is none
describe_confirmation(confirmation)    # "confirmed: trial 14, fcd_test 12.1% [4.0%, 19.5%] lower"
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dcgan_sweeps.config.faults import refuse
from dcgan_sweeps.runs.logged_run import name_artifact, read_artifact
from dcgan_sweeps.runs.selection import find_parent
from dcgan_sweeps.tracking.documents import LARGEST_TEXT, parse_mapping
from dcgan_sweeps.tracking.store import Client

FILE = "confirmation.json"
APART = 0.06  # of a seed, between the marks of two configurations
STYLES = 6  # of the style sheet
Confirmation = Mapping[str, Any]


def read_confirmation(client: Client, experiment: str, study: str) -> Confirmation | None:
    """Return the record of the newest confirmation of a study, None if there is none.

    Raises RequestError for a study that does not exist, and for a damaged file.
    """
    parent = find_parent(client, experiment, study)
    text = read_artifact(client, parent.run_id, FILE, LARGEST_TEXT)
    if text is None:
        return None
    name = name_artifact(parent.run_id, FILE)
    content = parse_mapping(text, name)
    try:
        describe_confirmation(content)
        make_confirmation(content)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise refuse(name, f"is no record of a confirmation ({error!r:.60})") from error
    return content


def describe_confirmation(content: Confirmation) -> str:
    """Return the verdict of a confirmation in one sentence."""
    best, verdict = content["best"], content["verdict"]
    if verdict is None:
        return "the confirmation was stopped before its verdict"
    parts = [f"{verdict}, {content['reason']}"]
    if best is not None:
        gain = f"{best['gain']:.1%} [{best['low']:.1%}, {best['high']:.1%}]"
        parts.append(f"{best['arm']} has an fcd_test {gain} below {content['reference']}")
    if content["promised"] is not None:
        parts.append(f"the study's own scores promised {content['promised']:.1%}")
    if content["tied"]:
        parts.append(f"tied with {', '.join(content['tied'])}")
    return f"confirmation: {'; '.join(parts)}; {content['runs']} runs"


def make_confirmation(content: Confirmation) -> dict[str, Any] | None:
    """Return the gain of each finalist after each look, with its interval; None without a look."""
    looks = content["looks"]
    if not looks:
        return None
    arms = [each["name"] for each in content["arms"][1:]]
    seeds = [look["seeds"] for look in looks]
    none = {"kind": "line", "style": "so-far", "x": [min(seeds) - 0.5, max(seeds) + 0.5]}
    marks: list[dict[str, Any]] = [none | {"y": [0.0, 0.0], "title": "no gain"}]
    for place, arm in enumerate(arms):
        shift = APART * (place - (len(arms) - 1) / 2)
        points = [
            (look["seeds"] + shift, gain)
            for look in looks
            for gain in look["gains"]
            if gain["arm"] == arm
        ]
        about = {"style": f"s{place % STYLES}"}
        marks.append(
            {"kind": "line", "x": [x for x, _ in points], "y": [g["gain"] for _, g in points]}
            | about
            | {"title": arm}
        )
        for x, gain in points:
            title = f"{arm}: {gain['gain']:.1%} [{gain['low']:.1%}, {gain['high']:.1%}]"
            line = {"kind": "line", "x": [x, x], "y": [gain["low"], gain["high"]]}
            dot = {"kind": "dot", "x": [x], "y": [gain["gain"]]}
            marks += [each | about | {"title": title} for each in (line, dot)]
    across = {"label": "seeds of each configuration", "scale": "whole"}
    up = {"label": f"gain over {content['reference']}, as a share", "scale": "linear"}
    legend = [(f"s{place % STYLES}", arm) for place, arm in enumerate(arms)]
    return {
        "panels": [{"x": across, "y": up, "marks": marks}],
        "legend": [*legend, ("so-far", "no gain")],
    }
