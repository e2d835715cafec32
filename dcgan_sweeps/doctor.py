"""Checks this machine and suggests remedies: `python -m dcgan_sweeps.doctor`."""

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
from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.config.schema import Config
from dcgan_sweeps.paths import resolve_folder
from dcgan_sweeps.place import say_variables
from dcgan_sweeps.terminal import make_console, make_say, make_table, print_facts, print_table

PACKAGES = ("tensorflow", "keras", "hydra-core", "mlflow", "optuna", "numpy")
# The documented run writes 25 MB, including its checkpoints.
LEAST_FREE_GIB = 1.0
SHOWN = 10  # runs listed as not delivered
WORKS = "ok"


class NotWorking(Exception):
    """A check failed; the message is its finding, and `remedy` replaces the one in CHECKS."""

    def __init__(self, finding: str, remedy: str | None = None):
        super().__init__(finding)
        self.remedy = remedy


def main() -> int:
    parser = Parser(
        "dcgan_sweeps.doctor",
        description="Checks packages, devices, data, the store and stale runs on this machine, and"
        " suggests a remedy for each problem.",
        examples=(
            "python -m dcgan_sweeps.doctor",
            "python -m dcgan_sweeps.doctor runner.device=gpu tracking.dir=/data/mlruns",
            "python -m dcgan_sweeps.doctor --close-stale",
        ),
        status="0 every check passed, 1 a check failed, 2 wrong request",
    )
    parser.add_argument(
        "overrides",
        metavar="KEY=VALUE",
        nargs="*",
        help="overrides of the configuration, as for dcgan_sweeps.run",
    )
    parser.add_argument(
        "--close-stale",
        action="store_true",
        help="end runs whose process is gone as interrupted; they can still be resumed",
    )
    return answer(lambda: examine(parser), "interrupted")


def examine(parser: argparse.ArgumentParser) -> int:
    """Print all checks and the remedies, and return the exit status; raises RequestError."""
    expand_files(sys.argv)
    options = parser.parse_args()
    config = compose_request("config", options.overrides)
    say_variables(config.tracking)
    if options.close_stale:
        close(config)
    rows = [run_check(name, config) for name in CHECKS]
    console = make_console()
    table = make_table(("", "check", "found"), [row[:-1] for row in rows])
    for column in table.columns:
        column.justify, column.overflow = "left", "fold"
    print_table(console, table)
    # Not in the table, which breaks a command to copy in a narrow terminal.
    remedies = {name: remedy for _, name, _, remedy in rows if remedy}
    if remedies:
        console.print("\nremedies")
        print_facts(console, remedies)
    return OK if all(row[0] == WORKS for row in rows) else FAILURE


def run_check(name: str, config: Config) -> tuple[str, str, str, str]:
    """Run a check and return its row, with a remedy if it failed."""
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
                off.append(f"{each.name} {found or 'missing'}, required {each.specifier}")
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
    from dcgan_sweeps.datasets.fashion_mnist import read_local
    from dcgan_sweeps.datasets.images import describe_shape
    from dcgan_sweeps.datasets.loading import load_images

    said: list[str] = []
    if config.data.name != "fashion_mnist":
        try:
            images = load_images(config.data, said.append)
        except RequestError as error:
            remedy = f"set data.dir=FOLDER with the files of data={config.data.name}"
            raise NotWorking(str(error), remedy) from error
        classes = f"{len(images.class_names)} classes" if images.class_names else "no labels"
        return (
            f"{images.name}: {len(images.train_u8):,} training and {len(images.test_u8):,} test "
            f"images, {describe_shape(images.shape)}, {classes} ({images.source})"
        )
    found = read_local(config.data.dir, said.append)
    if found is None:
        raise NotWorking("; ".join(said) or "Fashion-MNIST is not on this machine")
    return "; ".join([f"Fashion-MNIST, verified, from {found.source}", *said])


def check_parts(config: Config) -> str:
    from dcgan_sweeps.config.parts import ENTRY_POINTS, find_entries, find_origin, find_part

    found: dict[str, list[str]] = {}
    for group in ENTRY_POINTS:
        for name in find_entries(group):
            find_part(group, name)
            origin = find_origin(group, name)
            package = f"{origin.package} {origin.version}" if origin else "an unknown package"
            found.setdefault(package, []).append(f"{group}={name}")
    words = [f"{package}: {', '.join(parts)}" for package, parts in found.items()]
    return "; ".join(words) or "no other package brings parts"


def check_classifier(config: Config) -> str:
    from dcgan_sweeps.datasets.loading import load_images
    from dcgan_sweeps.scoring.classifier.network import load_classifier
    from dcgan_sweeps.scoring.identity import find_classifier_dir
    from dcgan_sweeps.scoring.reference import read_classifier_digest
    from dcgan_sweeps.scoring.trained_on import require_fitting

    if config.data.name != "fashion_mnist":
        images = load_images(config.data, lambda line: None)
        require_fitting(config.score, config.data, images)
    sha256 = load_classifier(config.score.classifier).sha256
    expected = read_classifier_digest(find_classifier_dir(config.score.classifier))
    if expected is None:
        return f"sha256 {sha256}; its reference is measured at the start of each run"
    if expected != sha256:
        finding = f"sha256 {sha256}, but its reference was measured with {expected}"
        raise NotWorking(finding)
    return f"sha256 {sha256}, which matches its reference"


def check_store(config: Config) -> str:
    from dcgan_sweeps.tracking.store import connect, find_moved_experiments, find_store

    store = find_store(config.tracking.uri, config.tracking.dir)
    if not store.exists:
        return f"{store} will be created by the first run"
    try:
        client = connect(store)
    except RequestError as error:
        if "out-of-date" not in str(error):
            raise
        remedy = f"make a copy of it, then run: mlflow db upgrade {store}"
        raise NotWorking(str(error), remedy) from error
    moved = find_moved_experiments(client, store)
    if moved:
        remedy = "move the folder back, or start a new store with tracking.dir=FOLDER"
        raise NotWorking("; ".join(map(str, moved)), remedy)
    return f"{store} answers, with the schema of the installed MLflow"


def check_artifacts(config: Config) -> str:
    from dcgan_sweeps.tracking.store import find_store

    root = find_store(config.tracking.uri, config.tracking.dir).artifact_root
    if root is None:
        return "managed by the server"
    place = find_existing(root)
    try:
        with tempfile.TemporaryFile(dir=place):
            return f"{root} is writable"
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
        raise NotWorking(f"status RUNNING, but the process is gone: {names}")
    running = f"none; {len(found.alive) + len(found.unknown)} running"
    if not found.unknown:
        return running
    return f"{running}, {len(found.unknown)} of them without a folder in {config.tracking.dir}"


def check_delivery(config: Config) -> str:
    from dcgan_sweeps.sweep.pending import Where, find_pending

    found = find_pending(Where(config.tracking.dir))
    # A run that died and has an MLflow run is reported as stale instead.
    pending = [each for each in found if each.folder.read_ending() or not each.folder.read_run_id()]
    if pending:
        names = "; ".join(str(each.folder.root) for each in pending[:SHOWN])
        more = f"; and {len(pending) - SHOWN} more" if len(pending) > SHOWN else ""
        raise NotWorking(f"not delivered, or not completely: {names}{more}")
    return "all tracked runs are delivered to MLflow"


def check_disk(config: Config) -> str:
    place = find_existing(resolve_folder("tracking.dir", config.tracking.dir))
    free_gib = shutil.disk_usage(place).free / 2**30
    finding = f"{free_gib:.1f} GiB free at {place}"
    if free_gib < LEAST_FREE_GIB:
        raise NotWorking(finding)
    return finding


def find_existing(place: Path) -> Path:
    """Return a folder, or its nearest parent that exists."""
    while not place.exists():
        place = place.parent
    return place


def close(config: Config) -> None:
    """Close the stale runs and report each of them; raises RequestError."""
    from dcgan_sweeps.runs.stale import close_stale, find_stale
    from dcgan_sweeps.tracking.store import answering, open_store

    say = make_say(make_console())
    with answering():
        client = open_store(config.tracking.uri, config.tracking.dir)
        for run in find_stale(client, Path(config.tracking.dir)).stale:
            try:
                is_closed = close_stale(client, run, config.tracking)
            except (OSError, ValueError) as error:  # one of its files cannot be read
                say(f"not closed: {run.run_id} ({run.name}): {error}")
                continue
            say(f"{'closed' if is_closed else 'running again'}: {run.run_id} ({run.name})")


# Each check by its name, with the remedy if it fails.
CHECKS: dict[str, tuple[Callable[[Config], str], str]] = {
    "versions": (check_versions, "run make setup"),
    "device": (check_device, "set runner.device=cpu, or run make LOCK=gpu setup for an NVIDIA GPU"),
    "slots": (check_slots, "set runner.slots=1, or free the GPU"),
    "data": (
        check_data,
        "run python -m dcgan_sweeps.data, or set data.dir=FOLDER with the four IDX files",
    ),
    "parts": (check_parts, "install another version of the package that is named, or remove it"),
    "classifier": (
        check_classifier,
        "set score.classifier=null for the shipped one, or train one with"
        " python -m dcgan_sweeps.score.classifier",
    ),
    "store": (
        check_store,
        "check that its server is up, or set tracking.uri=null for a local store",
    ),
    "artifacts": (check_artifacts, "make it writable, or set tracking.dir=FOLDER"),
    "stale runs": (
        check_stale,
        "resume each with python -m dcgan_sweeps.run resume=RUN_ID (a trial with the command of"
        " its study), or close all with python -m dcgan_sweeps.doctor --close-stale",
    ),
    "delivery": (check_delivery, "run python -m dcgan_sweeps.sync"),
    "disk": (check_disk, "free some space, or set tracking.dir=FOLDER on another disk"),
}


if __name__ == "__main__":
    sys.exit(main())
