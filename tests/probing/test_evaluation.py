"""A discriminator is probed in this process, on images that take no time to read."""

from __future__ import annotations

import io
import json
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.datasets.synthetic import draw_synthetic
from dcgan_sweeps.gan.dcgan28 import build_discriminator
from dcgan_sweeps.interrupt import Interrupts
from dcgan_sweeps.metrics import METRICS
from dcgan_sweeps.probing import protocol, svm
from dcgan_sweeps.probing.evaluation import evaluate, initialise
from dcgan_sweeps.probing.features import Extractor
from dcgan_sweeps.probing.progress import Progress
from dcgan_sweeps.probing.record import describe_gain, log_record, name_metrics, tabulate
from dcgan_sweeps.probing.target import require_new
from dcgan_sweeps.probing.task import Settings
from dcgan_sweeps.runs.logged_run import read_run
from dcgan_sweeps.terminal import make_console
from dcgan_sweeps.tracking.store import connect, find_experiment, find_store

IMAGES = draw_synthetic(300)
FEW = Settings(5, 4)


def probe(network, images, settings):
    return evaluate(network, images, settings, make_console(io.StringIO()), Interrupts())


@pytest.fixture(scope="module")
def networks():
    """A discriminator with its initial weights, and the same network with others."""
    from dcgan_sweeps.config.compose import compose
    from dcgan_sweeps.config.schema import Config

    model = compose("config", ["experiment=tiny"], Config).model
    first, other = (build_discriminator(model, (28, 28, 1), seed, "float32") for seed in (3, 3))
    for weights in other.trainable_weights:
        weights.assign(weights * 1.5 + 0.01)
    return first, other


@pytest.fixture(scope="module")
def record(networks):
    return probe(networks[1], IMAGES, FEW)


def test_the_untrained_network_has_the_initial_weights_of_the_run(networks):
    first, other = networks
    pairs = zip(initialise(other).get_weights(), first.get_weights(), strict=True)
    assert all(np.array_equal(one, same) for one, same in pairs)


def test_each_kind_of_features_is_measured_on_the_same_draws(record, networks):
    assert [each.width for each in record.results.values()] == [784, 16 * 12, 16 * 12]
    assert all(len(each.accuracies) == 4 for each in record.results.values())
    # Ten classes of plain shapes: far above chance.
    assert min(each.accuracy for each in record.results.values()) > 0.3
    swapped = probe(networks[0], IMAGES, FEW)
    assert swapped.results["trained"].accuracies == record.results["untrained"].accuracies


def test_a_probe_repeats_to_the_bit(record, networks):
    again = probe(networks[1], IMAGES, FEW)
    assert again == record


def test_test_images_do_not_choose_c(record, networks):
    shuffled = replace(IMAGES, test_labels=(IMAGES.test_labels + 1) % 10)
    other = probe(networks[1], shuffled, FEW)
    for name, result in other.results.items():
        assert result.errors == record.results[name].errors
        assert result.accuracies != record.results[name].accuracies


def test_a_requested_stop_ends_it_before_the_next_draw():
    interrupts = Interrupts()
    with Progress(9, make_console(io.StringIO()), interrupts) as progress:
        draws = progress.track(range(9), "draws")
        assert next(draws) == 0
        interrupts.take(signal.SIGINT, None)
        with pytest.raises(KeyboardInterrupt):
            next(draws)


def test_only_a_few_images_are_read_at_a_time(random):
    sizes = []

    def compute(inputs):
        sizes.append(len(inputs))
        return inputs[:, :2, 0, 0]

    rows = random.permutation(600)
    images_u8 = np.arange(600 * 4, dtype=np.uint8).reshape(600, 2, 2, 1)
    features = protocol.read_rows(Extractor(2, compute), images_u8, rows)
    assert max(sizes) <= svm.READ
    assert np.allclose(features, images_u8[rows, :, 0, 0] / 127.5 - 1, atol=1e-6)


def test_a_draw_that_does_not_fit_into_memory_is_refused(networks, monkeypatch):
    monkeypatch.setattr(svm, "count_bytes", lambda images, width: 2**60 + images * width)
    with pytest.raises(RequestError, match=r"--labels-per-class: got all: 250 images with 784"):
        probe(networks[1], IMAGES, Settings(None, 1))


def test_images_of_another_shape_are_refused(networks):
    colour = replace(IMAGES, train_u8=np.zeros((300, 32, 32, 3), np.uint8))
    with pytest.raises(RequestError, match=r"for images of \(28, 28, 1\); the data has \(32, 32"):
        probe(networks[1], colour, FEW)


def test_the_metrics_are_those_of_the_catalogue(record):
    paper = replace(record, settings=Settings(100, 100))
    named = name_metrics(paper)
    assert named.keys() == {each.name for each in METRICS.values() if each.logged == "probe"}
    trained = record.results["trained"]
    half = 1.96 * np.std(trained.accuracies, ddof=1)
    assert named["probe/accuracy"] == np.mean(trained.accuracies)
    assert named["probe/accuracy_high"] == pytest.approx(trained.accuracy + half)
    assert named["probe/accuracy_low"] == pytest.approx(trained.accuracy - half)


def test_one_draw_has_no_interval(networks):
    record = probe(networks[1], IMAGES, Settings(None, 1))
    names = {"accuracy", "accuracy_untrained", "accuracy_pixels"}
    assert name_metrics(record).keys() == {f"probe_all_labels/{name}" for name in names}
    assert tabulate(record)[0][-2:] == ("", "")
    assert describe_gain(record).endswith(" points")


def test_a_finished_run_gets_metrics_and_files_and_stays_as_it_is(record, store_dir):
    store = find_store(None, str(store_dir))
    client = connect(store)
    run_id = client.create_run(find_experiment(client, store, "e")).info.run_id
    client.log_metric(run_id, "score/fcd", 5.0, step=2)
    client.set_terminated(run_id)
    before = client.get_run(run_id)
    run = read_run(client, run_id, "TARGET")
    require_new(run, FEW)
    log_record(client, run, record, epoch=2)
    after = client.get_run(run_id)
    assert after.info.end_time == before.info.end_time
    assert after.info.status == "FINISHED"
    values = name_metrics(record)
    assert after.data.metrics == {**before.data.metrics, **values}
    (point,) = client.get_metric_history(run_id, "probe_5_labels_4_draws/accuracy")
    assert point.step == 2
    paths = [each.path for each in client.list_artifacts(run_id, "probe_5_labels_4_draws")]
    assert sorted(Path(path).name for path in paths) == ["accuracy.json", "accuracy.png"]
    text = Path(client.download_artifacts(run_id, paths[0])).read_text()
    results = json.loads(text)["results"]
    assert tuple(results["trained"]["accuracies"]) == record.results["trained"].accuracies
    logged = read_run(client, run_id, "TARGET")
    require_new(logged, Settings(5, 5))
    with pytest.raises(RequestError, match="was probed with these settings"):
        require_new(logged, FEW)
