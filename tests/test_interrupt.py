"""Signals that stop a process: how often, and what happens to its output."""

from __future__ import annotations

import os
import pty
import signal

import pytest

from dcgan_sweeps import interrupt
from dcgan_sweeps.interrupt import catch_interrupts, leave_closed_terminal, list_stops


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR2])
def test_the_first_signal_asks_for_a_stop(number):
    with catch_interrupts() as interrupts:
        signal.raise_signal(number)
        assert interrupts.asked


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_second_one_stops_at_once(number):
    with catch_interrupts():
        signal.raise_signal(number)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)


@pytest.mark.parametrize("numbers", [("TERM", "TERM"), ("TERM", "USR2"), ("USR2", "TERM")])
def test_slurm_may_send_several_signals_for_one_stop(numbers, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    with catch_interrupts() as interrupts:
        for name in numbers:
            signal.raise_signal(signal.Signals[f"SIG{name}"])
        assert interrupts.count == 1


def test_a_closed_terminal_may_tell_it_twice():
    with catch_interrupts() as interrupts:
        for _ in range(2):
            signal.raise_signal(signal.SIGHUP)
        assert interrupts.count == 1


def test_the_end_of_the_terminal_stops_nothing_under_nohup():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert signal.SIGHUP not in list_stops()
        with catch_interrupts() as interrupts:
            signal.raise_signal(signal.SIGHUP)
            assert not interrupts.asked
    finally:
        signal.signal(signal.SIGHUP, before)


def test_output_to_a_closed_terminal_is_discarded(monkeypatch):
    controller, terminal = pty.openpty()
    monkeypatch.setattr(interrupt, "STREAMS", (terminal,))
    leave_closed_terminal()
    os.write(terminal, b"shown\n")
    assert os.read(controller, 100) == b"shown\r\n"
    os.close(controller)
    with pytest.raises(OSError, match="Input/output error"):
        os.write(terminal, b"x")
    leave_closed_terminal()
    assert os.write(terminal, b"x") == 1
    os.close(terminal)
