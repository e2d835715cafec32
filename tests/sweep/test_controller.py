"""A study's controller, with a real study and trials that write their folders as they are told."""

from __future__ import annotations

import signal
import threading

import pytest
from optuna.trial import TrialState
from played import LIMIT_S

from dcgan_sweeps.interrupt import JobPreempted
from dcgan_sweeps.tracking.outcome import Outcome

FAILED = (Outcome.FAILED, "a part broke")


def test_a_grid_is_asked_in_hydras_order_each_point_once(play):
    played = play("optimizer.lr=1e-4,2e-4", "seed=0,1,1")
    assert played.run() == ""
    asked = [overrides[-2:] for overrides in played.launch.overrides.values()]
    rates = ("optimizer.lr=0.0001", "optimizer.lr=0.0002")
    assert asked == [[rate, seed] for rate in rates for seed in ("seed=0", "seed=1")]
    assert played.launch.calls == [0, 1, 2, 3]


def test_a_trial_is_told_with_the_score_in_its_folder(play):
    played = play("seed=0,1")
    played.run()
    assert [each.value for each in played.trials] == [100.0, 99.0]
    assert played.trials[1].user_attrs["outcome"] == "complete"


def test_a_search_asks_the_default_first_and_then_its_sampler(play):
    played = play("search=random", "hydra.sweeper.n_trials=4")
    played.run()
    assert played.trials[0].params["optimizer.lr"] == 1e-3
    assert len({tuple(each.params.values()) for each in played.trials}) == 4


def test_each_trial_of_a_search_trains_with_its_own_seed_also_when_it_is_resumed(play):
    words = ("search=random", "seed=3", "hydra.sweeper.n_trials=3")
    dead = play(*words)
    for _ in range(2):
        dead.controller._prepare(dead.controller._find_next())
    again = play(*words)
    again.run()
    seeds = [each.user_attrs["varied"][-1] for each in again.trials]
    assert seeds == ["seed=4000", "seed=4001", "seed=4002"]
    assert [again.launch.overrides[number][-1] for number in range(3)] == seeds
    assert [again.live.study.get_trials()[1].params.get("seed")] == [None]  # not searched


def test_each_trial_is_given_what_is_fixed_and_what_varies(play):
    played = play("model.dropout=0.2", "seed=5,6")
    played.run()
    assert {"model.dropout=0.2", "seed=6"} <= set(played.launch.overrides[1])
    assert played.trials[1].user_attrs["varied"] == ["seed=6"]


def test_a_failed_trial_is_tried_again_as_often_as_asked(play, studies):
    played = play("seed=0,1", "hydra.sweeper.retries=2", parts={0: [FAILED]})
    assert played.run() == ""
    assert played.launch.calls == [0, 0, 0, 1]
    assert played.states == "FC"
    assert studies.printed.count("trial   0 failed, will be retried: a part broke") == 2
    assert "trial   0 failed after" in studies.printed


def test_a_trial_whose_retry_ends_well_is_complete(play):
    played = play("seed=0", parts={0: [FAILED, (Outcome.COMPLETE, "")]})
    played.run()
    assert (played.launch.calls, played.states) == ([0, 0], "C")
    assert played.trials[0].user_attrs["failures"] == 1


@pytest.mark.parametrize(
    ("outcome", "reason", "state"),
    [
        (Outcome.DIVERGED, "a loss is nan", "F"),
        (Outcome.FAILED, "out of memory: OOM", "F"),
        (Outcome.PRUNED, "after epoch 1", "P"),
    ],
)
def test_what_would_end_so_again_is_tried_once(play, outcome, reason, state):
    played = play("seed=0,1", parts={0: [(outcome, reason)]})
    played.run()
    assert (played.launch.calls, played.states) == ([0, 1], f"{state}C")
    attributes = played.trials[0].user_attrs
    assert (attributes["outcome"], attributes["reason"]) == (outcome, reason)


def test_what_a_launcher_raises_is_its_trials_failure_and_the_rest_goes_on(play):
    error = RuntimeError("the worker was killed")
    played = play("seed=0,1,2", "hydra.sweeper.retries=0", parts={1: [error]})
    played.run()
    assert played.states == "CFC"
    folder = played.live.folder.find_trial(1)
    assert folder.read_ending().reason == "the worker was killed"
    assert "RuntimeError" in folder.read_text("traceback.txt")


def test_without_a_number_of_jobs_a_trial_starts_as_soon_as_the_launcher_has_a_place(play):
    def grow(launch):
        assert launch.calls == [0]
        launch.places = 2
        launch.wait_for_call(1)  # while this trial runs
        return (Outcome.COMPLETE, "")

    played = play("seed=0,1", "hydra.sweeper.retries=0", parts={0: [grow]})
    played.run(n_jobs=None)
    assert played.states == "CC"


def test_a_launcher_without_a_place_gets_one_trial_that_waits(play):
    played = play("seed=0,1")
    played.launch.places = 0
    played.run(n_jobs=None)
    assert played.states == "CC"


def test_a_trial_that_leaves_no_outcome_has_failed(play):
    played = play("seed=0", "hydra.sweeper.retries=0", parts={0: [None]})
    played.run()
    assert played.live.folder.find_trial(0).read_ending().reason == "it wrote no outcome"


def test_an_outcome_in_the_folder_counts_more_than_what_the_launcher_says(play):
    def die_at_the_end(launch):
        launch.write(0, Outcome.COMPLETE)
        return RuntimeError("killed after its end")

    played = play("seed=0", parts={0: [die_at_the_end]})
    played.run()
    assert (played.launch.calls, played.states) == ([0], "C")


def test_a_trial_that_cannot_be_composed_has_failed_and_says_why(play):
    played = play("data.limit=16,320", "hydra.sweeper.retries=3")
    played.run()
    assert (played.launch.calls, played.states) == ([1], "FC")
    assert "composition failed: data.limit: got 16" in played.trials[0].user_attrs["reason"]
    assert "RequestError" in played.live.folder.find_log(0).read_text()


def test_so_many_failures_in_a_row_end_the_study(play, studies):
    words = ("seed=range(5)", "hydra.sweeper.retries=0", "hydra.sweeper.stop_after_failures=2")
    played = play(*words, parts={0: [FAILED], 2: [FAILED], 3: [FAILED]})
    assert played.run() == "failures"
    assert played.states == "FCFF"
    assert "too many trials in a row failed" in studies.printed


def test_failures_before_a_restart_count_among_those_in_a_row(play):
    words = ("seed=range(5)", "hydra.sweeper.retries=0", "hydra.sweeper.stop_after_failures=2")
    play(*words, "hydra.sweeper.n_trials=1", parts={0: [FAILED]}).run()
    again = play(*words, parts={1: [FAILED]})
    assert (again.run(), again.states) == ("failures", "FF")


def test_a_score_as_low_as_the_target_ends_the_study(play, studies):
    played = play("seed=range(4)", "hydra.sweeper.target_score=98")
    assert played.run() == "target"
    assert played.states == "CCC"
    assert "the target score is met" in studies.printed


def test_the_score_of_a_pruned_trial_meets_no_target(play):
    words = ("seed=0,1", "hydra.sweeper.target_score=50")
    played = play(*words, parts={0: [(Outcome.PRUNED, "", 1.0)]})
    assert (played.run(), played.states) == ("", "PC")


def test_the_time_limit_keeps_the_running_trials_for_another_start(play):
    def pass_time(launch):
        played.controller.begin_s -= 60 * 10
        launch.wait_for_stop()
        return Outcome.INTERRUPTED, "the study was stopped"

    played = play("seed=0,1", "hydra.sweeper.timeout_min=10", parts={0: [pass_time]})
    assert played.run() == "time limit"
    assert played.states == "R"


def test_an_interrupted_study_resumes_its_trial_and_asks_the_rest(play, studies):
    def ask(launch):
        interrupted.interrupts.count += 1
        launch.wait_for_stop()
        return Outcome.INTERRUPTED, "the study was stopped"

    interrupted = play("seed=range(3)", parts={1: [ask]})
    assert (interrupted.run(), interrupted.states) == ("interrupted", "CR")
    assert "trial   1 interrupted" in studies.printed
    again = play("seed=range(3)")
    assert (again.run(), again.states) == ("", "CCC")
    assert again.launch.calls == [1, 2]


def test_a_trial_that_somebody_interrupted_alone_has_failed(play):
    part = (Outcome.INTERRUPTED, "asked to stop")
    played = play("seed=0,1", "hydra.sweeper.retries=0", parts={0: [part]})
    assert (played.run(), played.states) == ("", "FC")


def stop_in_training(launch):
    """Save a checkpoint and end, as a trial that is preempted does."""
    launch.write(0, Outcome.INTERRUPTED, "stopped on request at step 5, in epoch 1")
    return JobPreempted("Slurm preempted it, as job 7")


@pytest.mark.parametrize("preemption", [stop_in_training, JobPreempted("killed before it began")])
def test_a_preempted_trial_continues_and_has_not_failed(play, studies, preemption):
    words = ("seed=0,1", "hydra.sweeper.retries=0")
    played = play(*words, parts={0: [preemption, preemption, (Outcome.COMPLETE, "")]})
    played.run()
    assert (played.launch.calls, played.states) == ([0, 0, 0, 1], "CC")
    assert studies.printed.count("trial   0 stopped, will continue: ") == 2


def test_a_trial_that_ended_before_its_job_was_preempted_is_not_done_again(play):
    def end_and_be_preempted(launch):
        launch.write(0, Outcome.COMPLETE)
        return JobPreempted("after its end")

    played = play("seed=0", parts={0: [end_and_be_preempted]})
    played.run()
    assert (played.launch.calls, played.states) == ([0], "C")


def test_a_trial_that_is_preempted_while_the_study_stops_waits_for_another_start(play):
    def stop(launch):
        played.interrupts.take(signal.SIGINT, None)
        launch.wait_for_stop()
        return stop_in_training(launch)

    played = play("seed=0,1", parts={0: [stop]})
    assert (played.run(), played.launch.calls, played.states) == ("interrupted", [0], "R")


def test_after_a_restart_a_trial_that_has_ended_is_told_and_not_done_again(play):
    dead = play("seed=0,1,2")
    number = dead.controller._find_next()
    dead.controller._prepare(number)
    dead.launch.write(number, Outcome.PRUNED, "no good")
    again = play("seed=0,1,2")
    assert (again.run(), again.states) == ("", "PCC")
    assert again.launch.calls == [1, 2]


def test_after_a_restart_a_trial_that_was_asked_is_done_first(play):
    dead = play("search=random", "hydra.sweeper.n_trials=3")
    for _ in range(2):
        dead.controller._prepare(dead.controller._find_next())
    points = [each.params for each in dead.trials]
    again = play("search=random", "hydra.sweeper.n_trials=3")
    assert (again.run(), again.launch.calls) == ("", [0, 1, 2])
    assert [each.params for each in again.trials[:2]] == points


def test_a_point_that_was_lined_up_and_not_asked_is_asked_once(play):
    dead = play("search=random", "hydra.sweeper.n_trials=2")
    dead.live.study.enqueue_trial(dict(dead.live.request.defaults))
    again = play("search=random", "hydra.sweeper.n_trials=2")
    again.run()
    rates = [each.params["optimizer.lr"] for each in again.trials]
    assert (len(rates), rates.count(1e-3)) == (2, 1)


def test_a_failure_is_counted_once_over_a_restart(play, monkeypatch):
    dead = play("seed=0", parts={0: [FAILED]})

    def die(number, result):
        raise SystemExit

    monkeypatch.setattr(dead.controller.view, "retry", die)
    with pytest.raises(SystemExit):
        dead.run()
    again = play("seed=0", parts={0: [FAILED]})
    again.run()
    assert (again.launch.calls, again.states) == ([0], "F")


def test_more_trials_may_be_asked_when_a_study_goes_on(play):
    play("seed=range(3)", "hydra.sweeper.n_trials=1").run()
    again = play("seed=range(3)", "hydra.sweeper.n_trials=2")
    again.run()
    assert (again.launch.calls, again.states) == ([1], "CC")


def test_trials_run_side_by_side_and_none_waits_for_another(play):
    others = threading.Event()

    def wait(launch):
        assert others.wait(LIMIT_S)
        return Outcome.COMPLETE, ""

    def free(launch):
        others.set()
        return Outcome.COMPLETE, ""

    played = play("seed=range(4)", parts={0: [wait], 3: [free]})
    assert (played.run(n_jobs=2), played.states) == ("", "CCCC")


def test_the_serial_controller_works_in_its_own_thread(play):
    played = play("seed=0,1")
    played.run(n_jobs=0)
    assert played.launch.threads == {threading.get_ident()}


def test_a_second_interrupt_ends_the_running_trials_at_once(play, monkeypatch):
    def hang(launch):
        assert launch.is_stopped.wait(LIMIT_S)
        return RuntimeError("its process was ended")

    played = play("seed=range(3)", parts={0: [hang]})

    def interrupt(interrupts):
        if played.launch.calls:
            raise KeyboardInterrupt

    monkeypatch.setattr(played.controller, "_check_limits", interrupt)
    assert (played.run(), played.states) == ("interrupted", "R")
    ending = played.live.folder.find_trial(0).read_ending()
    assert (ending.outcome, ending.reason) == (Outcome.INTERRUPTED, "stopped at once")


def test_no_trial_of_a_study_is_left_running(play):
    played = play("seed=range(4)", "hydra.sweeper.retries=0", parts={1: [FAILED], 2: [None]})
    played.run()
    assert TrialState.RUNNING not in {each.state for each in played.trials}
