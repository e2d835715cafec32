"""Trains one DCGAN, scored and tracked: `python -m dcgan_sweeps.run [group=choice] [key=value]`."""

from __future__ import annotations

import dataclasses
import shlex
import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dcgan_sweeps.command import ANSWER_IS_NO, DONE, INTERRUPTED, Request, run_command
from dcgan_sweeps.config import Config, flatten
from dcgan_sweeps.interrupt import Interrupts, catch_interrupts

if TYPE_CHECKING:
    from rich.console import Console

    from dcgan_sweeps.data.images import Images, ImagesU8
    from dcgan_sweeps.device import Device
    from dcgan_sweeps.gan.networks import Gan
    from dcgan_sweeps.gan.training import Block
    from dcgan_sweeps.score.fcd import Scorer
    from dcgan_sweeps.tracking.recorder import Recorder, Steps

STATUS_OF_OUTCOME = {
    "complete": DONE,
    "interrupted": INTERRUPTED,
    "diverged": ANSWER_IS_NO,
    "failed": ANSWER_IS_NO,
}


class Interrupted(Exception):
    """Somebody asked the run to stop, and it did after an optimizer step."""

    def __init__(self, step: int, epoch: int):
        super().__init__(f"asked to stop at step {step}, in epoch {epoch}")
        self.step = step


@dataclass(frozen=True)
class Parts:
    """What a run is made of, once every check has passed."""

    config: Config
    device: Device
    images: Images
    train_u8: ImagesU8
    gan: Gan
    scorer: Scorer | None


@dataclass(frozen=True)
class Ending:
    """How a run ended, and the scores that it ended with."""

    outcome: str
    reason: str
    scores: Mapping[str, float]


def main() -> int:
    return run_command("config", run)


def run(request: Request) -> int:
    """Do one run and return its exit status; raises RequestError before anything is started."""
    from dcgan_sweeps.terminal import make_console

    console = make_console()
    begin = time.perf_counter()
    parts = prepare(request.config, console)
    recorder = begin_record(request)
    with catch_interrupts() as interrupts:
        ending = record_run(request, parts, recorder, interrupts, console)
    print_ending(console, request, recorder, ending, time.perf_counter() - begin)
    status = STATUS_OF_OUTCOME[ending.outcome]
    return ANSWER_IS_NO if status == DONE and recorder.tracker.failures else status


def prepare(config: Config, console: Console) -> Parts:
    """Set the device up, load and check the data, build the networks and the scorer."""
    from dcgan_sweeps.device import set_up_device

    device = set_up_device(config.runner)
    console.print(device.describe(), soft_wrap=True)

    from dcgan_sweeps.data.images import choose_subset, load_images
    from dcgan_sweeps.gan.networks import build_gan
    from dcgan_sweeps.score.fcd import prepare_scorer

    images = load_images(config.data, say=console.print)
    train_u8 = choose_subset(images.train_u8, config.data.limit, config.seed)
    console.print(f"data: {len(train_u8):,} images of {images.name} ({images.source})")
    gan = build_gan(config.model, config.seed, device.precision)
    scorer = prepare_scorer(config.score, images) if config.score.name == "fcd" else None
    return Parts(config, device, images, train_u8, gan, scorer)


def begin_record(request: Request) -> Recorder:
    """Open the tracker and make the run's folder; raises RequestError where neither is begun."""
    from dcgan_sweeps.tracking.provenance import read_code, sign
    from dcgan_sweeps.tracking.recorder import open_recorder

    tags = {
        "mlflow.source.name": "dcgan_sweeps.run",
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": read_code().commit or "",
        "signature": sign(flatten(request.config)),
    }
    tracking = request.config.tracking
    return open_recorder(tracking, tracking.run_name or name_run(request), tags)


def name_run(request: Request) -> str:
    """Return what was asked for, in words: the experiment, then each override of the run."""
    quiet = ("experiment=", "tracking.", "tracking=", "runner.", "runner=", "hydra")
    words = [word for word in request.overrides if not word.startswith(quiet)]
    return " ".join([request.choices["experiment"], *words])


def record_run(
    request: Request,
    parts: Parts,
    recorder: Recorder,
    interrupts: Interrupts,
    console: Console,
) -> Ending:
    """Train, and record everything, to the end or to what ends it before."""
    scores: dict[str, float] = {}
    outcome, reason = "failed", ""
    try:
        record_start(request, parts, recorder, console)
        try:
            step = train_and_score(parts, recorder, interrupts, console, scores)
            outcome = "complete"
        except Interrupted as error:
            step, outcome, reason = error.step, "interrupted", str(error)
        recorder.add_models(_name_models(parts.gan), step)
    except KeyboardInterrupt:
        outcome, reason = "interrupted", "stopped at once"
    except Exception as error:
        from dcgan_sweeps.gan.sampling import Diverged

        outcome = "diverged" if isinstance(error, Diverged) else "failed"
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        recorder.add_traceback(traceback.format_exc())
    finally:
        recorder.finish(outcome, reason)
    return Ending(outcome, reason, scores)


def _name_models(gan: Gan) -> dict[str, Any]:
    return {"generator": gan.generator, "discriminator": gan.discriminator}


def record_start(request: Request, parts: Parts, recorder: Recorder, console: Console) -> None:
    """Record the configuration first, then provenance, data, layers and a grid of real images."""
    from dcgan_sweeps.gan.networks import count_parameters, tabulate_layers
    from dcgan_sweeps.randomness import stream
    from dcgan_sweeps.terminal import make_layer_table, render_plain
    from dcgan_sweeps.tracking import provenance

    config = parts.config
    flat = flatten(config)
    identity = parts.scorer.identity if parts.scorer else ""
    params = flat | {"signature": provenance.sign(flat), "score.identity": identity}
    recorder.add_request(params, dataclasses.asdict(config), list(request.overrides))

    layers = []
    for network in (parts.gan.generator, parts.gan.discriminator):
        table = make_layer_table(
            network.name,
            [(row.layer, row.output_shape, row.parameters) for row in tabulate_layers(network)],
            count_parameters(network),
        )
        console.print(table)
        console.print()
        layers.append(render_plain(table))

    code = provenance.read_code()
    facts = {
        "command": provenance.read_command(),
        "signature": provenance.sign(flat),
        "commit": code.commit,
        "dirty": code.dirty,
        "machine": provenance.describe_machine(),
        "device": dataclasses.asdict(parts.device),
        "data": {
            "name": parts.images.name,
            "source": parts.images.source,
            "sha256": parts.images.digest,
        },
        "score_identity": identity,
        "environment": provenance.read_environment(),
    }
    recorder.add_provenance(facts, code.diff, provenance.list_packages(), "\n".join(layers))
    recorder.tracker.log_data(
        parts.images.name, parts.images.digest, parts.images.source, len(parts.train_u8)
    )
    recorder.tracker.log_tags({"device": parts.device.describe()})
    count = config.tracking.sample_rows * config.tracking.sample_columns
    chosen = stream(config.seed, "pictures/real").permutation(len(parts.train_u8))[:count]
    recorder.add_real_images(parts.train_u8[chosen])


def train_and_score(
    parts: Parts,
    recorder: Recorder,
    interrupts: Interrupts,
    console: Console,
    scores: dict[str, float],
) -> int:
    """Train to the last epoch, filling `scores` with the newest; return the optimizer steps.

    Raises Interrupted and Diverged.
    """
    from dcgan_sweeps.data.batches import draw_batches
    from dcgan_sweeps.gan.sampling import make_sampler
    from dcgan_sweeps.gan.step import prepare_training
    from dcgan_sweeps.gan.training import train
    from dcgan_sweeps.randomness import stream
    from dcgan_sweeps.terminal import TrainingBar
    from dcgan_sweeps.tracking.recorder import average_steps

    config, train_u8 = parts.config, parts.train_u8
    training = prepare_training(parts.gan, config.train, config.optimizer, config.seed)
    sample = make_sampler(parts.gan.generator, config.score.batch_size)
    grid_shape = (
        config.tracking.sample_rows * config.tracking.sample_columns,
        config.model.latent_dim,
    )
    latents = stream(config.seed, "pictures/latents").standard_normal(grid_shape, "float32")

    def batches(epoch: int) -> Any:
        random = stream(config.seed, "batches", epoch)
        return draw_batches(
            len(train_u8), config.train.batch_size, config.data.shuffle_buffer, random
        )

    def end_epoch(number: int, figures: dict[str, float]) -> None:
        recorder.add_samples(number, sample(latents))
        if parts.scorer is not None and is_scored(config, number):
            scores.update(_score(parts.scorer, sample, config.model.latent_dim))
            recorder.add_scores(number, scores)
            figures = figures | scores
        if figures:
            bar.print_epoch(number, figures)

    step = 0
    steps_in_all = len(train_u8) // config.train.batch_size * config.train.epochs
    with TrainingBar(console, steps_in_all, config.train.epochs) as bar:
        if parts.scorer is not None:
            recorder.add_scores(0, {"score/fcd_floor": parts.scorer.reference.floor})
        end_epoch(0, {})
        for epoch in train(training, train_u8[..., None], batches, jit=parts.device.jit):
            done: list[Steps] = []
            for block in epoch:
                step = block.step
                done.append(_as_steps(block, config.train.batch_size))
                recorder.add_steps(epoch.number, step, done[-1])
                bar.show_steps(epoch.number, step, average_steps(done[-1:]))
                if interrupts.asked:
                    raise Interrupted(step, epoch.number)
            recorder.end_epoch(epoch.number, step)
            end_epoch(epoch.number, average_steps(done))
    return step


def is_scored(config: Config, epoch: int) -> bool:
    """Return whether the end of an epoch is scored: every so many, and the last one always."""
    every = config.score.every
    return epoch == config.train.epochs or (epoch > 0 and epoch % every == 0)


def _score(scorer: Scorer, sample: Any, latent_dim: int) -> dict[str, float]:
    scores = scorer.score(sample, latent_dim)
    return {"score/fcd": scores.fcd, "score/fcd_test": scores.fcd_test}


def _as_steps(block: Block, batch_size: int) -> Steps:
    from dcgan_sweeps.tracking.recorder import Steps

    series = {
        "loss/discriminator": block.loss_discriminator,
        "loss/generator": block.loss_generator,
        "discriminator/real": block.real,
        "discriminator/fake": block.fake,
    }
    return Steps(series, len(block.real) * batch_size, block.wall_s)


def print_ending(
    console: Console, request: Request, recorder: Recorder, ending: Ending, wall_s: float
) -> None:
    """Print how the run ended, its score, where everything is, and what to do next."""
    from dcgan_sweeps.terminal import format_duration, print_facts

    tracking = request.config.tracking
    waited_s, cpu_s = recorder.waited_s, recorder.tracker.measure_cost()[1]
    reason = f": {ending.reason}" if ending.reason else ""
    facts = {
        "outcome": f"{ending.outcome}{reason}, after {format_duration(wall_s)}",
        "score": ", ".join(f"{name} {value:.2f}" for name, value in ending.scores.items())
        or "none",
        "pictures": str(recorder.folder.samples),
        "logging": f"training waited {waited_s:.2f} s, the writer used {cpu_s:.2f} s of CPU",
    }
    if recorder.tracker.run_id is not None:
        facts["run"] = recorder.tracker.run_id
        where = [] if tracking.uri is not None else [f"--dir={tracking.dir}"]
        facts["look"] = shlex.join(["python", "-m", "dcgan_sweeps.ui", *where])
    if ending.outcome == "interrupted":
        facts["again"] = shlex.join(["python", "-m", "dcgan_sweeps.run", *request.overrides])
    if ending.outcome == "failed":
        facts["traceback"] = str(recorder.folder.root / "traceback.txt")
    console.print()
    print_facts(console, facts)
    if recorder.tracker.failures:
        first = recorder.tracker.failures[0]
        console.print(
            f"{len(recorder.tracker.failures)} writes to the tracker failed, the first with: "
            f"{first}. The folder has everything: {recorder.folder.root}",
            markup=False,
        )


if __name__ == "__main__":
    sys.exit(main())
