"""Composes the configurations of many trials, which differ in few values.

compose = RepeatedComposition(loader, master, with_hydra=True)
compose(["optimizer=adam", "optimizer.lr=0.002"])   # as loader.load_sweep_config

Hydra composes each choice of groups once, which takes 0.15 s; the values are then set in a copy, by
the function with which Hydra sets them.
"""

from __future__ import annotations

import copy
import functools
import threading
from collections.abc import Sequence
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, open_dict

MOST = 64  # choices of groups that are kept


class RepeatedComposition:
    """Composes overrides on a configuration whose own overrides of Hydra count too.

    Without Hydra's own part, `hydra`, it takes a third of the time. It may be called from several
    threads.
    """

    def __init__(self, loader: Any, master: DictConfig, *, with_hydra: bool):
        self.loader = loader
        self.master = master
        self.with_hydra = with_hydra
        self._of_master = parse(master.hydra.overrides.hydra)
        self._lock = threading.Lock()  # OmegaConf's parser is not made for threads
        self._compose_groups = functools.lru_cache(MOST)(self._compose)

    def __call__(self, words: Sequence[str]) -> DictConfig:
        """Return the composed configuration; raises what Hydra raises."""
        with self._lock:
            overrides = parse(words)
            groups = [str(each.input_line) for each in overrides if self._chooses_group(each)]
            values = [each for each in overrides if not self._chooses_group(each)]
            composed = copy.deepcopy(self._compose_groups(*groups))
            ConfigLoaderImpl._apply_overrides_to_config(values, composed)
            if self.with_hydra:
                _name_overrides(composed, [*self._of_master, *overrides])
            return composed

    def _chooses_group(self, override: Override) -> bool:
        is_group = self.loader.repository.group_exists(override.key_or_group)
        return bool(is_group or override.package is not None or override.is_hydra_override())

    def _compose(self, *words: str) -> DictConfig:
        composed: DictConfig = self.loader.load_sweep_config(self.master, list(words))
        if not self.with_hydra:
            with open_dict(composed):
                del composed["hydra"]
        return composed


def parse(words: Sequence[str]) -> list[Override]:
    parsed: list[Override] = OverridesParser.create().parse_overrides(list(words))
    return parsed


def _name_overrides(composed: DictConfig, overrides: Sequence[Override]) -> None:
    """Write the names of all overrides where Hydra keeps them."""
    of_the_run = [each for each in overrides if not each.is_hydra_override()]
    composed.hydra.overrides.task = [each.input_line for each in of_the_run]
    form = composed.hydra.job.config.override_dirname
    composed.hydra.job.override_dirname = get_overrides_dirname(
        overrides=of_the_run,
        kv_sep=form.kv_sep,
        item_sep=form.item_sep,
        exclude_keys=form.exclude_keys,
    )
