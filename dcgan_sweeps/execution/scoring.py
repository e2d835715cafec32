"""Scores the generator after an epoch, records the scores, and prints the extra metrics.

recorder.add_scores(0, measure_bounds(scorer, look, display.track))
score_epoch(components, scorer, recorder, look, display, epoch)["score/fcd"]
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rich.console import Console

from dcgan_sweeps.execution.components import Components
from dcgan_sweeps.execution.display import EXTRA_METRICS, SCORING, RunDisplay
from dcgan_sweeps.execution.pictures import draw_averaged, draw_pictures, draw_walks
from dcgan_sweeps.execution.spec import is_examined, is_scored
from dcgan_sweeps.gan.networks import Gan
from dcgan_sweeps.gan.sampling import ImagesU8, Latents, make_image_sampler
from dcgan_sweeps.randomness import LatentSpace
from dcgan_sweeps.scoring.extra_metrics import Examination
from dcgan_sweeps.scoring.fcd import Fakes, Scorer, Scores, Track
from dcgan_sweeps.terminal import make_extra_metrics_table, make_say
from dcgan_sweeps.tracking.recorder import Recorder

Sample = Callable[[Latents], ImagesU8]


@dataclass(frozen=True)
class Look:
    """The sampler of the generator, and the fixed latents of the sample grid.

    With train.ema the generator is the averaged one; `sample_raw` is then that of the raw one.
    """

    sample: Sample
    latents: LatentSpace
    grid_latents: Latents
    sample_raw: Sample | None


def make_look(gan: Gan, batch_size: int, latents: LatentSpace, grid_latents: Latents) -> Look:
    """Return the look at a generator in training, which draws `batch_size` images at a time."""
    sample = make_image_sampler(gan.result, batch_size)
    if gan.average is None:
        return Look(sample, latents, grid_latents, None)
    return Look(sample, latents, grid_latents, make_image_sampler(gan.generator, batch_size))


def measure_bounds(scorer: Scorer, look: Look, track: Track) -> dict[str, float]:
    """Return the scores of real images, of noise and of the untrained generator, as bounds."""
    untrained = scorer.score(scorer.draw(look.sample, look.latents, track))
    return {
        "score/fcd_floor": scorer.floor,
        "score/fcd_ceiling": scorer.reference.ceiling,
        "score/fcd_untrained": untrained.fcd,
    }


def score_epoch(
    components: Components,
    scorer: Scorer,
    recorder: Recorder,
    look: Look,
    display: RunDisplay,
    epoch: int,
) -> dict[str, float]:
    """Record and return the scores after an epoch; {} for an epoch that is not scored.

    The extra metrics are recorded and printed as well where they are due.
    """
    if not is_scored(components.config, epoch):
        return {}
    begin = time.perf_counter()
    with display.stage(SCORING):
        fakes = scorer.draw(look.sample, look.latents, display.track)
        scores = name_scores(scorer, scorer.score(fakes))
    fcd_s = time.perf_counter() - begin
    recorder.add_scores(epoch, {**scores, "scoring/fcd_s": fcd_s})
    if is_examined(components.config, epoch):
        begin = time.perf_counter()
        with display.stage(EXTRA_METRICS):
            say = make_say(display.console)
            examination = scorer.examine(fakes, components.train_rows, say)
            metrics = name_metrics(scorer, fakes, examination)
            if look.sample_raw is not None:
                raw = scorer.draw(look.sample_raw, look.latents, display.track)
                metrics["score/fcd_raw"] = scorer.score(raw).fcd
        extra_metrics_s = time.perf_counter() - begin
        recorder.add_scores(epoch, {**metrics, "scoring/companions_s": extra_metrics_s})
        show_extra_metrics(display.console, {**scores, **metrics}, fcd_s, extra_metrics_s)
        if epoch == components.config.train.epochs:
            with display.stage("drawing pictures"):
                walks_u8 = look.sample(draw_walks(scorer.settings.seed, look.latents))
                pictures = draw_pictures(
                    scorer.images, components.train_rows, fakes.images_u8, examination, walks_u8
                )
                if look.sample_raw is not None:
                    drawn = (sample(look.grid_latents) for sample in (look.sample, look.sample_raw))
                    pictures["averaged"] = draw_averaged(*drawn)
                recorder.add_score_pictures(pictures)
    return scores


def name_scores(scorer: Scorer, scores: Scores) -> dict[str, float]:
    """Return {metric: value} of the scores."""
    return {
        "score/fcd": scores.fcd,
        "score/fcd_test": scores.fcd_test,
        "score/fcd_share": scorer.compute_share(scores.fcd),
    }


def name_metrics(scorer: Scorer, fakes: Fakes, examination: Examination) -> dict[str, float]:
    """Return {metric: value} of the extra metrics, and of the standard error of the score."""
    metrics = {f"score/{name}": value for name, value in examination.metrics.items()}
    metrics["score/fcd_error"] = scorer.estimate_error(fakes)
    if scorer.settings.extrapolate:
        metrics["score/fcd_extrapolated"] = scorer.extrapolate(fakes)
    return metrics


def show_extra_metrics(
    console: Console, metrics: Mapping[str, float], fcd_s: float, extra_metrics_s: float
) -> None:
    """Print the extra metrics next to those of real images, and the time that they took."""
    console.print(make_extra_metrics_table(metrics))
    console.print(f"scoring took {fcd_s:.1f} s, and the extra metrics {extra_metrics_s:.1f} s")
