"""Everything that a trial imports, once, in the process that the trials are forked from.

Nothing here may compute: TensorFlow's threads and devices are each trial's own to set.
"""

import importlib
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

from dcgan_sweeps.device import quiet_import
from dcgan_sweeps.tracking.store import import_stores

IMPORTED = (
    "dcgan_sweeps.data.images",
    "dcgan_sweeps.execution.outcome",
    "dcgan_sweeps.score.fcd",
    "dcgan_sweeps.sweep.attempt",
    "dcgan_sweeps.sweep.job",
    "optuna.storages",
)

with quiet_import():
    import_stores()
    for name in IMPORTED:
        importlib.import_module(name)
