"""Reads the configuration, overrides and provenance of a run, and detects edits of these files.

files = read_files(folder)   # raises RequestError for a damaged file
require_none(files.edits)    # raises RequestError with each difference in an edited file
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dcgan_sweeps.config.faults import Fault, refuse
from dcgan_sweeps.config.flat import flatten
from dcgan_sweeps.config.schema import Config
from dcgan_sweeps.files import read_text
from dcgan_sweeps.logged_config import compute_config_hash, read_logged, rename_logged
from dcgan_sweeps.secrets import MASK
from dcgan_sweeps.tracking.documents import LARGEST_TEXT, read_mapping, read_texts
from dcgan_sweeps.tracking.edits import (
    CONFIG,
    DIFF,
    OVERRIDES,
    PROVENANCE,
    compare_values,
    find_edits,
    read_logged_file,
)
from dcgan_sweeps.tracking.folder import RunFolder
from dcgan_sweeps.tracking.provenance import check_facts


@dataclass(frozen=True)
class LoggedFiles:
    """The content of a run's files, and a fault for each edit since they were logged."""

    config: Config
    overrides: tuple[str, ...]
    provenance: Mapping[str, Any]  # empty if the run died before it was written
    edits: tuple[Fault, ...]


def read_files(folder: RunFolder) -> LoggedFiles:
    """Return the files of a run.

    Raises RequestError for a damaged file, and for a configuration that this version cannot read.
    """
    provenance = read_provenance(folder)
    config = read_logged(read_mapping(folder.root / CONFIG))
    overrides = read_texts(folder.root / OVERRIDES)
    found = {
        CONFIG: find_config_edits(folder, config, provenance),
        OVERRIDES: find_edits(folder, OVERRIDES, overrides),
        **find_provenance_edits(folder, provenance),
    }
    edits = tuple(
        Fault(str(folder.root / name), f"{words}; undo the edit, or start a new run")
        for name, edits in found.items()
        for words in edits
    )
    return LoggedFiles(config, overrides, provenance, edits)


def read_provenance(folder: RunFolder) -> dict[str, Any]:
    """Return the provenance of a run, {} if the run died before it was written.

    Raises RequestError if it is damaged.
    """
    provenance = folder.read_mapping(PROVENANCE)
    check_facts(provenance, str(folder.root / PROVENANCE))
    return provenance


def require_provenance(folder: RunFolder) -> None:
    """Raise RequestError if the provenance of a run that has trained was removed.

    It holds the number of threads that the run has to be resumed with.
    """
    if not (folder.root / PROVENANCE).is_file():
        raise refuse(str(folder.root / PROVENANCE), "is missing; restore it, or start a new run")


def find_config_edits(
    folder: RunFolder, config: Config, provenance: Mapping[str, Any]
) -> tuple[str, ...]:
    """Describe how a run's configuration differs from the logged one in run.json.

    For a run of an earlier version, only the config hash can be compared.
    """
    now = flatten(config)
    logged = read_logged_file(folder, CONFIG)
    if isinstance(logged, Mapping):
        logged = rename_logged(logged)
        # This version may have keys that the run did not have.
        return compare_values(logged, {key: now[key] for key in now if key in logged})
    found = compute_config_hash(now)
    config_hash = rename_logged(provenance).get("config_hash", found)
    if config_hash == found:
        return ()
    return (f"the config hash of the run is {config_hash}, that of the file is {found}",)


def find_edited_params(flat: Mapping[str, Any], params: Mapping[str, str]) -> tuple[str, ...]:
    """Describe how a configuration differs from the params that were logged with it.

    The tracking keys are not compared, since another machine has other folders.
    """
    return tuple(
        f"{key} was logged as {params[key]}, the file has {value}"
        for key, value in flat.items()
        if key in params
        and str(value) != params[key]
        and MASK not in params[key]
        and not key.startswith("tracking.")
    )


def find_provenance_edits(
    folder: RunFolder, provenance: Mapping[str, Any]
) -> dict[str, tuple[str, ...]]:
    """Return {file: descriptions of its edits} for the provenance of a run and for its diff."""
    return {
        # It is empty if the run died before it was written; see require_provenance.
        PROVENANCE: find_edits(folder, PROVENANCE, provenance) if provenance else (),
        DIFF: find_diff_edits(folder, provenance),
    }


def find_diff_edits(folder: RunFolder, provenance: Mapping[str, Any]) -> tuple[str, ...]:
    """Describe how the diff of a run differs from the logged one."""
    path = folder.root / DIFF
    logged = read_logged_file(folder, DIFF)
    if logged is None and "diff_sha256" in provenance:
        logged = {"sha256": provenance["diff_sha256"]}
    if logged is None or not path.is_file():
        return ()
    return compare_values(logged, {"sha256": hash_diff(read_text(path, LARGEST_TEXT))})


def hash_diff(diff: str) -> str:
    """Return the SHA-256 of a diff, as in the provenance."""
    return hashlib.sha256(diff.encode()).hexdigest()
