"""Differences between the files of a run and what was logged in them.

seal(folder, "overrides.yaml", ["seed=1"])               # run.json keeps what the file says
find_edits(folder, "overrides.yaml", ["seed=2"])         # what was changed in it since, in words

Values count, not how they are written: a file that was indented anew is not edited.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from dcgan_sweeps.config import flatten_nested
from dcgan_sweeps.secrets import MASK, mask_nested
from dcgan_sweeps.tracking.folder import RUN_FILE, RunFolder

LOGGED = "logged"  # {file: what it says} in run.json
CONFIG, OVERRIDES, PROVENANCE, DIFF = (
    "config.yaml",
    "overrides.yaml",
    "provenance.json",
    "git.diff",
)
LONGEST = 60  # signs of a value in a message
MISSING = object()  # no value, where null is one


def seal(folder: RunFolder, name: str, content: Any) -> None:
    """Keep in run.json what a file of the run says, before the file is written."""
    known = folder.read_description()
    logged = {**known.get(LOGGED, {}), name: mask_nested(_plain(content))}
    folder.write_json(RUN_FILE, {**known, LOGGED: logged})


def read_logged_file(folder: RunFolder, name: str) -> Any:
    """Return the content of a file as run.json has it, None where run.json has none.

    That is so in a folder of an earlier version, and where the run died before. Raises RequestError
    for a damaged run.json.
    """
    return folder.read_description().get(LOGGED, {}).get(name)


def find_edits(folder: RunFolder, name: str, content: Any) -> tuple[str, ...]:
    """Return in words how what a file says now differs from what was logged in it. Empty where
    nothing is known of what was logged; raises RequestError for a damaged run.json."""
    logged = read_logged_file(folder, name)
    return () if logged is None else compare_values(logged, content)


def compare_values(logged: Any, content: Any) -> tuple[str, ...]:
    """Return in words each value that differs between what was logged and what is there now. A
    value that was masked when it was logged says nothing."""
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
        words = [f"{_show(each)} was logged, the file does not have it" for each in gone - come]
        words += [f"{_show(each)} was not logged, the file has it" for each in come - gone]
        where = f"{key}: " if key else ""
        return [f"{where}{each}" for each in words or ["its items have another order"]]
    if before is MISSING:
        return [f"{key} was not logged, the file has {_show(now)}"]
    if now is MISSING:
        return [f"{key} was logged as {_show(before)}, the file does not have it"]
    shown = _show(before), _show(now)
    if shown[0] == shown[1]:  # 1 and "1", or two long texts
        shown = f"{before!r:.1000}", f"{now!r:.1000}"
    return [f"{key} was logged as {shown[0]}, the file has {shown[1]}"]


def digest(content: Any) -> str:
    """Return 16 hex digits that change with every value of a file of the run."""
    text = json.dumps(mask_nested(_plain(content)), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _flatten(content: Any) -> dict[str, Any]:
    """Return {dotted key: value} of a mapping; a list is one value, its items."""
    plain = _plain(content)
    return flatten_nested(plain) if isinstance(plain, Mapping) else {"": plain}


def _plain(content: Any) -> Any:
    """Return content as JSON gives it back."""
    return json.loads(json.dumps(content))


def _show(value: Any) -> str:
    text = "null" if value is None else str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
