"""Experiment tracking and hyperparameter sweeps for generative models."""

import importlib
import os
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dcgan_sweeps.api import load_generator, load_run, load_study, train

__version__ = "0.1.0"
__all__ = ["load_generator", "load_run", "load_study", "train"]

# MLflow looks for a home folder as it is imported, and fails for a user who has none.
if os.path.expanduser("~") == "~":  # noqa: PTH111 - that of Path raises
    os.environ["HOME"] = os.devnull

# MLflow reports usage to its makers unless told not to; a user who wants that sets these first.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
# Its bars for files of some kilobytes would run through what we print.
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
# It prints a run's address with the password in it.
os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"


def __getattr__(name: str) -> Any:
    """Import the Python API where it is asked for: it takes seconds, which no command needs."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with warnings.catch_warnings():
        # A dependency's, in a notebook without ipywidgets, which it needs for its own bars alone.
        warnings.filterwarnings("ignore", "IProgress not found")
        return getattr(importlib.import_module("dcgan_sweeps.api"), name)
