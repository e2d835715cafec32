"""What works on this machine, and what to do about the rest: `python -m dcgan_sweeps.doctor`."""

from __future__ import annotations

import argparse
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from dcgan_sweeps.command import compose_request, report_faults
from dcgan_sweeps.config import Config, RequestError

PACKAGES = ("tensorflow", "keras", "hydra-core", "mlflow", "optuna", "numpy")


@dataclass(frozen=True)
class Check:
    """One line of the table."""

    name: str
    works: bool
    finding: str


def main() -> int:
    parser = argparse.ArgumentParser("dcgan_sweeps.doctor", description=__doc__)
    parser.add_argument("overrides", nargs="*", help="as for dcgan_sweeps.run")
    words = parser.parse_args().overrides
    try:
        config = compose_request("config", words)
    except RequestError as error:
        return report_faults(error.faults)
    checks = [run_check(name, check, config) for name, check in CHECKS.items()]
    width = max(len(check.name) for check in checks)
    for check in checks:
        print(f"{'ok' if check.works else 'NO':<4}{check.name:<{width}}  {check.finding}")
    return 0 if all(check.works for check in checks) else 1


def run_check(name: str, check: Callable[[Config], str], config: Config) -> Check:
    """Return what a check found; it fails by raising RequestError."""
    try:
        return Check(name, True, check(config))
    except RequestError as error:
        return Check(name, False, str(error))


def check_versions(config: Config) -> str:
    versions = [f"{name} {metadata.version(name)}" for name in PACKAGES]
    return ", ".join([f"Python {platform.python_version()}", *versions])


def check_device(config: Config) -> str:
    from dcgan_sweeps.device import set_up_device

    return set_up_device(config.runner).describe()


def check_slots(config: Config) -> str:
    from dcgan_sweeps.sweep.inventory import find_slots

    found = find_slots(config.runner)
    return "; ".join([*map(str, found.slots), *found.left_out.values()])


def check_data(config: Config) -> str:
    from dcgan_sweeps.data.idx import DataError
    from dcgan_sweeps.data.images import read_fashion_mnist
    from dcgan_sweeps.data.sources import find_source

    source = find_source(config.data.dir)
    if source is None:
        raise DataError("Fashion-MNIST", "is not on this machine")
    return f"Fashion-MNIST, verified, from {read_fashion_mnist(source).source}"


def check_classifier(config: Config) -> str:
    from dcgan_sweeps.score.classifier.network import load_classifier

    return f"sha256 {load_classifier(config.score.classifier).sha256}"


def check_store(config: Config) -> str:
    from dcgan_sweeps.tracking.store import connect, find_moved_experiments, find_store

    store = find_store(config.tracking.uri, config.tracking.dir)
    if store.artifact_root is not None and not store.artifact_root.is_dir():
        return f"{store}, which the first run will make"
    client = connect(store)
    moved = find_moved_experiments(client, store)
    if moved:
        raise RequestError(moved)
    return f"{store} answers"


def check_disk(config: Config) -> str:
    place = Path(config.tracking.dir).expanduser().resolve()
    while not place.exists():
        place = place.parent
    return f"{shutil.disk_usage(place).free / 2**30:.1f} GiB free at {place}"


CHECKS = {
    "versions": check_versions,
    "device": check_device,
    "slots": check_slots,
    "data": check_data,
    "classifier": check_classifier,
    "store": check_store,
    "disk": check_disk,
}


if __name__ == "__main__":
    sys.exit(main())
