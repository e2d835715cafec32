"""Saves Keras models in a run folder as MLflow models.

save_model(gan.generator, folder.models / "generator", step=1875)
read_step(folder.models / "generator", default=0)  # 1875
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec

from dcgan_sweeps.tracking.documents import read_mapping

MODEL_FILE = "MLmodel"  # written last


def save_model(model: Any, folder: Path, step: int) -> None:
    """Save a Keras model with its optimizer step, its signature and the packages that load it.

    A model of an earlier step is replaced.
    """
    # Imported here, since they import TensorFlow; the caller of this function already has it.
    import keras
    import mlflow.keras
    import tensorflow as tf

    signature = ModelSignature(
        Schema([TensorSpec(np.dtype(np.float32), (-1, *model.input_shape[1:]))]),
        Schema([TensorSpec(np.dtype(np.float32), (-1, *model.output_shape[1:]))]),
    )
    unfinished = folder.with_name(f".{folder.name}")
    shutil.rmtree(unfinished, ignore_errors=True)  # left by a process that was killed
    mlflow.keras.save_model(
        model,
        str(unfinished),
        signature=signature,
        pip_requirements=[
            f"keras=={keras.__version__}",
            f"tensorflow=={tf.__version__}",
            f"numpy=={np.__version__}",
        ],
        metadata={"step": step},
    )
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)


def read_installed_modules() -> None:
    """Make MLflow read and cache which package provides which module, as `save_model` needs it.

    It takes about a second on one core.
    """
    from mlflow.utils.requirements_utils import warn_dependency_requirement_mismatches

    warn_dependency_requirement_mismatches(["mlflow"])


def find_models(folder: Path) -> dict[str, Path]:
    """Return {name: folder} of the complete models in a folder."""
    return {path.parent.name: path.parent for path in sorted(folder.glob(f"[!.]*/{MODEL_FILE}"))}


def read_step(folder: Path, default: int) -> int:
    """Return the optimizer step of a saved model; `default` if an earlier version saved it."""
    # MLflow is not used, since it would interpret a path with unusual characters as an address.
    metadata = read_mapping(folder / MODEL_FILE).get("metadata") or {}
    return int(metadata.get("step", default))
