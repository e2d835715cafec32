"""Every technique in whole runs: it makes a difference, is repeatable, and resumes to the bit."""

from __future__ import annotations

import json

import pytest

from dcgan_sweeps.config.flat import flatten
from dcgan_sweeps.execution.spec import Stop
from dcgan_sweeps.logged_config import compute_config_hash
from dcgan_sweeps.tracking.outcome import Outcome

# All techniques, some of them together, since each case trains three times.
CASES = [
    ["loss=lsgan", "train.discriminator_batches=separate", "optimizer=sgd"],
    ["loss=hinge", "model.spectral_norm=true", "train.latents=uniform"],
    ["loss=wgan_gp", "train.discriminator_steps=5", "optimizer=rmsprop"],
    ["loss=relativistic", "loss.penalty_every=2", "train.augment=[translation,cutout]"],
    ["loss.r1=0.1", "train.label_smoothing=0.1", "optimizer=adamw", "train.ema=0.9"],
]


def read_digests(execution):
    records = map(json.loads, execution.recorder.folder.history.read_text().splitlines())
    kept = ("digest.weights", "digest.samples", "loss/penalty", "loss/generator")
    return [{key: each[key] for key in kept if key in each} for each in records]


@pytest.fixture(scope="module")
def plain(there):
    return read_digests(there.execute("train.steps_per_call=5"))


@pytest.mark.slow
@pytest.mark.parametrize("words", CASES, ids=lambda words: words[0])
def test_a_technique_matters_is_repeatable_and_resumes_to_the_bit(there, plain, words):
    whole = there.execute(*words)
    hashes = {compute_config_hash(flatten(there.ask(*each).config)) for each in (words, ())}
    assert len(hashes) == 2
    stop = Stop(Outcome.INTERRUPTED, "")
    first = there.execute(*words, judge=lambda end: stop if end.number == 1 else None)
    done = read_digests(first)[:-2]
    assert done == read_digests(whole)[: len(done)]
    assert len(done) > 2
    again = there.resume(first.recorder.folder)
    assert again.outcome == whole.outcome == Outcome.COMPLETE
    assert read_digests(again) == read_digests(whole)
    assert read_digests(whole) != plain
