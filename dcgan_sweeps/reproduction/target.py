"""Finds the run to reproduce, and reads all that it logged to compare with.

original = find_original("best", Place(dir="mlruns", uri=None, experiment="dcgan_sweeps"))
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dcgan_sweeps.config.faults import refuse
from dcgan_sweeps.config.flat import flatten
from dcgan_sweeps.config.schema import Config
from dcgan_sweeps.logged_config import compute_config_hash, read_logged
from dcgan_sweeps.paths import resolve_folder
from dcgan_sweeps.runs.logged_run import (
    LoggedRun,
    find_finished,
    name_artifact,
    read_artifact,
    read_series,
)
from dcgan_sweeps.runs.selection import ALLOWED, Place, find_run, is_run_name
from dcgan_sweeps.tracking.checkpoints import Checkpoint, list_checkpoints, read_checkpoint
from dcgan_sweeps.tracking.documents import (
    LARGEST,
    LARGEST_TEXT,
    parse_mapping,
    parse_texts,
    read_mapping,
)
from dcgan_sweeps.tracking.edits import CONFIG, DIFF, LOGGED, OVERRIDES, PROVENANCE, digest
from dcgan_sweeps.tracking.folder import RunFolder
from dcgan_sweeps.tracking.history import REPEATABLE, History, read_history
from dcgan_sweeps.tracking.logged_files import (
    find_config_edits,
    find_edited_params,
    find_provenance_edits,
    hash_diff,
    read_provenance,
)
from dcgan_sweeps.tracking.provenance import check_facts, require_parts
from dcgan_sweeps.tracking.store import Client, open_store


@dataclass(frozen=True)
class Original:
    """A run to reproduce, and what it logged."""

    name: str  # run id, or file
    found: str  # how it was found, in words
    config: Config
    overrides: tuple[str, ...]
    provenance: Mapping[str, Any]  # empty where none was logged
    diff: str
    history: History
    edited: tuple[str, ...]  # changes of the logged configuration since, in words
    altered: tuple[str, ...]  # changes of the other files of the run since, in words


def find_original(target: str, place: Place) -> Original:
    """Return the run that `target` names: "best", "study:NAME", a run id, or a config file.

    Raises RequestError for a run that cannot be found, or has no valid configuration.
    """
    if not is_run_name(target):
        path = resolve_folder("TARGET", target)
        if path.is_file():
            return read_file(path, place)
        raise refuse("TARGET", f"got {target}; {ALLOWED}, or a config file (.yaml)")
    client = open_store(place.uri, place.dir)
    return read_tracked(client, *find_run(client, place.experiment, target))


def read_tracked(client: Client, run: LoggedRun, found: str) -> Original:
    """Return a run of a store, from its artifacts and metrics.

    Raises RequestError for a damaged artifact.
    """

    def read(path: str, absent: str, largest: int = LARGEST) -> tuple[str, str]:
        """Return the text of an artifact, or `absent`, and its name for faults."""
        text = read_artifact(client, run.run_id, path, largest)
        return absent if text is None else text, name_artifact(run.run_id, path)

    config_path = f"config/{CONFIG}"
    config_text = read_artifact(client, run.run_id, config_path, LARGEST)
    if config_text is None:
        raise refuse("TARGET", f"run {run.run_id} logged no {config_path}")
    diff = read_artifact(client, run.run_id, DIFF, LARGEST_TEXT)
    provenance = parse_mapping(*read(PROVENANCE, "{}"))
    check_facts(provenance, name_artifact(run.run_id, PROVENANCE))
    require_parts(provenance)
    overrides = parse_texts(*read(f"config/{OVERRIDES}", "[]"))
    history = read_history(*read("history.jsonl", "", LARGEST_TEXT))
    config = read_logged(parse_mapping(config_text, name_artifact(run.run_id, config_path)))
    series = read_series(client, run.run_id, [x for x in run.metrics if x.startswith(REPEATABLE)])
    return Original(
        run.run_id,
        found if run.outcome == "complete" else f"{found} ({run.outcome or run.status.lower()})",
        config,
        overrides,
        provenance,
        diff or "",
        History(series, history.digests),
        find_edited_params(flatten(config), run.params),
        find_altered(run, {OVERRIDES: overrides, PROVENANCE: provenance}, diff),
    )


def find_altered(run: LoggedRun, contents: Mapping[str, Any], diff: str | None) -> tuple[str, ...]:
    """Return in words which artifacts of a run have changed since they were logged.

    The tags that were logged with them tell; runs of earlier versions have no such tags.
    """
    altered = []
    for name, content in contents.items():
        logged = run.tags.get(f"{LOGGED}.{name}", digest(content))
        if logged != digest(content):
            altered.append(f"{name} was logged with digest {logged}, and has {digest(content)}")
    facts = contents[PROVENANCE]
    if diff is not None and facts.get("diff_sha256", hash_diff(diff)) != hash_diff(diff):
        altered.append(f"{DIFF} does not have the SHA-256 that {PROVENANCE} states")
    return tuple(altered)


def read_file(path: Path, place: Place) -> Original:
    """Return the run that a config file belongs to, or else one with the same config hash.

    It belongs to a run where it is in a run's folder. Raises RequestError for a damaged file.
    """
    nested = read_mapping(path)
    folders = map(RunFolder, (path.parent, path.parent.parent))
    folder = next((each for each in folders if each.history.is_file()), None)
    if folder is None:
        return _find_by_config_hash(path, nested, place)
    provenance = read_provenance(folder)
    require_parts(provenance)
    config = read_logged(nested)
    history = folder.read_history()
    return Original(
        str(path),
        f"{path}, with the history in {folder.root}",
        config,
        (),
        provenance,
        folder.read_text(DIFF),
        read_history(history, str(folder.history)),
        find_config_edits(folder, config, provenance),
        find_altered_files(folder, provenance, history),
    )


def find_altered_files(
    folder: RunFolder, provenance: Mapping[str, Any], history: str
) -> tuple[str, ...]:
    """Return in words which files of a run, other than its configuration, were changed."""
    altered = [
        f"{name}: {words}"
        for name, edits in find_provenance_edits(folder, provenance).items()
        for words in edits
    ]
    whole = (_read_whole(path) for path in list_checkpoints(folder.checkpoints))
    newest = next((each for each in whole if each is not None), None)
    if newest is not None and not history.startswith(newest.history):
        before, now = newest.history.split("\n"), history.split("\n")
        same = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(before, now, strict=False))
        line = len(list(same)) + 1
        altered.append(
            f"{folder.history.name}: line {line} differs from the checkpoint of step {newest.step}"
        )
    return tuple(altered)


def _read_whole(path: Path) -> Checkpoint | None:
    """Return a checkpoint, None for a damaged one."""
    try:
        return read_checkpoint(path)
    except ValueError:
        return None


def _find_by_config_hash(path: Path, nested: Mapping[str, Any], place: Place) -> Original:
    config_hash = compute_config_hash(flatten(read_logged(nested)))
    client = open_store(place.uri, place.dir)
    runs = find_finished(client, place.experiment, config_hash)
    if not runs:
        problem = (
            f"got {path}; there is nothing to compare with: no history.jsonl in its folder, and "
            f"no complete run with its config hash {config_hash} in the store"
        )
        raise refuse("TARGET", problem)
    run = runs[0]
    return read_tracked(client, run, f"{path}, with the config hash of {run.run_id}, {run.name}")
