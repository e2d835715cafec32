"""Whole runs, each a process of its own, on experiment=tiny, real data and a real MLflow store."""

from __future__ import annotations

import hashlib
import json
import signal
import socket
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from processes import PROGRAM, TINY, call, list_runs, open_store, start, stop_in_epoch

from dcgan_sweeps.gan.sampling import to_u8
from dcgan_sweeps.randomness import stream
from dcgan_sweeps.runs.logged_run import read_run
from dcgan_sweeps.tracking.checkpoints import read_newest

pytestmark = pytest.mark.slow

LOSSES = {"loss/discriminator", "loss/generator", "discriminator/real", "discriminator/fake"}
SCORES = {"score/fcd", "score/fcd_test", "score/fcd_share"}
WHOLE = ["tracking.system_metrics_s=0.2", "score.extra_metrics=last"]
BOUNDS = {"score/fcd_floor", "score/fcd_ceiling", "score/fcd_untrained"}
WITH_REAL = ("precision", "recall", "density", "coverage", "class_js_bits", "dropped_classes")
EXTRA_METRICS = {f"score/{name}{end}" for name in WITH_REAL for end in ("", "_real")}
EXTRA_METRICS |= {f"score/{name}" for name in ("kid", "kid_error", "fcd_error", "nearest_train")}


def find_only_run(client):
    (run,) = list_runs(client)
    return run


def read_history(folder: Path) -> list[dict]:
    (path,) = folder.glob("mlruns/runs/*/history.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One complete tiny run: its folder, its output, a client of its store, its MLflow run."""
    folder = tmp_path_factory.mktemp("finished")
    done = call(folder, [*PROGRAM, *TINY, *WHOLE], fresh=True)
    assert done.returncode == 0, done.stdout + done.stderr
    client = open_store(folder)
    return folder, done, client, find_only_run(client)


def test_it_ends_finished_with_its_outcome(finished):
    *_, run = finished
    assert run.info.status == "FINISHED"
    assert run.data.tags["outcome"] == "complete"
    assert run.info.run_name == "tiny"


def test_the_terminal_shows_tables_epochs_and_what_to_do_next(finished):
    _, done, _, run = finished
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0].startswith("cpu (no GPU is visible) · float32")
    assert sum(line.startswith("epoch ") for line in lines) == 2
    for expected in (run.info.run_id, "python -m dcgan_sweeps.ui", "score/fcd ", "samples"):
        assert expected in done.stdout


def test_every_metric_has_its_name_and_its_steps(finished):
    _, _, client, run = finished
    expected = LOSSES | SCORES | BOUNDS | EXTRA_METRICS | {"train/images_per_s"}
    assert set(read_run(client, run.info.run_id, "TARGET").metrics) >= expected
    assert {name for name in run.data.metrics if name.endswith("_real")} == set()
    steps = [m.step for m in client.get_metric_history(run.info.run_id, "loss/generator")]
    epochs = [m.step for m in client.get_metric_history(run.info.run_id, "score/fcd")]
    assert steps == [8, 10, 18, 20]
    extra_metrics = [m.step for m in client.get_metric_history(run.info.run_id, "score/recall")]
    assert (epochs, extra_metrics) == ([1, 2], [2])
    assert any(name.startswith("system/") for name in run.data.metrics)


def test_the_params_are_those_that_a_person_compares_and_the_file_has_all(finished):
    _, _, client, run = finished
    params = run.data.params
    assert params["optimizer.lr"] == "0.001"
    assert params["train.epochs"] == "2"
    assert "optimizer.beta_2" not in params
    assert len(run.data.tags["config_hash"]) == 16
    assert len(params["score.identity"]) == 16
    assert read_run(client, run.info.run_id, "TARGET").params["optimizer.beta_2"] == "0.999"
    path = client.download_artifacts(run.info.run_id, "config/config.yaml")
    assert yaml.safe_load(Path(path).read_text())["model"]["latent_dim"] == 16


def test_the_artifacts_are_those_of_the_design(finished):
    _, _, client, run = finished
    names = {each.path for each in client.list_artifacts(run.info.run_id)}
    assert names >= {
        "config",
        "provenance.json",
        "git.diff",
        "requirements.txt",
        "model.txt",
        "samples",
        "score",
        "history.jsonl",
        "images",
    }
    samples = {each.path for each in client.list_artifacts(run.info.run_id, "samples")}
    assert samples == {"samples/real.png", "samples/progress.gif"}
    explained = {each.path for each in client.list_artifacts(run.info.run_id, "score")}
    names = ("classes", "surest", "least_sure", "nearest", "interpolation")
    table = "score/extra_metrics.json"
    assert explained == {table, *(f"score/{name}.png" for name in names)}
    assert {"path": table, "type": "table"} in json.loads(run.data.tags["mlflow.loggedArtifacts"])


def test_every_epoch_has_its_grid_and_the_gif_has_them_all(finished):
    folder, _, client, run = finished
    images = [each.path for each in client.list_artifacts(run.info.run_id, "images")]
    for epoch in range(3):
        assert any(f"samples+step+{epoch}+" in path and path.endswith(".png") for path in images)
    (gif,) = folder.glob("mlruns/runs/*/samples/progress.gif")
    with Image.open(gif) as opened:
        assert opened.n_frames == 3


def test_the_data_set_is_the_runs_input(finished):
    *_, run = finished
    (entry,) = run.inputs.dataset_inputs
    assert entry.dataset.name == "fashion_mnist"
    assert entry.tags[0].value == "training"


def test_the_logged_generator_draws_what_the_last_grid_shows(finished):
    import mlflow.keras

    folder, _, client, run = finished
    models = {each.model_id for each in run.outputs.model_outputs}
    logged = {client.get_logged_model(each).name: each for each in models}
    assert set(logged) == {"generator", "discriminator"}
    (path,) = folder.glob("mlruns/runs/*/models/generator")
    model = client.get_logged_model(logged["generator"])
    generator = mlflow.keras.load_model(model.artifact_location)
    latents = stream(0, "pictures/latents").standard_normal((25, 16), "float32")
    images_u8 = to_u8(generator(latents).numpy()[..., 0])
    digest = hashlib.sha256(images_u8.tobytes()).hexdigest()
    drawn = [each["digest.samples"] for each in read_history(folder) if "digest.samples" in each]
    assert digest == drawn[-1]
    signature = mlflow.models.get_model_info(str(path)).signature
    assert signature.inputs.inputs[0].shape == (-1, 16)


def test_the_history_can_be_read_without_a_tracker(finished):
    folder, _, client, run = finished
    history = read_history(folder)
    scored = {line["epoch"]: line["score/fcd"] for line in history if "score/fcd" in line}
    logged = client.get_metric_history(run.info.run_id, "score/fcd")
    assert scored == {metric.step: metric.value for metric in logged}
    assert history[-1].items() >= {"outcome": "complete", "reason": ""}.items()


def final_generator(folder: Path) -> list[np.ndarray]:
    import keras

    (path,) = folder.glob("mlruns/runs/*/models/generator/data/model.keras")
    return keras.models.load_model(path).get_weights()


def test_scoring_and_tracking_change_no_bit_of_the_weights(finished, run_module, tmp_path):
    done = run_module("dcgan_sweeps.run", *TINY, "score=none", "tracking=none")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not list(tmp_path.glob("mlruns/mlflow.db"))
    for a, b in zip(final_generator(finished[0]), final_generator(tmp_path), strict=True):
        assert np.array_equal(a, b)


def test_the_averaged_generator_is_scored_pictured_and_logged_beside_the_raw_one(
    finished, run_module, tmp_path
):
    words = ["train.ema=0.9", "score.extra_metrics=last", "train.checkpoint_every=1"]
    done = run_module("dcgan_sweeps.run", *TINY, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    run = find_only_run(open_store(tmp_path))
    raw = find_only_run(finished[2])
    assert run.data.params["train.ema"] == "0.9"
    metrics = read_run(open_store(tmp_path), run.info.run_id, "TARGET").metrics
    assert metrics["score/fcd_raw"] == raw.data.metrics["score/fcd"]
    assert metrics["score/fcd"] != metrics["score/fcd_raw"]
    assert list(tmp_path.glob("mlruns/runs/*/score/averaged.png"))
    (folder,) = tmp_path.glob("mlruns/runs/*/checkpoints")
    arrays = read_newest(folder, print).arrays
    average = [arrays[name] for name in sorted(arrays) if name.startswith("average/")]
    for a, b in zip(final_generator(tmp_path), average, strict=True):
        assert np.array_equal(a, b)


def test_synthetic_data_serve_without_the_real_ones(run_module):
    words = ["data=synthetic", "data.count=600", "tracking=none", "train.epochs=1"]
    done = run_module("dcgan_sweeps.run", *TINY, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "images of synthetic" in done.stdout


def test_a_diverged_run_is_failed_with_its_pictures_kept(run_module, tmp_path):
    # A learning rate of 1 with an epsilon this small overflows within some steps.
    words = ["optimizer.lr=1", "optimizer.beta_2=0", "optimizer.epsilon=1e-30", "train.epochs=60"]
    done = run_module("dcgan_sweeps.run", *TINY, *words, "score=none")
    assert done.returncode == 1, done.stdout + done.stderr
    run = find_only_run(open_store(tmp_path))
    assert run.info.status == "FAILED"
    assert run.data.tags["outcome"] == "diverged"
    assert " at step " in run.data.tags["outcome.reason"]
    assert list(tmp_path.glob("mlruns/runs/*/samples/progress.gif"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_an_interrupted_run_is_killed_and_says_how_to_go_on(number, tmp_path):
    words = [*TINY, "train.epochs=10000", "score=none"]
    rest = stop_in_epoch(start(tmp_path, [*PROGRAM, *words]), 2, number)
    run = find_only_run(open_store(tmp_path))
    assert f"python -m dcgan_sweeps.run resume={run.info.run_id}" in rest
    assert run.info.status == "KILLED"
    assert run.data.tags["outcome"] == "interrupted"
    assert run.outputs.model_outputs


def test_a_tracker_that_cannot_be_reached_ends_it_before_any_training(run_module, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{taken.getsockname()[1]}"
    done = run_module("dcgan_sweeps.run", *TINY, f"tracking.uri={uri}")
    assert done.returncode == 2
    assert f"tracking.uri: {uri} does not answer" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("word", "fault"),
    [
        ("runner.device=gpu", "runner.device: got gpu; TensorFlow finds no GPU"),
        ("data.dir=nowhere", "nowhere; it has no train-images-idx3-ubyte, with or without"),
        ("data.limit=60001", "data.limit: got 60001; allowed: at most 60000"),
        ("score.classifier=nowhere", "nowhere/classifier.npz, which is not a classifier"),
        (
            "data.limit=null train.batch_size=70000",
            "train.batch_size: got 70000; allowed: at most the 60,000 images",
        ),
        ("tracking.experiment=''", "tracking.experiment: got ; allowed: text, not blank"),
        ("train.epochs=-1", "train.epochs: got -1; allowed: a whole number, at least 0"),
    ],
)
def test_a_wrong_request_is_one_clear_line_and_leaves_nothing(run_module, tmp_path, word, fault):
    done = run_module("dcgan_sweeps.run", *TINY, *word.split(), CUDA_VISIBLE_DEVICES="-1")
    assert done.returncode == 2
    assert fault in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_no_epoch_at_all_scores_the_untrained_generator(run_module, tmp_path):
    done = run_module("dcgan_sweeps.run", *TINY, "train.epochs=0", "tracking=none")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line["epoch"] for line in read_history(tmp_path) if "score/fcd" in line] == [0]


def test_no_secret_of_a_request_is_written_anywhere(run_module, tmp_path):
    secret = "hunter2hunter2"
    words = [f"tracking.run_name='at https://me:{secret}@host/x'", "train.epochs=1", "score=none"]
    done = run_module("dcgan_sweeps.run", *TINY, *words, MLFLOW_TRACKING_TOKEN=secret)
    assert done.returncode == 0, done.stdout + done.stderr
    files = [path for path in (tmp_path / "mlruns").rglob("*") if path.is_file()]
    assert len(files) > 30
    for path in files:
        assert secret.encode() not in path.read_bytes(), path
        assert secret not in path.name
    assert find_only_run(open_store(tmp_path)).info.run_name == "at https://me:***@host/x"
