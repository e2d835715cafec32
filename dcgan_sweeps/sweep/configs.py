"""The config files that a request may compose from: conf/, and the user's own folders.

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

from dcgan_sweeps.config import refuse
from dcgan_sweeps.sweep.folder import Configs

MOST_FILES = 2000  # a folder of more is none of configs


@dataclass(frozen=True)
class Source:
    """An element of Hydra's search path: who named it, and a folder or a package."""

    provider: str
    scheme: str
    path: str


def read_configs(sources: Sequence[Source]) -> Configs:
    """Return every YAML file of the search path, of two of one name the first, as Hydra has it.

    Hydra's own and its plugins' are left out: they are a part of the installed packages. Raises
    RequestError for a folder that holds too many.
    """
    configs: dict[str, bytes] = {}
    for source in sources:
        if source.scheme == "file":
            found = _read_folder(Path(source.path))
        elif source.scheme == "pkg" and source.provider.startswith("hydra.searchpath"):
            found = _read_package(source.path)
        else:
            continue
        for number, (name, content) in enumerate(found, 1):
            configs.setdefault(name, content)
            if number > MOST_FILES:
                problem = f"got {source.path}; allowed: at most {MOST_FILES} YAML files"
                raise refuse("--config-dir", problem)
    return configs


def _read_folder(root: Path) -> Iterator[tuple[str, bytes]]:
    seen: set[str] = set()
    for folder, below, files in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        # Links may lead in a circle; what begins with a dot, and a run's own, is no config.
        below[:] = [] if real in seen else sorted(name for name in below if _is_searched(name))
        if real in seen:
            continue
        seen.add(real)
        for name in sorted(files):
            if name.endswith(".yaml"):
                path = Path(folder) / name
                yield str(path.relative_to(root)), path.read_bytes()


def _is_searched(name: str) -> bool:
    return not name.startswith(".") and name != "mlruns"


def _read_package(path: str) -> Iterator[tuple[str, bytes]]:
    root = importlib.resources.files(path.replace("/", "."))
    yield from _read_tree(root, "")


def _read_tree(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    for each in folder.iterdir():
        if each.is_dir():
            yield from _read_tree(each, f"{prefix}{each.name}/")
        elif each.name.endswith(".yaml"):
            yield f"{prefix}{each.name}", each.read_bytes()
