"""What works on this machine, and what to do about the rest: `python -m dcgan_sweeps.doctor`."""

from __future__ import annotations

import argparse
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from dcgan_sweeps.command import FAILURE, OK, Parser, answer
from dcgan_sweeps.composition.command_line import compose_request, expand_files
from dcgan_sweeps.config import Config, RequestError
from dcgan_sweeps.paths import resolve_folder
from dcgan_sweeps.place import say_variables
from dcgan_sweeps.terminal import make_console, make_say, make_table, print_table

PACKAGES = ("tensorflow", "keras", "hydra-core", "mlflow", "optuna", "numpy")
# A documented run writes 25 MB, its checkpoints included.
LEAST_FREE_GIB = 1.0
SHOWN = 10  # runs that are not delivered
WORKS = "ok"


class NotWorking(Exception):
    """A check that failed: what was found, and what to do about it where CHECKS does not say."""

    def __init__(self, finding: str, remedy: str | None = None):
        super().__init__(finding)
        self.remedy = remedy


def main() -> int:
    parser = Parser(
        "dcgan_sweeps.doctor",
        description=__doc__,
        epilog="Exit status: 0 all is well, 1 something does not work, 2 a wrong request.",
    )
    parser.add_argument("overrides", nargs="*", help="as for dcgan_sweeps.run")
    parser.add_argument(
        "--close-stale",
        action="store_true",
        help="end the runs whose process is gone as interrupted; they can still be resumed",
    )
    return answer(lambda: examine(parser), "interrupted")


def examine(parser: argparse.ArgumentParser) -> int:
    """Print the table of all checks and return the exit status; raises RequestError."""
    expand_files(sys.argv)
    options = parser.parse_args()
    config = compose_request("config", options.overrides)
    say_variables(config.tracking)
    if options.close_stale:
        close(config)
    rows = [run_check(name, config) for name in CHECKS]
    table = make_table(("", "check", "found", "remedy"), rows)
    for column in table.columns:
        column.justify, column.overflow = "left", "fold"
    print_table(make_console(), table)
    return OK if all(row[0] == WORKS for row in rows) else FAILURE


def run_check(name: str, config: Config) -> tuple[str, str, str, str]:
    """Return the row of a check: what it found, and the remedy where it failed."""
    check, remedy = CHECKS[name]
    try:
        return WORKS, name, check(config), ""
    except (NotWorking, RequestError, OSError) as failure:
        return "NO", name, str(failure), getattr(failure, "remedy", None) or remedy


def check_versions(config: Config) -> str:
    off = []
    for each in map(Requirement, metadata.requires("dcgan-sweeps") or ()):
        if each.marker is None or each.marker.evaluate({"extra": ""}):
            found = _find_version(each.name)
            if found is None or not each.specifier.contains(found, prereleases=True):
                off.append(f"{each.name} {found or 'missing'}, wanted {each.specifier}")
    if off:
        raise NotWorking("; ".join(off))
    versions = [f"{name} {metadata.version(name)}" for name in PACKAGES]
    return ", ".join([f"Python {platform.python_version()}", *versions])


def _find_version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def check_device(config: Config) -> str:
    from dcgan_sweeps.device import set_up_device

    return set_up_device(config.runner).describe()


def check_slots(config: Config) -> str:
    from dcgan_sweeps.slots.devices import build_slots

    found = build_slots(config.runner)
    return "; ".join([*map(str, found.slots), *found.left_out.values()])


def check_data(config: Config) -> str:
    from dcgan_sweeps.datasets.images import read_local

    said: list[str] = []
    images = read_local(config.data.dir, said.append)
    if images is None:
        raise NotWorking("; ".join(said) or "Fashion-MNIST is not on this machine")
    return "; ".join([f"Fashion-MNIST, verified, from {images.source}", *said])


def check_classifier(config: Config) -> str:
    from dcgan_sweeps.scoring.classifier.network import load_classifier
    from dcgan_sweeps.scoring.identity import find_classifier_dir
    from dcgan_sweeps.scoring.reference import read_classifier_digest

    sha256 = load_classifier(config.score.classifier).sha256
    expected = read_classifier_digest(find_classifier_dir(config.score.classifier))
    if expected is None:
        return f"sha256 {sha256}; its reference is measured at the start of each run"
    if expected != sha256:
        finding = f"sha256 {sha256}, but the reference beside it was measured with {expected}"
        raise NotWorking(finding)
    return f"sha256 {sha256}, that of the reference beside it"


def check_store(config: Config) -> str:
    from dcgan_sweeps.tracking.store import connect, find_moved_experiments, find_store

    store = find_store(config.tracking.uri, config.tracking.dir)
    if not store.exists:
        return f"{store}, which the first run will make"
    try:
        client = connect(store)
    except RequestError as error:
        if "out-of-date" not in str(error):
            raise
        raise NotWorking(str(error), f"a copy first, then: mlflow db upgrade {store}") from error
    moved = find_moved_experiments(client, store)
    if moved:
        remedy = "move the folder back, or start a new store: tracking.dir=FOLDER"
        raise NotWorking("; ".join(map(str, moved)), remedy)
    return f"{store} answers, its schema is that of this MLflow"


def check_artifacts(config: Config) -> str:
    from dcgan_sweeps.tracking.store import find_store

    root = find_store(config.tracking.uri, config.tracking.dir).artifact_root
    if root is None:
        return "the server's own"
    place = find_existing(root)
    try:
        with tempfile.TemporaryFile(dir=place):
            return f"{root} can be written to"
    except OSError as error:
        raise NotWorking(f"{place}: {error.strerror}") from error


def check_stale(config: Config) -> str:
    from dcgan_sweeps.runs.stale import find_stale
    from dcgan_sweeps.tracking.store import answering, connect, find_store

    store = find_store(config.tracking.uri, config.tracking.dir)
    if not store.exists:
        return "no runs yet"
    with answering():
        found = find_stale(connect(store), Path(config.tracking.dir))
    if found.stale:
        names = "; ".join(f"{run.run_id} ({run.name})" for run in found.stale)
        raise NotWorking(f"RUNNING, but their process is gone: {names}")
    running = f"none; {len(found.alive) + len(found.unknown)} running"
    if not found.unknown:
        return running
    where = f"no folder of theirs below {config.tracking.dir}"
    return f"{running}, {len(found.unknown)} of which have {where}"


def check_delivery(config: Config) -> str:
    from dcgan_sweeps.sweep.pending import Where, find_pending

    found = find_pending(Where(config.tracking.dir))
    # One that died and has an MLflow run is among the stale ones.
    pending = [each for each in found if each.folder.read_ending() or not each.folder.read_run_id()]
    if pending:
        names = "; ".join(str(each.folder.root) for each in pending[:SHOWN])
        more = f"; and {len(pending) - SHOWN} more" if len(pending) > SHOWN else ""
        raise NotWorking(f"not in MLflow, or not whole there: {names}{more}")
    return "all that was tracked is in MLflow"


def check_disk(config: Config) -> str:
    place = find_existing(resolve_folder("tracking.dir", config.tracking.dir))
    free_gib = shutil.disk_usage(place).free / 2**30
    finding = f"{free_gib:.1f} GiB free at {place}"
    if free_gib < LEAST_FREE_GIB:
        raise NotWorking(finding)
    return finding


def find_existing(place: Path) -> Path:
    """Return a folder, or the nearest above it that is there."""
    while not place.exists():
        place = place.parent
    return place


def close(config: Config) -> None:
    """End the runs whose process is gone, and say which; raises RequestError."""
    from dcgan_sweeps.runs.stale import close_stale, find_stale
    from dcgan_sweeps.tracking.store import answering, open_store

    say = make_say(make_console())
    with answering():
        client = open_store(config.tracking.uri, config.tracking.dir)
        for run in find_stale(client, Path(config.tracking.dir)).stale:
            try:
                is_closed = close_stale(client, run, config.tracking)
            except (OSError, ValueError) as error:  # a file of it that cannot be read
                say(f"not closed: {run.run_id} ({run.name}): {error}")
                continue
            say(f"{'closed' if is_closed else 'at work again'}: {run.run_id} ({run.name})")


# The check by each name, and what to do where it fails.
CHECKS: dict[str, tuple[Callable[[Config], str], str]] = {
    "versions": (check_versions, "make setup"),
    "device": (check_device, "runner.device=cpu, or make LOCK=gpu setup for an NVIDIA GPU"),
    "slots": (check_slots, "fewer: runner.slots=1, or free the GPU"),
    "data": (
        check_data,
        "python -m dcgan_sweeps.data, or data.dir=FOLDER with the four IDX files",
    ),
    "classifier": (
        check_classifier,
        "score.classifier=null for the shipped one, or train one:"
        " python -m dcgan_sweeps.score.classifier",
    ),
    "store": (check_store, "is its server up? tracking.uri=null is the local store"),
    "artifacts": (check_artifacts, "make it writable, or tracking.dir=FOLDER"),
    "stale runs": (
        check_stale,
        "go on with one: python -m dcgan_sweeps.run resume=RUN_ID (a trial: its study's "
        "command again), or close them: python -m dcgan_sweeps.doctor --close-stale",
    ),
    "delivery": (check_delivery, "python -m dcgan_sweeps.sync"),
    "disk": (check_disk, "free some, or tracking.dir=FOLDER on another disk"),
}


if __name__ == "__main__":
    sys.exit(main())
