"""The dry run of a study: prints its trials or search space, its slots, and an estimated time."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from dcgan_sweeps.config.flat import flatten
from dcgan_sweeps.config.schema import Config
from dcgan_sweeps.runs.logged_run import LoggedRun, find_runs
from dcgan_sweeps.slots.slots import Slots
from dcgan_sweeps.sweep.progress import count_steps, guess_images
from dcgan_sweeps.sweep.request import StudyRequest
from dcgan_sweeps.terminal import format_duration, make_say, make_table
from dcgan_sweeps.tracking.store import DATABASE_FILE, open_store

MOST_POINTS_SHOWN = 50  # points of a grid
# Keys on which the time of a run depends most.
ALIKE = ("data.limit", "train.epochs", "train.batch_size", "model.discriminator_filters")


def print_dry_run(
    console: Console, request: StudyRequest, slots: Slots, n_jobs: int | None
) -> None:
    """Print what the study would do, without starting or writing anything."""
    say = make_say(console)
    count = "as many as there is room for" if n_jobs is None else n_jobs
    say(f"dry run: {request.total} trials, {count} at a time, launcher {request.launcher}")
    for override in request.fixed:
        say(f"  all trials: {override}")
    if request.is_search:
        _print_space(console, request)
    else:
        for number, point in enumerate(request.points[: min(MOST_POINTS_SHOWN, request.total)]):
            say(f"  trial {number:>3}: {' '.join(point.overrides)}")
        if request.total > MOST_POINTS_SHOWN:
            say(f"  and {request.total - MOST_POINTS_SHOWN} more")
    if request.launcher == "slots":
        for slot in slots.slots:
            say(f"  {slot}")
        for reason in slots.left_out.values():
            say(f"  left out: {reason}")
    say(estimate(request, n_jobs))


def _print_space(console: Console, request: StudyRequest) -> None:
    settings = request.settings
    say = make_say(console)
    say(f"  sampler {settings.sampler}, pruner {settings.pruner}, seed {settings.seed}")
    rows = []
    for each in request.space:
        condition = "" if each.condition is None else settings.only_if[each.key]
        rows.append([each.key, each.text, str(request.defaults.get(each.key, "")), condition])
    if request.has_own_seeds:
        own = request.list_own_seed(0)["seed"]
        rows.append(["seed", f"own of each trial, from {own}", str(own), ""])
    console.print(make_table(("key", "domain", "trial 0", "only if"), rows))


def estimate(request: StudyRequest, n_jobs: int | None) -> str:
    """Return in words how long the study may take, based on the newest similar run."""
    if n_jobs is None:
        return "estimate: none, as it is not known how many trials will run at a time"
    run = find_alike(request.config)
    if run is None:
        return "estimate: none, as the store has no complete run with as many images and epochs"
    each_s = (run.end_ms - run.start_ms) / 1000
    rounds = -(-request.total // n_jobs)
    return (
        f"estimate: at most {format_duration(rounds * each_s)}, as run {run.run_id} took "
        f"{format_duration(each_s)}; pruned trials end earlier"
    )


def find_alike(config: Config) -> LoggedRun | None:
    """Return the newest complete run with the same number of images and epochs, or None.

    It also has the same batch size and the same discriminator.
    """
    tracking = config.tracking
    if tracking.name == "none" or count_steps(config, guess_images(config)) == 0:
        return None
    if tracking.uri is None and not (Path(tracking.dir).expanduser() / DATABASE_FILE).is_file():
        return None
    flat = flatten(config)
    same = {key: flat[key] for key in ALIKE if key in flat}
    client = open_store(tracking.uri, tracking.dir)
    for run in reversed(find_runs(client, tracking.experiment, "tags.outcome = 'complete'")):
        fits = all(run.params.get(key) == str(value) for key, value in same.items())
        if fits and run.end_ms > run.start_ms:
            return run
    return None
