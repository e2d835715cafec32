"""Experiment tracking and hyperparameter sweeps for generative models."""

import importlib
import os
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dcgan_sweeps.api import load_generator, load_run, load_study, train

__version__ = "0.1.0"
__all__ = ["load_generator", "load_run", "load_study", "train"]

# MLflow looks up the home folder on import, and fails for a user without one.
if os.path.expanduser("~") == "~":  # noqa: PTH111 - Path.expanduser raises
    os.environ["HOME"] = os.devnull

# MLflow sends usage reports by default. A user who wants them sets the variable to false.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
# Its progress bars, even for small files, would mix with our output.
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
# Otherwise it prints the URL of a run, including its password.
os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"


def __getattr__(name: str) -> Any:
    """Import the Python API on first use: the import takes seconds, and no command needs it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with warnings.catch_warnings():
        # A dependency's, in a notebook without ipywidgets, which it needs for its own bars alone.
        warnings.filterwarnings("ignore", "IProgress not found")
        return getattr(importlib.import_module("dcgan_sweeps.api"), name)
