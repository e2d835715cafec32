"""Configures TensorFlow for this process: device, precision, XLA, threads and determinism.

    device = set_up_device(config.runner)
    print(device.describe())

The device must be set up before anything else uses TensorFlow, and only once.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from dcgan_sweeps.config.faults import refuse
from dcgan_sweeps.config.schema import Runner

BFLOAT16_CAPABILITY = (8, 0)  # NVIDIA Ampere, the first with bfloat16 matrix units
# The defaults of Keras, which a keras.json in the user's home folder could change.
KERAS = {"KERAS_BACKEND": "tensorflow", "TF_USE_LEGACY_KERAS": "0"}
DATA_FORMAT, FLOAT, EPSILON = "channels_last", "float32", 1e-7
ON_THIS_DEVICE = {"cpu": "on a CPU", "gpu": "on a GPU"}
AS_CONFIGURED = "as configured"
FOUND = {"cpu": "no GPU is visible", "gpu": "found"}


@dataclass(frozen=True)
class Device:
    """The device settings that were chosen, and {setting: reason}."""

    kind: str  # cpu or gpu
    name: str
    precision: str  # a Keras dtype policy
    jit: bool
    threads: int
    deterministic: bool
    reasons: dict[str, str]

    def describe(self) -> str:
        """Describe the settings and their reasons in one line."""
        parts = {
            "device": f"{self.kind} {self.name}".strip(),
            "precision": self.precision,
            "jit": f"XLA {'on' if self.jit else 'off'}",
            "threads": f"{self.threads} thread{'' if self.threads == 1 else 's'}",
            "deterministic": f"{'' if self.deterministic else 'not '}deterministic",
        }
        return " · ".join(f"{text} ({self.reasons[key]})" for key, text in parts.items())


def set_up_device(runner: Runner) -> Device:
    """Configure TensorFlow for the settings in `runner`, and return what was chosen.

    Raises RequestError if a GPU was requested and there is none. This can be done once per process,
    since TensorFlow fixes its threads with its first operation.
    """
    gpus = find_gpus(runner.device)
    import tensorflow as tf

    for gpu in gpus:
        limit_memory(gpu, runner.gpu_memory_mib)
    kind = "gpu" if gpus else "cpu"
    details = tf.config.experimental.get_device_details(gpus[0]) if gpus else {}
    threads = runner.threads or count_cores()
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    limit_blas(threads)
    # Constant folding orders products differently in each trace of a function, which changes the
    # rounding: runs with the same seed would differ from the first step on.
    tf.config.optimizer.set_experimental_options({"constant_folding": False})
    if gpus and runner.deterministic:
        tf.config.experimental.enable_op_determinism()
    precision, precision_reason = choose_precision(runner.precision, kind, details)
    jit, jit_reason = choose_jit(runner.jit, kind)
    return Device(
        kind=kind,
        name=str(details.get("device_name", "")),
        precision=precision,
        jit=jit,
        threads=tf.config.threading.get_intra_op_parallelism_threads(),
        deterministic=runner.deterministic or not gpus,
        reasons={
            "device": AS_CONFIGURED if runner.device != "auto" else FOUND[kind],
            "precision": precision_reason,
            "jit": jit_reason,
            "threads": AS_CONFIGURED if runner.threads else "all cores of this process",
            "deterministic": AS_CONFIGURED if gpus else "always on a CPU",
        },
    )


def find_gpus(asked: str) -> list[Any]:
    """Import TensorFlow and return the GPUs that it finds.

    Raises RequestError if `asked` is "gpu" and it finds none.
    """
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    if asked == "cpu":
        # Set before TensorFlow is imported, so that it does not open the driver.
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    with quiet_import():
        import_keras()
        import tensorflow as tf

        gpus: list[Any] = tf.config.list_physical_devices("GPU")
    if asked == "gpu" and not gpus:
        raise refuse("runner.device", "got gpu; TensorFlow finds no GPU")
    return gpus


def limit_blas(threads: int) -> None:
    """Limit the linear algebra of NumPy and SciPy to as many threads as TensorFlow.

    By default it uses one thread per core of the machine. If a process may use fewer cores, these
    threads wait for each other, and small matrices take thirty times as long.
    """
    import scipy.linalg  # noqa: F401 - a library that is loaded later would not be limited
    import threadpoolctl

    threadpoolctl.threadpool_limits(threads, user_api="blas")


def limit_memory(gpu: object, limit_mib: int | None) -> None:
    """Limit TensorFlow to `limit_mib` of a GPU's memory, or let its use grow if it is None."""
    import tensorflow as tf

    # TensorFlow allows only one of these: a device with a limit allocates it at once.
    if limit_mib is None:
        tf.config.experimental.set_memory_growth(gpu, True)
    else:
        limit = tf.config.LogicalDeviceConfiguration(memory_limit=limit_mib)
        tf.config.set_logical_device_configuration(gpu, [limit])


def choose_precision(asked: str, kind: str, details: dict[str, object]) -> tuple[str, str]:
    """Return the Keras dtype policy and the reason.

    "auto" selects reduced precision only on a GPU with bfloat16.
    """
    if asked != "auto":
        return asked, AS_CONFIGURED
    capability = details.get("compute_capability")
    if kind == "gpu" and isinstance(capability, tuple) and capability >= BFLOAT16_CAPABILITY:
        return "mixed_bfloat16", "the GPU supports it"
    return "float32", ON_THIS_DEVICE[kind]


def choose_jit(asked: str, kind: str) -> tuple[bool, str]:
    """Return whether XLA compiles the steps, and the reason; on a CPU it makes them slower."""
    if asked != "auto":
        return asked == "on", AS_CONFIGURED
    return kind == "gpu", ON_THIS_DEVICE[kind]


def count_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def import_keras() -> None:
    """Import TensorFlow and Keras with default settings, ignoring keras.json and KERAS_ variables.

    This must be the first import of Keras. Raises RequestError if Keras was imported before with
    another backend.
    """
    kept = {name: text for name, text in os.environ.items() if name.startswith("KERAS_")}
    for name in kept:
        del os.environ[name]
    os.environ |= KERAS
    os.environ["KERAS_HOME"] = os.devnull  # no keras.json can exist below it
    try:
        import keras
        import tensorflow  # noqa: F401 - reads KERAS too
    finally:
        del os.environ["KERAS_HOME"]
        os.environ |= kept | KERAS
    if keras.backend.backend() != KERAS["KERAS_BACKEND"]:
        problem = f"got {keras.backend.backend()}, which is already imported; allowed: tensorflow"
        raise refuse("KERAS_BACKEND", problem)
    keras.config.set_image_data_format(DATA_FORMAT)
    keras.config.set_floatx(FLOAT)
    keras.config.set_epsilon(EPSILON)


def read_keras() -> dict[str, str | float]:
    """Return the settings of Keras that affect results; Keras must have been imported."""
    import keras

    return {
        "backend": keras.backend.backend(),
        "image_data_format": keras.config.image_data_format(),
        "floatx": keras.config.floatx(),
        "epsilon": keras.config.epsilon(),
    }


@contextmanager
def quiet_import() -> Iterator[None]:
    """Hide what native libraries write to standard error, and show it only if the import fails."""
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(saved, held.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)
