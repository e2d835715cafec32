"""The loop over the epochs of a run: train, draw samples, score, save a checkpoint.

for end in train_and_score(live):
    end.number, end.scores
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import NoReturn

from rich.console import Console

from dcgan_sweeps.config.schema import Config
from dcgan_sweeps.datasets.batches import Indices, count_images, draw_batches
from dcgan_sweeps.execution.components import Components
from dcgan_sweeps.execution.display import (
    CHECKPOINT,
    EXTRA_METRICS,
    PICTURES,
    SCORING,
    TRAINING,
    RunDisplay,
)
from dcgan_sweeps.execution.live_progress import Report
from dcgan_sweeps.execution.live_run import EpochEnd, LiveRun
from dcgan_sweeps.execution.scoring import Look, make_look, measure_bounds, score_epoch
from dcgan_sweeps.execution.spec import Stop, is_examined, is_scored
from dcgan_sweeps.gan.sampling import Latents
from dcgan_sweeps.gan.state import hash_weights, restore_state
from dcgan_sweeps.gan.step import Training, prepare_training
from dcgan_sweeps.gan.training import Epoch, train
from dcgan_sweeps.metrics import EPOCH_SCORES
from dcgan_sweeps.randomness import LatentSpace, stream
from dcgan_sweeps.tracking.checkpoints import Checkpoint
from dcgan_sweeps.tracking.history import parse_lines
from dcgan_sweeps.tracking.outcome import Outcome
from dcgan_sweeps.tracking.recorder import Recorder, Steps, average_steps

OF_THE_RECORD = "epoch"  # the names of the record's own arrays in a checkpoint begin with it


class Stopped(Exception):
    """The run was stopped early: it is pruned, or interrupted and has written a checkpoint."""

    def __init__(self, stop: Stop):
        super().__init__(stop.reason)
        self.stop = stop


def make_display(components: Components, console: Console, report: Report) -> RunDisplay:
    """Return the display of a run, which knows the stages that end each epoch."""
    config, epochs = components.config, components.config.train.epochs
    numbers = range(1, epochs + 1)
    is_on = components.scorer is not None
    plan = {
        PICTURES: numbers,
        SCORING: [each for each in numbers if is_on and is_scored(config, each)],
        EXTRA_METRICS: [each for each in numbers if is_on and is_examined(config, each)],
        CHECKPOINT: [each for each in numbers if _is_checkpointed(config, each)],
    }
    return RunDisplay(console, report, components.steps_per_epoch * epochs, epochs, plan)


def train_and_score(live: LiveRun) -> Iterator[EpochEnd]:
    """Train to the last epoch, and yield the end of each epoch.

    A resumed run first yields the epochs that were scored before. Raises Stopped where a signal or
    `live.judge` stops the run, and Diverged.
    """
    config, components, recorder = live.config, live.components, live.recorder
    training = prepare_training(components.gan, config)
    look = make_look(
        components.gan,
        config.score.batch_size,
        LatentSpace(config.model.latent_dim, config.train.latents),
        _draw_grid_latents(config),
    )
    display = live.display
    checkpoint = live.spec.resume_point.checkpoint if live.spec.resume_point is not None else None
    if checkpoint is not None:
        _restore(checkpoint, training, recorder)
        display.resume(checkpoint.step, checkpoint.step // components.steps_per_epoch)
        for end in _find_scored(checkpoint):
            yield end
            _check_stop(live, training, end, is_saved=True)
    else:
        if components.scorer is not None:
            with display.stage(SCORING):
                recorder.add_scores(0, measure_bounds(components.scorer, look, display.track))
        end = _end_epoch(live, look, 0)
        yield end
        _check_stop(live, training, end, is_saved=False)
    images_u8 = components.images.train_u8[components.train_rows]
    for epoch in train(training, images_u8, _batches(components), jit=components.device.jit):
        _train_epoch(live, training, epoch)
        means = recorder.end_epoch(epoch.number)
        end = _end_epoch(live, look, epoch.number)
        is_saved = live.interrupts.asked or _is_checkpointed(config, epoch.number)
        if is_saved:
            live.save_checkpoint(training)
        display.print_epoch(epoch.number, {**means, **end.scores})
        yield end
        _check_stop(live, training, end, is_saved=is_saved)


def _train_epoch(live: LiveRun, training: Training, epoch: Epoch) -> None:
    """Train and record one epoch; raises Stopped within it after an interrupt."""
    with live.display.stage(TRAINING):
        for block in epoch:
            images = len(block.series["loss/generator"]) * count_images(live.config.train)
            steps = Steps(block.series, images, block.wall_s)
            live.recorder.add_steps(epoch.number, block.step, steps)
            live.display.show_steps(epoch.number, block.step, average_steps([steps]))
            if live.interrupts.asked and block.step < epoch.last_step:
                _interrupt(live, training, epoch.number)


def _check_stop(live: LiveRun, training: Training, end: EpochEnd, *, is_saved: bool) -> None:
    """Raise Stopped where the run has to stop after this epoch."""
    stop = live.judge(end)
    if stop is not None and stop.outcome == Outcome.INTERRUPTED and not is_saved:
        live.save_checkpoint(training)
    if stop is not None:
        raise Stopped(stop)
    if live.interrupts.asked and 0 < end.number < live.config.train.epochs:
        _interrupt(live, training, end.number, is_saved=is_saved)


def _interrupt(
    live: LiveRun, training: Training, epoch: int, *, is_saved: bool = False
) -> NoReturn:
    if not is_saved:
        live.save_checkpoint(training)
    reason = f"stopped on request at step {int(training.step.numpy())}, in epoch {epoch}"
    raise Stopped(Stop(Outcome.INTERRUPTED, reason))


def _batches(components: Components) -> Callable[[int], Indices]:
    config = components.config

    def batches(epoch: int) -> Indices:
        random = stream(config.seed, "batches", epoch)
        return draw_batches(
            len(components.train_rows),
            count_images(config.train),
            config.data.shuffle_buffer,
            random,
        )

    return batches


def _draw_grid_latents(config: Config) -> Latents:
    count = config.tracking.sample_rows * config.tracking.sample_columns
    space = LatentSpace(config.model.latent_dim, config.train.latents)
    return space.draw(stream(config.seed, "pictures/latents"), count)


def _restore(checkpoint: Checkpoint, training: Training, recorder: Recorder) -> None:
    """Restore training and record from a checkpoint."""
    arrays = checkpoint.arrays.items()
    restore_state(
        training, {name: each for name, each in arrays if not name.startswith(OF_THE_RECORD)}
    )
    recorder.restore(checkpoint)


def _find_scored(checkpoint: Checkpoint) -> Iterator[EpochEnd]:
    for record in parse_lines(checkpoint.history, f"the history at step {checkpoint.step}"):
        if "score/fcd" in record:
            scores = {name: record[name] for name in EPOCH_SCORES if name in record}
            yield EpochEnd(record["epoch"], scores)


def _end_epoch(live: LiveRun, look: Look, number: int) -> EpochEnd:
    """Draw the grid after an epoch, score the generator where due, and record both digests."""
    components, recorder = live.components, live.recorder
    with live.display.stage(PICTURES):
        grid_u8 = look.sample(look.grid_latents)
        recorder.add_samples(number, grid_u8)
    scores = {}
    if components.scorer is not None:
        scores = score_epoch(components, components.scorer, recorder, look, live.display, number)
    recorder.add_digests(
        number,
        {
            "digest.weights": hash_weights(components.gan),
            "digest.samples": hashlib.sha256(grid_u8.tobytes()).hexdigest(),
        },
    )
    return EpochEnd(number, scores)


def _is_checkpointed(config: Config, epoch: int) -> bool:
    every = config.train.checkpoint_every
    return epoch == config.train.epochs or (every is not None and epoch % every == 0)
