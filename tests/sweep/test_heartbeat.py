"""Heartbeats of trials, with processes that are stopped and killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from optuna.trial import TrialState
from played import LIMIT_S

from dcgan_sweeps.sweep.heartbeat import REVOKED, Watch, beating, read_heartbeat, revoke
from dcgan_sweeps.tracking.outcome import Outcome

BEAT = """
import sys, time
from pathlib import Path
from dcgan_sweeps.sweep.heartbeat import beating
with beating(Path(sys.argv[1])):
    print("begun", flush=True)
    time.sleep(600)
"""
REMOTE = "hydra.sweeper.heartbeat_timeout_s=5"


def wait_until(condition):
    until = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def write_heartbeat(folder, beats=0):
    """Write a heartbeat of trial 0 on another host, and return its path."""
    path = folder.find_heartbeat(0)
    path.parent.mkdir(exist_ok=True)
    content = {"token": "x", "host": "elsewhere", "process": 7, "beats": beats}
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def beater(tmp_path):
    """Return a process that beats in a file, and the file."""
    path = tmp_path / "0000.alive"
    process = subprocess.Popen(
        [sys.executable, "-c", BEAT, str(path)], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout.readline() == "begun\n"
        yield process, path
        process.kill()


def test_a_heartbeat_names_its_process_and_is_gone_at_its_end(tmp_path):
    path = tmp_path / "0000.alive"
    with beating(path):
        assert read_heartbeat(path).process == os.getpid()
    assert not path.exists()


def test_a_stopped_process_falls_silent_and_a_live_one_does_not(beater):
    process, path = beater
    watch = Watch()
    silences_s = []
    until = time.monotonic() + 5
    while time.monotonic() < until:
        silences_s.append(watch.measure_silence_s(path))
        time.sleep(0.1)
    assert max(silences_s) < 4
    process.send_signal(signal.SIGSTOP)
    wait_until(lambda: watch.measure_silence_s(path) > 4)


def test_a_process_whose_heartbeat_was_revoked_ends_when_it_wakes_up(beater):
    process, path = beater
    process.send_signal(signal.SIGSTOP)
    revoke(path)
    process.send_signal(signal.SIGCONT)
    assert process.wait(LIMIT_S) == REVOKED
    assert not path.exists()


def test_a_process_leaves_the_heartbeat_of_its_successor_alone(beater):
    process, path = beater
    process.send_signal(signal.SIGSTOP)
    revoke(path)
    with beating(path):
        process.send_signal(signal.SIGCONT)
        assert process.wait(LIMIT_S) == REVOKED
        assert read_heartbeat(path).process == os.getpid()


def test_a_trial_without_a_sign_of_life_is_given_up_and_runs_again(play, studies):
    is_over = threading.Event()

    def fall_silent(launch):
        write_heartbeat(launch.live.folder)
        assert is_over.wait(LIMIT_S)
        return Outcome.FAILED, "too late to count"

    played = play("seed=0,1", REMOTE, parts={0: [fall_silent, (Outcome.COMPLETE, "")]})
    played.launch.is_remote = True
    assert (played.run(n_jobs=2), played.states) == ("", "CC")
    is_over.set()
    assert sorted(played.launch.calls) == [0, 0, 1]
    assert played.launch.cancelled == [0]
    assert "no sign of life of process 7 on elsewhere for 5 s" in studies.printed


def test_a_heartbeat_of_an_earlier_job_says_nothing_about_a_job_that_waits(play):
    def die(launch):
        write_heartbeat(launch.live.folder)
        return RuntimeError("its host was switched off")

    def wait_in_the_queue(launch):
        time.sleep(7)
        return Outcome.COMPLETE, ""

    played = play("seed=0", REMOTE, parts={0: [die, wait_in_the_queue]})
    played.launch.is_remote = True
    assert (played.run(), played.states, played.launch.calls) == ("", "C", [0, 0])


def test_a_trial_of_this_machine_is_not_given_up(play):
    def fall_silent(launch):
        write_heartbeat(launch.live.folder)
        time.sleep(6)
        return Outcome.COMPLETE, ""

    played = play("seed=0", REMOTE, parts={0: [fall_silent]})
    assert (played.run(), played.states, played.launch.calls) == ("", "C", [0])


def test_a_trial_that_outlives_its_controller_is_waited_for(play, studies):
    dead = play("seed=0,1")
    number = dead.controller._find_next()
    dead.controller._prepare(number)
    path = write_heartbeat(dead.live.folder)

    def work():
        for beats in range(12):
            write_heartbeat(dead.live.folder, beats)
            time.sleep(0.5)
        dead.launch.write(number, Outcome.COMPLETE)
        revoke(path)

    threading.Thread(target=work).start()
    again = play("seed=0,1", REMOTE)
    assert (again.run(), again.states, again.launch.calls) == ("", "CC", [1])
    assert "trial   0 is still running: seed=0" in studies.printed


def test_a_trial_that_has_ended_is_not_waited_for_where_its_launcher_hangs(play, monkeypatch):
    is_over = threading.Event()
    monkeypatch.setattr("dcgan_sweeps.sweep.running.ENDED_S", 3.0)

    def end_and_hang(launch):
        with beating(launch.live.folder.find_heartbeat(0)):
            time.sleep(1)
            launch.write(0, Outcome.COMPLETE)
        assert is_over.wait(LIMIT_S)
        return RuntimeError("its host does not answer")

    played = play("seed=0", parts={0: [end_and_hang]})
    played.launch.is_remote = True
    assert (played.run(), played.states, played.launch.calls) == ("", "C", [0])
    is_over.set()


def test_a_preempted_trial_goes_on_without_counting_as_failed(play, studies):
    def preempt(launch):
        folder = launch.live.folder.find_trial(0)
        folder.root.mkdir(parents=True, exist_ok=True)
        folder.append({"step": 10 * len(launch.calls)})
        return Outcome.INTERRUPTED, "asked to stop"

    parts = {0: [preempt, preempt, preempt, (Outcome.COMPLETE, "")]}
    played = play("seed=0", "hydra.sweeper.retries=0", parts=parts)
    played.launch.is_remote = True
    assert (played.run(), played.states, played.launch.calls) == ("", "C", [0, 0, 0, 0])
    assert studies.printed.count("trial   0 stopped, will continue: asked to stop") == 3


def test_a_trial_that_is_preempted_before_its_first_step_fails_in_the_end(play):
    part = (Outcome.INTERRUPTED, "asked to stop")
    played = play("seed=0", "hydra.sweeper.retries=1", parts={0: [part]})
    played.launch.is_remote = True
    assert (played.run(), played.launch.calls) == ("", [0, 0])
    assert played.trials[0].state == TrialState.FAIL
