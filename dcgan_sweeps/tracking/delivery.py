"""Delivers the work of this process to MLflow: a run, or a study with its trials.

delivery = Delivery(folder, config.tracking)
delivery.open()                           # the MLflow run, with its configuration
delivery.flush(60, interrupts.listen(), say=print)   # at the end, for at most 60 s
delivery.describe([folder], str(folder.root))

It does nothing if runs are not tracked, or tracking.offline is set.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from dcgan_sweeps.config.schema import Tracking
from dcgan_sweeps.place import name_place
from dcgan_sweeps.terminal import format_duration
from dcgan_sweeps.tracking.courier import Courier, Deliverable
from dcgan_sweeps.tracking.folder import RunFolder
from dcgan_sweeps.tracking.inspection import find_reason
from dcgan_sweeps.tracking.mirror import Mirror, is_delivered
from dcgan_sweeps.tracking.store import answering, connect, find_experiment, find_store

QUIET_S = 2.0  # a longer wait is announced


def is_mirrored(tracking: Tracking) -> bool:
    """Return whether runs are delivered to MLflow while they are running."""
    return tracking.name != "none" and not tracking.offline


def require_tracker(tracking: Tracking) -> None:
    """Create the store and the experiment if they are missing.

    Raises RequestError if runs are tracked and the tracker does not answer.
    """
    if is_mirrored(tracking):
        store = find_store(tracking.uri, tracking.dir)
        with answering():
            find_experiment(connect(store), store, tracking.experiment)


class Delivery:
    """Delivers the run of `folder`, and everything else that is added."""

    def __init__(self, folder: RunFolder, tracking: Tracking):
        self.tracking = tracking
        self._mirror = Mirror(folder, tracking) if is_mirrored(tracking) else None
        self._all: list[Deliverable] = []
        self._courier: Courier | None = None

    @property
    def run_id(self) -> str | None:
        """The id of the MLflow run; None if the run is not tracked or not created yet."""
        return self._mirror.run_id if self._mirror is not None else None

    @property
    def cpu_s(self) -> float:
        """The CPU time that delivery has used."""
        return self._courier.cpu_s if self._courier is not None else 0.0

    def open(self) -> None:
        """Open the MLflow run, and start delivering in the background.

        If the tracker fails, the background thread tries again.
        """
        if self._mirror is not None:
            with suppress(Exception):  # anything that a tracker raises; the mirror keeps the error
                self._mirror.open()
            self._courier = Courier()
            self.add(self._mirror)

    def follow(self, folder: RunFolder) -> None:
        """Deliver another run as well, unless it is already delivered."""
        if self._mirror is not None and not is_delivered(folder):
            self.add(Mirror(folder, self.tracking))

    def add(self, deliverable: Deliverable) -> None:
        """Add something else to deliver."""
        if self._courier is not None:
            self._all.append(deliverable)
            self._courier.follow(deliverable)

    def flush(
        self, timeout_s: float, is_stopped: Callable[[], bool], say: Callable[[str], None]
    ) -> None:
        """Wait until everything is delivered, `timeout_s` has passed, or `is_stopped` is true."""
        if self._courier is None:
            return
        if not self._courier.wait(min(timeout_s, QUIET_S), is_stopped) and timeout_s > QUIET_S:
            limit = format_duration(timeout_s)
            say(f"delivering to the tracker for at most {limit}; Ctrl-C stops waiting")
            self._courier.wait(timeout_s - QUIET_S, is_stopped)
        self._courier.leave()

    def deliver_rest(self, timeout_s: float) -> None:
        """Deliver what was recorded after the end of the run, for at most `timeout_s`."""
        if self._mirror is not None and self._courier is not None:
            self._mirror.is_left = False
            self._courier = Courier()
            self._courier.follow(self._mirror)
            self._courier.wait(timeout_s, lambda: False)
            self._courier.leave()

    def describe(self, folders: Sequence[RunFolder], target: str) -> Mapping[str, str]:
        """Describe for the summary which folders are not delivered, and why.

        The facts include the command that delivers `target`. They are empty if everything is
        delivered.
        """
        missing = [each for each in folders if not is_delivered(each)]
        if self.tracking.name == "none" or not missing:
            return {}
        count = "1 run" if len(missing) == 1 else f"{len(missing)} runs"
        why = "tracking.offline is set" if self._mirror is None else self._find_reason()
        return {
            "not delivered": f"{count} to MLflow, complete on this machine: {why}",
            "deliver with": name_sync(self.tracking, target),
        }

    def _find_reason(self) -> str:
        errors = [each.error for each in self._all if each.error is not None]
        return find_reason(errors[0]) if errors else "the tracker is slow"


def name_sync(tracking: Tracking, target: str) -> str:
    """Return the command that delivers a run or a study."""
    place = name_place(tracking.dir, tracking.uri, tracking.experiment)
    return shlex.join(["python", "-m", "dcgan_sweeps.sync", target, *place])
