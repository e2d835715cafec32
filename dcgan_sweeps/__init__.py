"""Experiment tracking and hyperparameter sweeps for generative models."""

import os

__version__ = "0.1.0"

# MLflow looks for a home folder as it is imported, and fails for a user who has none.
if os.path.expanduser("~") == "~":  # noqa: PTH111 - that of Path raises
    os.environ["HOME"] = os.devnull

# MLflow reports usage to its makers unless told not to; a user who wants that sets these first.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
# Its bars for files of some kilobytes would run through what we print.
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
# It prints a run's address with the password in it.
os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
# Pictures are written to files, on machines without a screen too; another name might be no backend.
os.environ["MPLBACKEND"] = "agg"
