"""Detects edits of a run's files, by comparing them with the values that were logged.

seal(folder, "overrides.yaml", ["seed=1"])               # stores the content in run.json
find_edits(folder, "overrides.yaml", ["seed=2"])         # describes what was changed since

Only values are compared: a file that was merely reformatted is not edited.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from dcgan_sweeps.config.flat import flatten_nested
from dcgan_sweeps.secrets import MASK, mask_nested
from dcgan_sweeps.tracking.folder import RUN_FILE, RunFolder

LOGGED = "logged"  # {file: its content} in run.json
CONFIG, OVERRIDES, PROVENANCE, DIFF = (
    "config.yaml",
    "overrides.yaml",
    "provenance.json",
    "git.diff",
)
LONGEST = 60  # characters of a value in a message
MISSING = object()  # marks a missing value, since null is a value


def seal(folder: RunFolder, name: str, content: Any) -> None:
    """Store the content of a run's file in run.json, before the file is written."""
    known = folder.read_description()
    logged = {**known.get(LOGGED, {}), name: mask_nested(_plain(content))}
    folder.write_json(RUN_FILE, {**known, LOGGED: logged})


def read_logged_file(folder: RunFolder, name: str) -> Any:
    """Return the logged content of a file from run.json, or None if it is not there.

    It is missing in a folder of an earlier version, and if the run died before the file was
    written. Raises RequestError for a damaged run.json.
    """
    return folder.read_description().get(LOGGED, {}).get(name)


def find_edits(folder: RunFolder, name: str, content: Any) -> tuple[str, ...]:
    """Describe how the current content of a file differs from the logged one.

    The result is empty if nothing was logged for the file. Raises RequestError for a damaged
    run.json.
    """
    logged = read_logged_file(folder, name)
    return () if logged is None else compare_values(logged, content)


def compare_values(logged: Any, content: Any) -> tuple[str, ...]:
    """Describe each value that differs between the logged and the current content.

    A value that was masked when it was logged is not compared.
    """
    before, now = _flatten(logged), _flatten(content)
    return tuple(
        words
        for key in [*before, *(key for key in now if key not in before)]
        for words in _compare(key, before.get(key, MISSING), now.get(key, MISSING))
    )


def _compare(key: str, before: Any, now: Any) -> list[str]:
    if before == now or MASK in str(before):
        return []
    if isinstance(before, list) and isinstance(now, list):
        gone, come = Counter(map(str, before)), Counter(map(str, now))
        words = [f"{_show(each)} was logged but is not in the file" for each in gone - come]
        words += [f"{_show(each)} is in the file but was not logged" for each in come - gone]
        where = f"{key}: " if key else ""
        return [f"{where}{each}" for each in words or ["the order of the items differs"]]
    if before is MISSING:
        return [f"{key} was not logged, the file has {_show(now)}"]
    if now is MISSING:
        return [f"{key} was logged as {_show(before)} but is not in the file"]
    shown = _show(before), _show(now)
    if shown[0] == shown[1]:  # 1 and "1", or two long texts
        shown = f"{before!r:.1000}", f"{now!r:.1000}"
    return [f"{key} was logged as {shown[0]}, the file has {shown[1]}"]


def digest(content: Any) -> str:
    """Return a digest of the values in a run's file, as 16 hex digits."""
    text = json.dumps(mask_nested(_plain(content)), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _flatten(content: Any) -> dict[str, Any]:
    """Return {dotted key: value} of a mapping, or {"": content} for a list."""
    plain = _plain(content)
    return flatten_nested(plain) if isinstance(plain, Mapping) else {"": plain}


def _plain(content: Any) -> Any:
    """Return content after a round trip through JSON."""
    return json.loads(json.dumps(content))


def _show(value: Any) -> str:
    text = "null" if value is None else str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
