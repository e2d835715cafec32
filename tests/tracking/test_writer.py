from __future__ import annotations

import threading

from dcgan_sweeps.tracking.writer import Writer


def test_calls_are_made_in_order_and_all_before_it_closes():
    made = []
    writer = Writer(capacity=2)
    for number in range(50):
        writer.submit(lambda number=number: made.append(number))
    writer.close()
    assert made == list(range(50))


def test_a_failure_is_kept_and_the_rest_is_still_made():
    made = []
    writer = Writer(capacity=8)
    writer.submit(lambda: 1 / 0)
    writer.submit(lambda: made.append(1))
    writer.close()
    assert [type(error) for error in writer.failures] == [ZeroDivisionError]
    assert made == [1]


def test_waiting_for_a_full_queue_is_measured():
    release = threading.Event()
    writer = Writer(capacity=1)
    writer.submit(release.wait)
    writer.submit(lambda: None)
    threading.Timer(0.2, release.set).start()
    for _ in range(2):
        writer.submit(lambda: None)
    writer.close()
    assert writer.waited_s > 0.1
