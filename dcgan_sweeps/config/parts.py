"""The models, data sets, losses and optimizers that a configuration can name.

part = find_part("model", "dcgan28")
part.schema          # Dcgan28, the frozen dataclass of its keys
load_builder(part)   # its function, which imports TensorFlow

An installed package brings its own by entry points of the groups in ENTRY_POINTS.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from dcgan_sweeps.config.faults import Fault, RequestError, refuse
from dcgan_sweeps.config.fields import TYPE_NAMES, Allowed, read_type
from dcgan_sweeps.config.schema import (
    Adam,
    AdamW,
    BuiltInData,
    Data,
    Dcgan28,
    Dcgan64,
    Loss,
    Model,
    Optimizer,
    RmsProp,
    Sgd,
    WganGp,
)

# The groups that are open, and the class below which the schemas of each one are.
KINDS: Mapping[str, type[Any]] = {
    "model": Model,
    "data": Data,
    "loss": Loss,
    "optimizer": Optimizer,
}
ENTRY_POINTS = {
    "model": "dcgan_sweeps.models",
    "data": "dcgan_sweeps.datasets",
    "loss": "dcgan_sweeps.losses",
    "optimizer": "dcgan_sweeps.optimizers",
}
PROVIDER = "parts of "  # in Hydra's search path, followed by the name of the package


@dataclass(frozen=True)
class Part:
    """One choice of an open group.

    `schema` is a frozen dataclass that states the type and the allowed values of each key.
    `builder` is "package.module:function"; its module is imported only when a run starts, so that
    reading a configuration imports no TensorFlow. `images` are the shapes of images (height, width,
    channels) that a model is for; None: any.
    """

    schema: type[Any]
    builder: str
    images: Allowed | None = None


@dataclass(frozen=True)
class Origin:
    """The installed package that brings a part, and the folder of its sources."""

    package: str
    version: str
    folder: Path


BUILT_IN: Mapping[str, Mapping[str, Part]] = {
    "model": {
        "dcgan28": Part(
            Dcgan28,
            "dcgan_sweeps.gan.dcgan28:build",
            Allowed(
                lambda shape: shape[0] % 4 == shape[1] % 4 == 0, "sides that are multiples of 4"
            ),
        ),
        "dcgan64": Part(
            Dcgan64,
            "dcgan_sweeps.gan.dcgan64:build",
            Allowed(lambda shape: shape[:2] in ((32, 32), (64, 64)), "32x32 or 64x64 pixels"),
        ),
    },
    "data": {
        "fashion_mnist": Part(BuiltInData, "dcgan_sweeps.datasets.fashion_mnist:load"),
        "idx": Part(BuiltInData, "dcgan_sweeps.datasets.idx:load"),
        "cifar10": Part(BuiltInData, "dcgan_sweeps.datasets.cifar10:load"),
        "svhn": Part(BuiltInData, "dcgan_sweeps.datasets.svhn:load"),
        "folder": Part(BuiltInData, "dcgan_sweeps.datasets.folder:load"),
        "synthetic": Part(BuiltInData, "dcgan_sweeps.datasets.synthetic:load"),
    },
    "loss": {
        "bce": Part(Loss, "dcgan_sweeps.gan.losses:build_bce"),
        "lsgan": Part(Loss, "dcgan_sweeps.gan.losses:build_lsgan"),
        "hinge": Part(Loss, "dcgan_sweeps.gan.losses:build_hinge"),
        "wgan_gp": Part(WganGp, "dcgan_sweeps.gan.losses:build_wgan_gp"),
        "relativistic": Part(Loss, "dcgan_sweeps.gan.losses:build_relativistic"),
    },
    "optimizer": {
        "adam": Part(Adam, "dcgan_sweeps.gan.optimizers:build_adam"),
        "adamw": Part(AdamW, "dcgan_sweeps.gan.optimizers:build_adamw"),
        "rmsprop": Part(RmsProp, "dcgan_sweeps.gan.optimizers:build_rmsprop"),
        "sgd": Part(Sgd, "dcgan_sweeps.gan.optimizers:build_sgd"),
    },
}


@cache
def find_entries(group: str) -> Mapping[str, tuple[EntryPoint, ...]]:
    """Return {name: entry points} of the parts that other packages bring."""
    found: dict[str, tuple[EntryPoint, ...]] = {}
    for each in entry_points(group=ENTRY_POINTS[group]):
        found[each.name] = (*found.get(each.name, ()), each)
    return found


def list_names(group: str) -> list[str]:
    """Return the names of all parts of a group, the built-in ones first."""
    foreign = sorted(find_entries(group).keys() - BUILT_IN[group].keys())
    return [*BUILT_IN[group], *foreign]


def find_part(group: str, name: object) -> Part:
    """Return a part by its name; raises RequestError if there is none, or if it is not valid."""
    key = f"{group}.name"
    entries = find_entries(group).get(str(name), ())
    if name in BUILT_IN[group] and not entries:
        return BUILT_IN[group][str(name)]
    if not entries:
        raise refuse(key, f"got {name}; allowed: {', '.join(list_names(group))}")
    packages = sorted(map(_name_package, entries))
    if len(packages) > 1 or name in BUILT_IN[group]:
        owners = ["dcgan_sweeps"] * (name in BUILT_IN[group]) + packages
        raise refuse(key, f"got {name}, which {' and '.join(owners)} bring; uninstall all but one")
    (entry,) = entries
    try:
        part = entry.load()
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise refuse(
            key, f"got {name} of {packages[0]}, which cannot be loaded: {reason}"
        ) from error
    problems = [*_find_problems(group, part)]
    if problems:
        raise RequestError(
            [Fault(key, f"got {name} of {packages[0]}: {each}") for each in problems]
        )
    found: Part = part
    return found


def _find_problems(group: str, part: Any) -> Iterator[str]:
    """Yield what is wrong with a part of another package."""
    kind = KINDS[group]
    if not isinstance(part, Part):
        yield f"its entry point is a {type(part).__name__}; allowed: a Part"
        return
    schema: Any = part.schema
    if not (is_dataclass(schema) and isinstance(schema, type) and issubclass(schema, kind)):
        yield f"its schema is {schema!r}; allowed: a frozen dataclass below {kind.__name__}"
        return
    for field in fields(schema):
        written, _ = read_type(field)
        if written not in TYPE_NAMES:
            yield f"{field.name} is a {written}; allowed: {', '.join(TYPE_NAMES)}, Optional[...]"


def load_builder(part: Part) -> Callable[..., Any]:
    """Return the function that builds a part; imports its module."""
    module, _, name = part.builder.partition(":")
    builder: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return builder


def find_builder(group: str, config: Any) -> Callable[..., Any]:
    """Return the function that builds the part which a configuration names; imports its module."""
    return load_builder(find_part(group, config.name))


def find_origin(group: str, name: str) -> Origin | None:
    """Return where a part comes from; None for a built-in one."""
    entries = find_entries(group).get(name, ())
    if not entries or entries[0].dist is None:
        return None
    dist = entries[0].dist
    return Origin(dist.name, dist.version, _find_folder(entries[0]))


def list_conf_folders() -> list[tuple[str, Path]]:
    """Return (package, folder) of the configuration files of every package that brings parts.

    They are in the folder conf/ of the package that the entry point names.
    """
    found = {}
    for group in ENTRY_POINTS:
        for entries in find_entries(group).values():
            for each in entries:
                folder = _find_folder(each) / "conf"
                if folder.is_dir():
                    found[folder] = _name_package(each)
    return [(package, folder) for folder, package in found.items()]


def _name_package(entry: EntryPoint) -> str:
    return "an unknown package" if entry.dist is None else entry.dist.name


@cache
def _find_folder(entry: EntryPoint) -> Path:
    spec = importlib.util.find_spec(entry.module.partition(".")[0])
    places = [] if spec is None else spec.submodule_search_locations or []
    return Path(next(iter(places), entry.module))
