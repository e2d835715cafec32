"""optuna-dashboard on a study's storage: `python -m dcgan_sweeps.sweep.dashboard JOURNAL PORT`.

A storage that is no journal is named in the environment, where others on the machine cannot read
its password.
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

from dcgan_sweeps.sweep.storage import open_storage

STORAGE = "DCGAN_SWEEPS_STORAGE"
HOST = "127.0.0.1"


def main() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is experimental
        from optuna_dashboard import run_server
    journal, port = sys.argv[1:]
    run_server(open_storage(os.environ.get(STORAGE) or None, Path(journal)), HOST, int(port))


if __name__ == "__main__":
    main()
