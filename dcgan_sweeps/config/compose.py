"""Composes a configuration from conf/ and overrides, and checks it.

config = compose("config", ["optimizer.lr=2e-4"], Config)
config.optimizer.lr  # 0.0002
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TypeVar

import hydra.version
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.core.config_store import ConfigStore
from hydra.types import RunMode
from omegaconf import open_dict

from dcgan_sweeps.config.nodes import freeze, make_open_schema
from dcgan_sweeps.config.schema import ClassifierConfig, Config

T = TypeVar("T")

SCHEMAS = {"config": ("schema", Config), "classifier": ("classifier_schema", ClassifierConfig)}


def find_conf_dir() -> Path:
    """Return the folder of the defaults, inside the installed package or next to the sources."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "conf"
    return installed if installed.is_dir() else package.parent / "conf"


@cache
def register_schemas() -> None:
    """Register the schemas with Hydra, which then rejects unknown keys and wrong types."""
    for name, schema in SCHEMAS.values():
        ConfigStore.instance().store(name=name, node=make_open_schema(schema))


def compose(config_name: str, overrides: Sequence[str], kind: type[T]) -> T:
    """Return the checked configuration that Hydra composes from conf/ and `overrides`.

    A Hydra that is running in this process, as in a launcher's job, is left alone.
    """
    register_schemas()
    hydra.version.setbase("1.3")
    loader = ConfigLoaderImpl(create_config_search_path(str(find_conf_dir())))
    composed = loader.load_configuration(config_name, list(overrides), RunMode.RUN)
    with open_dict(composed):
        del composed["hydra"]
    config = freeze(composed)
    if not isinstance(config, kind):
        raise TypeError(f"{config_name} composes a {type(config).__name__}, not a {kind.__name__}")
    return config


@cache
def read_defaults() -> Config:
    """Return the configuration of a run without overrides."""
    return compose("config", [], Config)
