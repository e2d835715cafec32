"""The way to MLflow of what goes on in this process: a run, or a study with its trials.

delivery = Delivery(folder, config.tracking)
delivery.open()                           # the MLflow run, with its configuration
delivery.flush(60, interrupts.listen(), say=print)   # at the end, for at most 60 s
delivery.describe([folder], str(folder.root))

Where runs are not tracked, or tracking.offline is set, there is none.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from dcgan_sweeps.config import Tracking
from dcgan_sweeps.place import name_place
from dcgan_sweeps.terminal import format_duration
from dcgan_sweeps.tracking.courier import Courier, Deliverable
from dcgan_sweeps.tracking.folder import RunFolder
from dcgan_sweeps.tracking.inspection import find_reason
from dcgan_sweeps.tracking.mirror import Mirror, is_delivered
from dcgan_sweeps.tracking.store import answering, connect, find_experiment, find_store

QUIET_S = 2.0  # a wait of more is said


def is_mirrored(tracking: Tracking) -> bool:
    """Return whether runs are delivered to MLflow while they go on."""
    return tracking.name != "none" and not tracking.offline


def require_tracker(tracking: Tracking) -> None:
    """Raise RequestError where runs are tracked and the tracker does not answer.

    The store and the experiment are made where they are not there yet.
    """
    if is_mirrored(tracking):
        store = find_store(tracking.uri, tracking.dir)
        with answering():
            find_experiment(connect(store), store, tracking.experiment)


class Delivery:
    """What this process delivers: the run of `folder`, and what is added to it."""

    def __init__(self, folder: RunFolder, tracking: Tracking):
        self.tracking = tracking
        self._mirror = Mirror(folder, tracking) if is_mirrored(tracking) else None
        self._all: list[Deliverable] = []
        self._courier: Courier | None = None

    @property
    def run_id(self) -> str | None:
        """The MLflow run, None where it is not tracked, or not there yet."""
        return self._mirror.run_id if self._mirror is not None else None

    @property
    def cpu_s(self) -> float:
        """The CPU time that delivering has used."""
        return self._courier.cpu_s if self._courier is not None else 0.0

    def open(self) -> None:
        """Open the MLflow run, and deliver beside other work from now on.

        Where the tracker fails, it is tried again by then.
        """
        if self._mirror is not None:
            with suppress(Exception):  # whatever a tracker raises: the mirror keeps it
                self._mirror.open()
            self._courier = Courier()
            self.add(self._mirror)

    def follow(self, folder: RunFolder) -> None:
        """Deliver another run as well, unless it is delivered."""
        if self._mirror is not None and not is_delivered(folder):
            self.add(Mirror(folder, self.tracking))

    def add(self, deliverable: Deliverable) -> None:
        """Deliver something else as well."""
        if self._courier is not None:
            self._all.append(deliverable)
            self._courier.follow(deliverable)

    def flush(
        self, timeout_s: float, is_stopped: Callable[[], bool], say: Callable[[str], None]
    ) -> None:
        """Wait until all is delivered, for at most `timeout_s`, or until `is_stopped`."""
        if self._courier is None:
            return
        if not self._courier.wait(min(timeout_s, QUIET_S), is_stopped) and timeout_s > QUIET_S:
            limit = format_duration(timeout_s)
            say(f"delivering to the tracker, for at most {limit}; Ctrl-C ends the wait")
            self._courier.wait(timeout_s - QUIET_S, is_stopped)
        self._courier.leave()

    def deliver_rest(self, timeout_s: float) -> None:
        """Deliver what was recorded after the end of the run, within `timeout_s`."""
        if self._mirror is not None and self._courier is not None:
            self._mirror.is_left = False
            self._courier = Courier()
            self._courier.follow(self._mirror)
            self._courier.wait(timeout_s, lambda: False)
            self._courier.leave()

    def describe(self, folders: Sequence[RunFolder], target: str) -> Mapping[str, str]:
        """Return, as facts for people, what of some folders was not delivered, why, and the command
        that delivers `target`; nothing where all was."""
        missing = [each for each in folders if not is_delivered(each)]
        if self.tracking.name == "none" or not missing:
            return {}
        count = "1 run" if len(missing) == 1 else f"{len(missing)} runs"
        why = "tracking.offline is set" if self._mirror is None else self._find_reason()
        return {
            "not delivered": f"{count} to MLflow, whole here: {why}",
            "deliver it": name_sync(self.tracking, target),
        }

    def _find_reason(self) -> str:
        errors = [each.error for each in self._all if each.error is not None]
        return find_reason(errors[0]) if errors else "the tracker is slow"


def name_sync(tracking: Tracking, target: str) -> str:
    """Return the command that delivers runs, or a study."""
    place = name_place(tracking.dir, tracking.uri, tracking.experiment)
    return shlex.join(["python", "-m", "dcgan_sweeps.sync", target, *place])
