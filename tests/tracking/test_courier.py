"""The thread that delivers, whatever the tracker does."""

from __future__ import annotations

import itertools
import threading
import time

import pytest

from dcgan_sweeps.tracking import courier as module
from dcgan_sweeps.tracking.courier import Courier

NEVER_S = 60  # longer than any of these tests


class Parcel:
    """A deliverable whose first updates fail, or which hangs until it is let go."""

    def __init__(self, failures=0, updates=1):
        self.failures, self.updates = failures, updates
        self.error = None
        self.is_left = False
        self.times_s = []
        self.is_begun, self.may_end = threading.Event(), threading.Event()
        self.may_end.set()

    @property
    def is_delivered(self):
        return len(self.times_s) >= self.failures + self.updates

    def update(self):
        self.times_s.append(time.monotonic())
        self.is_begun.set()
        assert self.may_end.wait(NEVER_S)
        self.error = OSError("gone") if len(self.times_s) <= self.failures else None
        if self.error is not None:
            raise self.error


@pytest.fixture
def courier(monkeypatch):
    """A courier whose pauses are short; its thread has ended after the test."""
    monkeypatch.setattr(module, "POLL_S", 0.02)
    monkeypatch.setattr(module, "FLUSH_PAUSE_S", 0.05)
    courier = Courier()
    yield courier
    courier.leave()
    courier._thread.join(NEVER_S)
    assert not courier._thread.is_alive()


def test_what_is_followed_is_delivered(courier):
    parcels = [Parcel(), Parcel(updates=3)]
    for parcel in parcels:
        courier.follow(parcel)
    assert courier.wait(NEVER_S, lambda: False)
    assert [len(each.times_s) for each in parcels] == [1, 3]
    assert courier.leave() == ()


def test_nobody_waits_for_a_courier_that_has_nothing(courier):
    assert courier.wait(NEVER_S, lambda: False)


def test_a_failed_call_is_tried_again_until_it_is_done(courier):
    parcel = Parcel(failures=3)
    courier.follow(parcel)
    assert courier.wait(NEVER_S, lambda: False)
    assert (len(parcel.times_s), parcel.error) == (4, None)


def test_a_tracker_that_is_gone_is_asked_less_and_less_often(courier):
    parcel = Parcel(failures=5)
    courier.follow(parcel)
    until = time.monotonic() + NEVER_S
    while not parcel.is_delivered and time.monotonic() < until:
        time.sleep(0.01)
    pauses_s = [after - before for before, after in itertools.pairwise(parcel.times_s)]
    doubled = [module.POLL_S * 2**number for number in range(1, 6)]
    assert all(pause_s >= least_s for pause_s, least_s in zip(pauses_s, doubled, strict=True))


def test_a_wait_takes_no_longer_than_it_is_told(courier):
    courier.follow(Parcel(updates=10**9))
    begin_s = time.monotonic()
    assert not courier.wait(0.2, lambda: False)
    assert 0.2 <= time.monotonic() - begin_s < 10


def test_a_wait_ends_as_soon_as_somebody_asks(courier):
    courier.follow(Parcel(updates=10**9))
    asked = iter([False, False, True])
    begin_s = time.monotonic()
    assert not courier.wait(NEVER_S, lambda: next(asked))
    assert time.monotonic() - begin_s < 10


def test_a_call_that_hangs_keeps_nobody_waiting(courier):
    parcel = Parcel()
    parcel.may_end.clear()
    courier.follow(parcel)
    assert parcel.is_begun.wait(NEVER_S)
    assert not courier.wait(0.1, lambda: False)
    assert courier.leave() == (parcel,)
    assert parcel.is_left
    parcel.may_end.set()


def test_what_is_left_is_updated_no_more(courier):
    parcel = Parcel(updates=10**9)
    courier.follow(parcel)
    assert parcel.is_begun.wait(NEVER_S)
    assert courier.leave() == (parcel,)
    courier._thread.join(NEVER_S)
    assert not courier._thread.is_alive()


def test_a_mirror_that_fails_by_itself_holds_up_no_other(courier):
    damaged, well = Parcel(failures=10**6), Parcel()
    courier.follow(damaged)
    courier.follow(well)
    until = time.monotonic() + NEVER_S
    while not well.is_delivered and time.monotonic() < until:
        time.sleep(0.01)
    assert well.is_delivered
    assert damaged.error is not None
