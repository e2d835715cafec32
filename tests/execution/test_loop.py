"""The epochs of a run as they are trained, recorded, checkpointed and stopped."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest

from dcgan_sweeps.execution.live_run import LiveRun
from dcgan_sweeps.execution.loop import Stopped, make_display, train_and_score
from dcgan_sweeps.execution.outcome import go_on
from dcgan_sweeps.execution.spec import Stop, build_spec
from dcgan_sweeps.execution.start import open_record
from dcgan_sweeps.interrupt import Interrupts
from dcgan_sweeps.terminal import make_console
from dcgan_sweeps.tracking.checkpoints import list_checkpoints, read_checkpoint
from dcgan_sweeps.tracking.outcome import Outcome


@pytest.fixture
def begin(here):
    """Return a function that begins a run, which its record's lock ends with."""

    def begin(*words, judge=go_on):
        spec = build_spec(here.ask(*words))
        components = here.prepare(spec.config)
        recorder = open_record(spec, components)
        opened.append(recorder)
        display = make_display(components, make_console(here.file), reports.append)
        return LiveRun(spec, components, recorder, Interrupts(), display, judge)

    opened, reports = [], []
    yield begin
    for recorder in opened:
        recorder._lock.close()


def list_steps(live):
    """Return the optimizer steps of the checkpoints, the first one first."""
    paths = list_checkpoints(live.recorder.folder.checkpoints)
    return [read_checkpoint(path).step for path in reversed(paths)]


def read_records(live):
    return list(map(json.loads, live.recorder.folder.history.read_text().splitlines()))


def test_each_epoch_comes_once_the_untrained_one_first(begin):
    live = begin("train.epochs=3")
    assert [end.number for end in train_and_score(live)] == [0, 1, 2, 3]


def test_an_epoch_has_its_scores_where_it_is_scored(begin):
    live = begin("score=fcd", "score.every=2", "score.extra_metrics=never", "train.epochs=3")
    scored = {end.number: set(end.scores) for end in train_and_score(live)}
    names = {"score/fcd", "score/fcd_test", "score/fcd_share"}
    assert scored == {0: set(), 1: set(), 2: names, 3: names}
    bounds = read_records(live)[0]
    assert {"score/fcd_floor", "score/fcd_ceiling", "score/fcd_untrained"} <= bounds.keys()


def test_each_epoch_leaves_a_grid_and_the_digest_of_its_weights(begin):
    live = begin()
    list(train_and_score(live))
    assert sorted(live.recorder.folder.find_frames()) == [0, 1, 2]
    digests = {r["epoch"]: r["digest.weights"] for r in read_records(live) if "digest.weights" in r}
    assert len(set(digests.values())) == 3


@pytest.mark.parametrize(("every", "steps"), [("1", [20, 30]), ("2", [20, 30]), ("null", [30])])
def test_checkpoints_come_when_they_are_asked_for_and_at_the_end(begin, every, steps):
    live = begin("train.epochs=3", f"train.checkpoint_every={every}")
    list(train_and_score(live))
    assert list_steps(live) == steps


def test_a_judge_prunes_without_a_checkpoint_of_its_own(begin):
    pruned = Stop(Outcome.PRUNED, "no good")
    live = begin("train.checkpoint_every=null", judge=lambda end: pruned if end.number else None)
    with pytest.raises(Stopped) as stopped:
        list(train_and_score(live))
    assert (stopped.value.stop, list_steps(live)) == (pruned, [])


def test_a_run_that_is_asked_to_stop_within_an_epoch_has_a_checkpoint_there(begin):
    live = begin("train.checkpoint_every=null")
    ends = train_and_score(live)
    assert [next(ends).number, next(ends).number] == [0, 1]
    add_steps = live.recorder.add_steps

    def ask(*words):
        live.interrupts.count += 1
        add_steps(*words)

    live.recorder.add_steps = ask
    with pytest.raises(Stopped, match="stopped on request at step 15, in epoch 2"):
        next(ends)
    assert list_steps(live) == [15]


def test_a_run_that_is_asked_to_stop_in_its_last_epoch_ends_it(begin):
    live = begin("train.epochs=1", "train.steps_per_call=25")
    ends = train_and_score(live)
    next(ends)
    live.interrupts.count += 1
    assert [end.number for end in ends] == [1]


def test_a_resumed_run_tells_the_scores_it_had_before_it_trains(here):
    words = ("score=fcd", "score.extra_metrics=never", "train.epochs=3")
    told = []

    def judge(end):
        told.append((end.number, dict(end.scores)))
        return Stop(Outcome.INTERRUPTED, "") if len(told) == 3 else None

    folder = here.execute(*words, judge=judge).recorder.folder
    before, told[:] = list(told), [(0, {})]
    here.resume(folder, judge=lambda end: told.append((end.number, dict(end.scores))))
    assert told[:3] == before
    assert [number for number, _ in told] == [0, 1, 2, 3]


def test_each_epoch_leaves_one_line(begin, here):
    with suppress(Stopped):
        list(train_and_score(begin()))
    lines = [line for line in here.printed.splitlines() if line.startswith("epoch")]
    assert [line.split()[1] for line in lines] == ["1/2", "2/2"]
