"""Studies that an earlier version started, which lack newer settings, are resumed as they began."""

from __future__ import annotations

import re
import shutil

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from hydra.types import RunMode
from omegaconf import OmegaConf, open_dict

from dcgan_sweeps.config.compose import find_conf_dir, register_schemas
from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.config.flat import flatten
from dcgan_sweeps.config.nodes import freeze
from dcgan_sweeps.config.parts import KINDS
from dcgan_sweeps.config.schema import ADDED
from dcgan_sweeps.sweep.settings import EARLIER_BEHAVIOUR
from hydra_plugins.dcgan_sweeps_study import add_study_words, read_settings, recompose

SEARCH = ("search=random", "hydra.sweeper.n_trials=2")


def test_a_setting_that_its_files_lack_has_the_value_of_its_time_or_else_todays(tmp_path):
    register_schemas()
    conf = tmp_path / "conf"
    shutil.copytree(find_conf_dir(), conf)
    file = conf / "hydra/sweeper/study.yaml"
    lines = rf"^({'|'.join(EARLIER_BEHAVIOUR)}|retries):.*\n"
    file.write_text(re.sub(lines, "", file.read_text(), flags=re.MULTILINE))
    now, then = (
        ConfigLoaderImpl(create_config_search_path(str(path))) for path in (find_conf_dir(), conf)
    )
    master = add_study_words(now.load_configuration("config", [*SEARCH], RunMode.MULTIRUN))
    assert read_settings(master).trial_seeds == "own"
    settings = read_settings(recompose(then, master))
    assert {key: getattr(settings, key) for key in EARLIER_BEHAVIOUR} == EARLIER_BEHAVIOUR
    assert settings.retries == read_settings(master).retries


def test_a_key_that_its_files_lack_has_the_value_that_changes_nothing(tmp_path):
    register_schemas()
    conf = tmp_path / "conf"
    shutil.copytree(find_conf_dir(), conf)
    for key in ADDED:
        group, name = key.split(".")
        for file in (conf / group).glob("*.yaml"):
            text = re.sub(rf"^{name}:.*\n", "", file.read_text(), flags=re.MULTILINE)
            file.write_text(text)
    loader = ConfigLoaderImpl(create_config_search_path(str(conf)))
    composed = loader.load_configuration("config", [], RunMode.RUN)
    with open_dict(composed):
        del composed["hydra"]
    assert OmegaConf.missing_keys(composed) == {
        key for key in ADDED if key.partition(".")[0] not in KINDS
    }
    flat = flatten(freeze(composed))
    assert {key: flat[key] for key in ADDED} == ADDED


def test_a_search_without_seeds_of_its_trials_keeps_the_shared_seed(play):
    shared = "hydra.sweeper.trial_seeds=shared"
    begun = play(*SEARCH, shared)
    assert "trial_seeds" not in begun.live.folder.read()
    with pytest.raises(RequestError, match="trial_seeds: got own; the study started with shared"):
        play(*SEARCH)
    again = play(*SEARCH, shared)
    again.run()
    varied = [word for each in again.trials for word in each.user_attrs["varied"]]
    assert [word for word in varied if word.startswith("seed=")] == []
