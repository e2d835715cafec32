"""Runs in this process: real parts, a tiny configuration, a folder of their own."""

from __future__ import annotations

import io
from functools import cache

import pytest

from dcgan_sweeps.command import Request
from dcgan_sweeps.config.compose import compose
from dcgan_sweeps.config.schema import Config
from dcgan_sweeps.datasets.loading import load_images
from dcgan_sweeps.execution.components import Components, choose_rows
from dcgan_sweeps.execution.outcome import execute, go_on
from dcgan_sweeps.execution.resume import build_resumed_spec
from dcgan_sweeps.execution.spec import build_spec
from dcgan_sweeps.gan.networks import build_gan
from dcgan_sweeps.scoring.fcd import prepare_scorer
from dcgan_sweeps.terminal import make_console

# Generated images, which take no time to read; two blocks of five steps an epoch.
WORDS = ("experiment=tiny", "data=synthetic", "data.count=500", "train.steps_per_call=5")
ALONE = ("score=none", "tracking=none", "tracking.system_metrics_s=0")


@cache
def load(data):
    return load_images(data, lambda line: None)


@cache
def prepare(score, data):
    return prepare_scorer(score, load(data))


class Here:
    """Does runs below one folder, and keeps what they print."""

    def __init__(self, root, device):
        self.root = root
        self.device = device
        self.file = io.StringIO()

    @property
    def printed(self):
        return self.file.getvalue()

    def ask(self, *words):
        """Return the request of a run."""
        words = (*WORDS, *ALONE, f"tracking.dir={self.root}/mlruns", *words)
        return Request(compose("config", words, Config), words, {"experiment": "tiny"})

    def ask_to_resume(self, folder, *words):
        """Return the request to go on with a run, all its other settings left out."""
        words = (f"resume={folder.root}", f"tracking.dir={self.root}/mlruns", *words)
        return Request(compose("config", words, Config), words, {"experiment": "baseline"})

    def prepare(self, config):
        """Return the components of a run."""
        images = load(config.data)
        gan = build_gan(
            config.model,
            images.shape,
            config.seed,
            "float32",
            averaged=config.train.ema is not None,
            latents=config.train.latents,
        )
        scorer = prepare(config.score, config.data) if config.score.name == "fcd" else None
        return Components(config, self.device, images, choose_rows(config, images), gan, scorer)

    def execute(self, *words, judge=go_on):
        return self._execute(build_spec(self.ask(*words)), judge)

    def resume(self, folder, *words, judge=go_on):
        spec = build_resumed_spec(self.ask_to_resume(folder, *words), say=self.say)
        return self._execute(spec, judge)

    def say(self, line):
        self.file.write(f"{line}\n")

    def _execute(self, spec, judge):
        return execute(spec, self.prepare(spec.config), make_console(self.file), judge)


@pytest.fixture
def here(tmp_path, device):
    return Here(tmp_path, device)


@pytest.fixture(scope="module")
def there(tmp_path_factory, device):
    """As `here`, for all tests of a file."""
    return Here(tmp_path_factory.mktemp("there"), device)
