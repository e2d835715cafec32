from __future__ import annotations

import os
import subprocess
import sys

import pytest

from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.config.schema import Runner
from dcgan_sweeps.device import choose_jit, choose_precision, read_keras, set_up_device

AMPERE, TURING = {"compute_capability": (8, 0)}, {"compute_capability": (7, 5)}


@pytest.mark.parametrize(
    ("asked", "kind", "details", "precision"),
    [
        ("auto", "cpu", {}, "float32"),
        ("auto", "gpu", AMPERE, "mixed_bfloat16"),
        ("auto", "gpu", TURING, "float32"),
        ("auto", "gpu", {}, "float32"),
        ("mixed_float16", "cpu", {}, "mixed_float16"),
    ],
)
def test_precision_is_reduced_only_where_a_gpu_has_it(asked, kind, details, precision):
    assert choose_precision(asked, kind, details)[0] == precision


@pytest.mark.parametrize(
    ("asked", "kind", "jit"),
    [("auto", "cpu", False), ("auto", "gpu", True), ("on", "cpu", True), ("off", "gpu", False)],
)
def test_xla_is_for_gpus_unless_asked_for(asked, kind, jit):
    assert choose_jit(asked, kind)[0] is jit


def test_a_gpu_that_is_not_there_is_refused():
    with pytest.raises(RequestError, match=r"runner\.device: got gpu; TensorFlow finds no GPU"):
        set_up_device(Runner("gpu", "auto", "auto", 2, True))


def test_what_was_chosen_is_one_line_with_reasons(device):
    assert "\n" not in device.describe()
    assert "2 threads (as configured)" in device.describe()


ON_ONE_THREAD = """
from threadpoolctl import threadpool_info
from dcgan_sweeps.config.schema import Runner
from dcgan_sweeps.device import set_up_device

set_up_device(Runner("cpu", "float32", "off", 1, True))
print({each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"})
"""


def test_linear_algebra_has_the_threads_that_were_asked_for():
    # What a machine of more cores does by itself, whatever the process may use of them.
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "2"}
    printed = subprocess.check_output(
        [sys.executable, "-c", ON_ONE_THREAD], env=environment, text=True
    )
    assert printed.strip() == "{1}"


AS_KERAS_COMES = """
from dcgan_sweeps.config.schema import Runner
from dcgan_sweeps.device import read_keras, set_up_device

set_up_device(Runner("cpu", "float32", "off", 1, True))
print(read_keras())
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "file",
    [
        '{"backend": "jax", "image_data_format": "channels_first", "floatx": "float64",'
        ' "epsilon": 1e-3}',
        "[]",
        '{"floatx": "nonsense"}',
    ],
)
def test_what_a_person_has_told_keras_changes_nothing(file, tmp_path):
    (tmp_path / ".keras").mkdir()
    (tmp_path / ".keras" / "keras.json").write_text(file)
    told = {"HOME": str(tmp_path), "KERAS_BACKEND": "jax", "KERAS_MAX_EPOCHS": "many"}
    told |= {"TF_USE_LEGACY_KERAS": "1", "KERAS_HOME": str(tmp_path / ".keras")}
    printed = subprocess.check_output(
        [sys.executable, "-c", AS_KERAS_COMES], env=os.environ | told, text=True
    )
    pinned = {"backend": "tensorflow", "image_data_format": "channels_last"}
    assert printed == f"{pinned | {'floatx': 'float32', 'epsilon': 1e-07}}\n"


def test_the_keras_of_these_tests_is_pinned():
    assert read_keras()["floatx"] == "float32"
