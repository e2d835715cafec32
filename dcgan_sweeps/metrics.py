"""The catalogue of metrics: name, unit, better direction, short name, format and definition.

METRICS["score/fcd"].show(167.5)       # "167.50"
format_metrics({"score/fcd": 167.5})   # "fcd 167.50"

The progress bar, tables, plots and docs/score.md follow this catalogue. A new metric needs an
entry here and the line that computes it. Three kinds of metrics are not listed: `system/...`,
which MLflow measures; `NAME_real`, computed on real instead of generated images; and
`importance/KEY` of a study.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

SCORE = "score/fcd"  # ranks runs; a search minimizes it
BEST_SCORE = "study/best_fcd"  # in the parent run of a study
OWN = "score/"  # prefix of the scores of a run's own identity
REAL = "_real"  # suffix of a metric that is computed on real images


@dataclass(frozen=True)
class Metric:
    """A metric and its display format; `digits` is a format specification."""

    name: str
    short: str  # its name in progress lines and leaderboards, "" if it is not shown there
    digits: str
    unit: str
    better: Literal["lower", "higher", ""]
    # When it is logged. "start" and "end": before and after training. "study": at the end of a
    # study, in its parent run. "classifier": while a scoring classifier is trained. "probe": by
    # the probe of a finished run.
    logged: Literal["step", "epoch", "extra", "start", "end", "study", "classifier", "probe"]
    definition: str
    is_curve: bool = False  # plotted over the steps or epochs of a run

    @property
    def score(self) -> str:
        """The name without its group: "fcd" of "score/fcd"."""
        return self.name.removeprefix(OWN)

    @property
    def axis(self) -> str:
        """The label of the horizontal axis of its curve."""
        return "optimizer step" if self.logged == "step" else "epoch"

    def show(self, value: float) -> str:
        """Return a value as text in the format of this metric."""
        return f"{value:{self.digits}}"


METRICS = {metric.name: metric for metric in (
    Metric("loss/discriminator", "D loss", ".3f", "", "", "step",
           "Loss of the discriminator without penalty; for loss=bce 0.693 if it is undecided.",
           True),
    Metric("loss/generator", "G loss", ".3f", "", "", "step",
           "Loss of the generator.", True),
    Metric("loss/penalty", "penalty", ".3f", "", "", "step",
           "Penalty on the discriminator's gradients, as added to its loss.", True),
    Metric("discriminator/real", "D(real)", ".2f", "probability", "", "step",
           "Mean probability of being real that the discriminator gives real images."),
    Metric("discriminator/fake", "D(fake)", ".2f", "probability", "", "step",
           "Mean probability of being real that the discriminator gives generated images."),
    Metric("train/images_per_s", "images/s", ".0f", "images/s", "higher", "epoch",
           "Training images per second, without scoring and pictures."),
    Metric("score/fcd", "fcd", ".2f", "", "lower", "epoch",
           "Fréchet distance from training images that the classifier never saw.", True),
    Metric("score/fcd_error", "+-", ".2f", "", "", "extra",
           "Standard error of fcd due to the choice of latents, by the bootstrap."),
    Metric("score/fcd_test", "fcd_test", ".2f", "", "lower", "epoch",
           "Fréchet distance from the test images; the one to publish.", True),
    Metric("score/fcd_share", "share", ".1%", "share", "lower", "epoch",
           "Position of fcd between that of real images (0) and that of uniform noise (1)."),
    Metric("score/fcd_extrapolated", "", ".2f", "", "lower", "extra",
           "Extrapolation of fcd to infinitely many images, with score.extrapolate=true."),
    Metric("score/fcd_floor", "", ".2f", "", "", "start",
           "fcd of as many test images as are generated; fcd_share is 0 there."),
    Metric("score/fcd_ceiling", "", ".2f", "", "", "start",
           "fcd of uniform noise; fcd_share is 1 there."),
    Metric("score/fcd_untrained", "", ".2f", "", "", "start",
           "fcd of the generator before its first step."),
    Metric("score/fcd_raw", "", ".2f", "", "lower", "extra",
           "fcd of the raw generator with train.ema; fcd is that of the averaged one."),
    Metric("score/kid", "", ".3f", "", "lower", "extra",
           "Kernel distance, unbiased; 0 for equal distributions."),
    Metric("score/kid_error", "", ".3f", "", "", "extra",
           "Standard error of kid due to the choice of subsets."),
    Metric("score/precision", "", ".3f", "share", "higher", "extra",
           "Share of the generated images that look real."),
    Metric("score/recall", "", ".3f", "share", "higher", "extra",
           "Share of the real images that could be generated."),
    Metric("score/density", "", ".3f", "", "", "extra",
           "Real neighbourhoods around a generated image, over k; 1 for real images."),
    Metric("score/coverage", "", ".3f", "share", "higher", "extra",
           "Share of the real neighbourhoods with a generated image."),
    Metric("score/class_js_bits", "", ".3f", "", "lower", "extra",
           "Jensen-Shannon distance of the class histograms, to base 2; 0 to 1."),
    Metric("score/dropped_classes", "", ".0f", "classes", "lower", "extra",
           "Classes with under a fifth of an even share, by the classifier."),
    Metric("score/nearest_train", "", ".2f", "", "", "extra",
           "Median distance to the nearest training image; low if images are copied."),
    Metric("score/diversity", "", ".2f", "", "", "extra",
           "Mean distance of two generated images."),
    Metric("scoring/fcd_s", "", ".1f", "s", "lower", "epoch",
           "Time that the score took."),
    Metric("scoring/companions_s", "", ".1f", "s", "lower", "extra",
           "Time that the extra metrics took."),
    Metric("tracking/waited_s", "", ".2f", "s", "lower", "end",
           "Time that training waited for its run folder to be written."),
    Metric("tracking/writer_cpu_s", "", ".2f", "s", "lower", "end",
           "CPU time of writing to the tracker."),
    Metric("study/complete", "", ".0f", "trials", "", "study", "Complete trials."),
    Metric("study/pruned", "", ".0f", "trials", "", "study", "Pruned trials."),
    Metric("study/failed", "", ".0f", "trials", "", "study", "Failed and diverged trials."),
    Metric("study/best_fcd", "", ".2f", "", "lower", "study",
           "Lowest score/fcd of the configuration with the lowest mean."),
    Metric("loss", "", ".3f", "nats", "lower", "classifier",
           "Cross-entropy of the classifier on its training images."),
    Metric("accuracy/train", "", ".3f", "share", "higher", "classifier",
           "Accuracy on its training images."),
    Metric("accuracy/test", "", ".3f", "share", "higher", "classifier",
           "Accuracy on the test images."),
    Metric("accuracy/stored", "", ".3f", "share", "higher", "classifier",
           "Accuracy on the test images of the weights as they are stored."),
    Metric("probe/accuracy", "", ".1%", "share", "higher", "probe",
           "Test accuracy of linear classifiers on the discriminator's features; mean of draws."),
    Metric("probe/accuracy_low", "", ".1%", "share", "", "probe",
           "Mean of the draws less 1.96 standard deviations."),
    Metric("probe/accuracy_high", "", ".1%", "share", "", "probe",
           "Mean of the draws plus 1.96 standard deviations."),
    Metric("probe/accuracy_untrained", "", ".1%", "share", "", "probe",
           "The same accuracy with the initial weights of the discriminator."),
    Metric("probe/accuracy_pixels", "", ".1%", "share", "", "probe",
           "The same accuracy with the pixels as features."),
)}  # fmt: skip

EPOCH_SCORES = tuple(
    each.name for each in METRICS.values() if each.logged == "epoch" and each.name.startswith(OWN)
)
EXTRA_METRICS = tuple(
    each for each in METRICS.values() if each.logged == "extra" and each.name.startswith(OWN)
)
# Extra metrics that are metrics of the MLflow run in any case.
LISTED = ("score/fcd_error", "score/kid", "score/precision", "score/recall", "score/coverage")
# Metrics with one value in a run that nobody needs a chart of. history.jsonl has them all.
UNCHARTED = (
    "score/fcd_ceiling", "score/fcd_untrained", "tracking/waited_s", "tracking/writer_cpu_s",
)  # fmt: skip
CURVES = tuple(each for each in METRICS.values() if each.is_curve)


def is_tabled(name: str) -> bool:
    """Return whether a metric is only in the table of extra metrics if it is computed once.

    The MLflow UI would draw a chart with a single dot for each of these.
    """
    metric = METRICS.get(name.removesuffix(REAL))
    return metric is not None and metric.logged == "extra" and name not in LISTED


def format_metrics(values: Mapping[str, float]) -> str:
    """Return the metrics of some steps or of an epoch as one line, with their short names."""
    return "  ".join(
        f"{metric.short} {metric.show(values[name])}"
        for name, metric in METRICS.items()
        if metric.short and name in values
    )
