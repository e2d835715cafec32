"""The epochs of a run: trained, pictured, scored, checkpointed.

for end in train_and_score(spec, components, recorder, interrupts, console):
    end.number, end.scores
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from rich.console import Console

from dcgan_sweeps.config import Config, flatten
from dcgan_sweeps.datasets.batches import Indices, draw_batches
from dcgan_sweeps.execution.components import Components
from dcgan_sweeps.execution.scoring import Look, measure_bounds, score_epoch
from dcgan_sweeps.execution.spec import RunSpec
from dcgan_sweeps.gan.sampling import Latents, make_image_sampler
from dcgan_sweeps.gan.state import hash_weights, read_state, restore_state
from dcgan_sweeps.gan.step import Training, prepare_training
from dcgan_sweeps.gan.training import Block, train
from dcgan_sweeps.interrupt import Interrupts
from dcgan_sweeps.logged_config import compute_config_hash
from dcgan_sweeps.metrics import EPOCH_SCORES
from dcgan_sweeps.randomness import stream
from dcgan_sweeps.terminal import TrainingBar
from dcgan_sweeps.tracking.checkpoints import Checkpoint
from dcgan_sweeps.tracking.history import parse_lines
from dcgan_sweeps.tracking.recorder import OF_THE_RECORD, Recorder, Steps, average_steps


class Interrupted(Exception):
    """Somebody asked the run to stop, and it did after an optimizer step."""

    def __init__(self, step: int, epoch: int):
        super().__init__(f"asked to stop at step {step}, in epoch {epoch}")


@dataclass(frozen=True)
class EpochEnd:
    """An epoch that is done and recorded; checkpointed and scored where that was due."""

    number: int
    scores: Mapping[str, float]


def train_and_score(
    spec: RunSpec,
    components: Components,
    recorder: Recorder,
    interrupts: Interrupts,
    console: Console,
) -> Iterator[EpochEnd]:
    """Train to the last epoch, and yield the end of each: first of those that an earlier part of
    the run has scored. Who stops the iteration stops the run.

    Raises Interrupted, with a checkpoint written, and Diverged.
    """
    config = spec.config
    training = prepare_training(components.gan, config.train, config.optimizer, config.seed)
    look = Look(
        make_image_sampler(components.gan.generator, config.score.batch_size),
        _draw_grid_latents(config),
    )
    config_hash = compute_config_hash(flatten(config))
    steps_per_epoch = len(components.train_rows) // config.train.batch_size
    with TrainingBar(console, steps_per_epoch * config.train.epochs, config.train.epochs) as bar:
        checkpoint = spec.resume_point.checkpoint if spec.resume_point is not None else None
        if checkpoint is not None:
            _restore(checkpoint, training, recorder, steps_per_epoch)
            bar.go_on(checkpoint.step)
            yield from _find_scored(checkpoint)
        else:
            if components.scorer is not None:
                recorder.add_scores(0, measure_bounds(components.scorer, look))
            yield _end_epoch(components, recorder, look, console, 0)
        images_u8 = components.images.train_u8[components.train_rows, ..., None]
        for epoch in train(training, images_u8, _batches(components), jit=components.device.jit):
            for block in epoch:
                steps = _as_steps(block, config.train.batch_size)
                recorder.add_steps(epoch.number, block.step, steps)
                bar.show_steps(epoch.number, block.step, average_steps([steps]))
                if interrupts.asked and block.step < epoch.last_step:
                    recorder.save_checkpoint(read_state(training), config_hash)
                    raise Interrupted(block.step, epoch.number)
            metrics = recorder.end_epoch(epoch.number)
            end = _end_epoch(components, recorder, look, console, epoch.number)
            is_saved = interrupts.asked or _is_checkpointed(config, epoch.number)
            if is_saved:
                recorder.save_checkpoint(read_state(training), config_hash)
            bar.print_epoch(epoch.number, {**metrics, **end.scores})
            yield end
            if interrupts.asked and epoch.number < config.train.epochs:
                if not is_saved:
                    recorder.save_checkpoint(read_state(training), config_hash)
                raise Interrupted(epoch.last_step, epoch.number)


def _batches(components: Components) -> Callable[[int], Indices]:
    config = components.config

    def batches(epoch: int) -> Indices:
        random = stream(config.seed, "batches", epoch)
        return draw_batches(
            len(components.train_rows), config.train.batch_size, config.data.shuffle_buffer, random
        )

    return batches


def _draw_grid_latents(config: Config) -> Latents:
    count = config.tracking.sample_rows * config.tracking.sample_columns
    shape = (count, config.model.latent_dim)
    return stream(config.seed, "pictures/latents").standard_normal(shape, "float32")


def _restore(
    checkpoint: Checkpoint, training: Training, recorder: Recorder, steps_per_epoch: int
) -> None:
    """Put training and record where the checkpoint is."""
    arrays = checkpoint.arrays.items()
    restore_state(
        training, {name: each for name, each in arrays if not name.startswith(OF_THE_RECORD)}
    )
    recorder.restore(checkpoint, checkpoint.step // steps_per_epoch)


def _find_scored(checkpoint: Checkpoint) -> Iterator[EpochEnd]:
    for record in parse_lines(checkpoint.history, f"the history at step {checkpoint.step}"):
        if "score/fcd" in record:
            scores = {name: record[name] for name in EPOCH_SCORES if name in record}
            yield EpochEnd(record["epoch"], scores)


def _end_epoch(
    components: Components, recorder: Recorder, look: Look, console: Console, number: int
) -> EpochEnd:
    """Draw the grid after an epoch, score the generator where that is due, note both digests."""
    grid_u8 = look.sample(look.grid_latents)
    recorder.add_samples(number, grid_u8)
    scores = {}
    if components.scorer is not None:
        scores = score_epoch(components, components.scorer, recorder, look, console, number)
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


def _as_steps(block: Block, batch_size: int) -> Steps:
    series = {
        "loss/discriminator": block.loss_discriminator,
        "loss/generator": block.loss_generator,
        "discriminator/real": block.real,
        "discriminator/fake": block.fake,
    }
    return Steps(series, len(block.real) * batch_size, block.wall_s)
