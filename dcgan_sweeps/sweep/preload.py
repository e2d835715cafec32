"""Imports what trials need, once, in the process that they are forked from.

This module must not compute with TensorFlow, because each trial sets its own threads and devices.
"""

import gc
import importlib
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

from dcgan_sweeps.command import GARBAGE
from dcgan_sweeps.device import import_keras, quiet_import

IMPORTED = (
    "dcgan_sweeps.datasets.images",
    "dcgan_sweeps.execution.outcome",
    "dcgan_sweeps.scoring.fcd",
    "dcgan_sweeps.sweep.trial",
    "dcgan_sweeps.sweep.job",
    "optuna.storages",
)

# The imported objects stay alive, so the garbage collector seldom scans them, and in no trial.
gc.set_threshold(GARBAGE)
with quiet_import():
    import_keras()
    from dcgan_sweeps.tracking.store import import_stores

    import_stores()
    for name in IMPORTED:
        importlib.import_module(name)
    from dcgan_sweeps.config.compose import read_defaults
    from dcgan_sweeps.tracking.models import read_installed_modules
    from dcgan_sweeps.tracking.provenance import list_packages

    # Finding Hydra's plugins executes their modules again. It has to be done before a trial reads
    # its configuration, which has objects of their classes.
    read_defaults()
    list_packages()
    read_installed_modules()
gc.freeze()
