"""Reads the config files that a request may compose: conf/, and the user's own folders.

configs = read_configs([Source("command-line", "file", "/mine")])
configs["experiment/mine.yaml"]   # its bytes
"""

from __future__ import annotations

import importlib.resources
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path

from dcgan_sweeps.config.faults import refuse
from dcgan_sweeps.sweep.folder import Configs

MOST_FILES = 2000  # a folder with more files is hardly a config folder


@dataclass(frozen=True)
class Source:
    """An element of Hydra's search path: its provider, and a folder or a package."""

    provider: str
    scheme: str
    path: str


def read_configs(sources: Sequence[Source]) -> Configs:
    """Return {name: content} of every YAML file of the search path.

    Of two files with the same name it returns the first, as Hydra does. Files of Hydra and its
    plugins are left out, as they are part of the installed packages. Raises RequestError for a
    folder with too many files.
    """
    configs: dict[str, bytes] = {}
    for source in sources:
        root: Traversable
        if source.scheme == "file":
            root = Path(source.path)
        elif source.scheme == "pkg" and source.provider.startswith("hydra.searchpath"):
            root = importlib.resources.files(source.path.replace("/", "."))
        else:
            continue
        for number, (name, content) in enumerate(_read_tree(root, "", set()), 1):
            configs.setdefault(name, content)
            if number > MOST_FILES:
                problem = f"got {source.path}; allowed: at most {MOST_FILES} YAML files"
                raise refuse("--config-dir", problem)
    return configs


def _read_tree(folder: Traversable, prefix: str, seen: set[str]) -> Iterator[tuple[str, bytes]]:
    real = os.path.realpath(str(folder))
    is_closed = isinstance(folder, Path) and not os.access(folder, os.R_OK | os.X_OK)
    if real in seen or is_closed:  # links may form a circle
        return
    seen.add(real)
    for each in sorted(folder.iterdir(), key=lambda each: each.name):
        if each.is_dir():
            # Hidden folders and the folder of runs hold no configs.
            if not each.name.startswith(".") and each.name != "mlruns":
                yield from _read_tree(each, f"{prefix}{each.name}/", seen)
        elif each.name.endswith(".yaml"):
            yield f"{prefix}{each.name}", each.read_bytes()
