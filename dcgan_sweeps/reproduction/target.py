"""Which run is to be done again, and all that it left to compare with.

original = find_original("best", Place(dir="mlruns", uri=None, experiment="dcgan_sweeps"))
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from dcgan_sweeps.config import Config, Fault, RequestError, flatten
from dcgan_sweeps.logged_config import flatten_nested, read_logged, sign
from dcgan_sweeps.paths import resolve_folder
from dcgan_sweeps.tracking.archive import LoggedRun, find_runs, read_artifact, read_series
from dcgan_sweeps.tracking.history import REPEATABLE, History, read_history
from dcgan_sweeps.tracking.store import Client, open_store
from dcgan_sweeps.tracking.targets import ALLOWED, Place, find_run, is_run_name


@dataclass(frozen=True)
class Original:
    """A run to be done again, and what it left."""

    name: str  # run id, or file
    found: str  # how it was found, in words
    config: Config
    overrides: tuple[str, ...]
    provenance: Mapping[str, Any]  # empty where none was logged
    diff: str
    history: History
    edited: tuple[str, ...]  # what was changed in the logged file since, in words


def find_original(target: str, place: Place) -> Original:
    """Return the run that `target` names: "best", "study:NAME", a run id, or a config file.

    Raises RequestError for what cannot be found, or cannot be read under today's schema.
    """
    path = resolve_folder("TARGET", target)
    if not is_run_name(target):
        if path.is_file():
            return read_file(path, place)
        problem = f"got {target}; {ALLOWED}, or a config file (.yaml)"
        raise RequestError([Fault("TARGET", problem)])
    client = open_store(place.uri, place.dir)
    return read_tracked(client, *find_run(client, place.experiment, target))


def read_tracked(client: Client, run: LoggedRun, found: str) -> Original:
    """Return a run of a store, from its artifacts and metrics."""
    texts = {
        name: read_artifact(client, run.run_id, name)
        for name in (
            "config/config.yaml",
            "config/overrides.yaml",
            "provenance.json",
            "git.diff",
            "history.jsonl",
        )
    }
    config_text = texts["config/config.yaml"]
    if config_text is None:
        raise RequestError([Fault("TARGET", f"run {run.run_id} logged no config/config.yaml")])
    nested = _parse(config_text, f"run {run.run_id}")
    provenance = _parse(texts["provenance.json"] or "{}", f"run {run.run_id}")
    names = [name for name in run.metrics if name.startswith(REPEATABLE)]
    return Original(
        run.run_id,
        found if run.outcome == "complete" else f"{found} ({run.outcome or run.status.lower()})",
        read_logged(nested, provenance.get("meanings", {})),
        tuple(map(str, yaml.safe_load(texts["config/overrides.yaml"] or "[]") or ())),
        provenance,
        texts["git.diff"] or "",
        History(
            read_series(client, run.run_id, names),
            read_history(texts["history.jsonl"] or "").digests,
        ),
        find_edits(flatten_nested(nested), run.params),
    )


def find_edits(flat: Mapping[str, Any], params: Mapping[str, str]) -> tuple[str, ...]:
    """Return what a logged file says otherwise than the params that were logged with it."""
    return tuple(
        f"{key} was logged as {params[key]}, the file has {value}"
        for key, value in flat.items()
        if key in params and str(value) != params[key] and not key.startswith("tracking.")
    )


def read_file(path: Path, place: Place) -> Original:
    """Return the run that a config file is of: the one beside it, else one of its signature."""
    path = path.resolve()
    nested = _parse(path.read_text(errors="replace"), str(path))
    folder = next(
        (each for each in (path.parent, path.parent.parent) if (each / "history.jsonl").is_file()),
        None,
    )
    if folder is None:
        return _find_by_signature(path, nested, place)
    provenance_file = folder / "provenance.json"
    provenance = json.loads(provenance_file.read_text()) if provenance_file.is_file() else {}
    diff_file = folder / "git.diff"
    config = read_logged(nested, provenance.get("meanings", {}))
    edited: tuple[str, ...] = ()
    if provenance and provenance["signature"] != sign(flatten(config)):
        signature = sign(flatten(config))
        edited = (f"the run's signature is {provenance['signature']}, the file's {signature}",)
    return Original(
        str(path),
        f"{path}, with the history in {folder}",
        config,
        (),
        provenance,
        diff_file.read_text() if diff_file.is_file() else "",
        read_history((folder / "history.jsonl").read_text()),
        edited,
    )


def _find_by_signature(path: Path, nested: Mapping[str, Any], place: Place) -> Original:
    signature = sign(flatten(read_logged(nested, {})))
    client = open_store(place.uri, place.dir)
    condition = f"tags.outcome = 'complete' and tags.signature = '{signature}'"
    runs = find_runs(client, place.experiment, condition)
    if not runs:
        problem = (
            f"got {path}; there is no history.jsonl beside it, and no complete run of its "
            f"signature {signature} in the store: nothing to compare with"
        )
        raise RequestError([Fault("TARGET", problem)])
    run = runs[0]
    return read_tracked(client, run, f"{path}, of the signature of run {run.run_id}, {run.name}")


def _parse(text: str, where: str) -> dict[str, Any]:
    try:
        nested = yaml.safe_load(text)
    except yaml.YAMLError as error:
        problem = f"the configuration of {where} is no YAML: {str(error).splitlines()[0]}"
        raise RequestError([Fault("TARGET", problem)]) from error
    if not isinstance(nested, dict):
        problem = f"the configuration of {where} is a {type(nested).__name__}, not a mapping"
        raise RequestError([Fault("TARGET", problem)])
    return nested
