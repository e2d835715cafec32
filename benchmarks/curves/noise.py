"""Measures how much a score says about a configuration: `python -m benchmarks.curves.noise`.

Prints, for each classifier that has scored every epoch of a bank of curves, the spread over seeds
after each epoch, how far an early score predicts the last one, the ratio of signal to noise, the
same for means over several epochs, and what luck does to the best of 20; and for all classifiers
the ratio after the last epoch, and how they agree. `--pictures FOLDER` draws curves and spreads.
docs/search.md has these tables and pictures.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import spearmanr

from benchmarks.curves.bank import Bank, Floats, list_classifiers, read_bank
from benchmarks.curves.collect import SHIPPED
from benchmarks.curves.spaces import SPACES

mpl.use("Agg")
TRIALS = 20
REPLAYS = 2000
TICKS = (20, 30, 40, 60, 100, 150)


def main() -> None:
    parser = argparse.ArgumentParser("benchmarks.curves.noise", description=__doc__)
    parser.add_argument("--space", choices=SPACES, default="fcd")
    parser.add_argument("--table", type=Path)
    parser.add_argument("--pictures", type=Path, help="folder for the pictures")
    options = parser.parse_args()
    space = SPACES[options.space]
    banks = {
        name: read_bank(space, name, options.table)
        for name in list_classifiers(space, options.table)
    }
    for name, bank in banks.items():
        if np.isfinite(bank.log_fcd).any(axis=(0, 1)).all():
            print_bank(name, bank)
    print_ratios(banks)
    print_agreement(banks)
    if options.pictures is not None:
        draw_curves(banks[SHIPPED], options.pictures / f"{space.study}.png")


def print_bank(name: str, bank: Bank) -> None:
    """Print what the scores of one classifier say."""
    count = int(np.isfinite(bank.log_fcd[:, :, -1]).sum())
    print(f"\n## {name}: {len(bank.configurations)} configurations, {count} runs\n")
    print_epochs(bank)
    print_windows(bank)
    median = measure_median_spread(bank.log_fcd[:, :, -1])
    print(f"\nspread between the seeds of a configuration, median: {median:.1%}")
    default = bank.log_fcd[0, :, -1]
    spread = np.nanstd(default, ddof=1)
    print(f"spread of the default: {spread:.1%} over {np.isfinite(default).sum()} seeds")
    print(f"correlation of configurations that share a seed: {correlate_seeds(bank):.2f}")
    promised, true = measure_luck(bank)
    print(f"best of {TRIALS} by one seed: looks {promised:.1%} below the default, is {true:.1%}")


def print_epochs(bank: Bank) -> None:
    """Print for each epoch the spreads, their ratio, and the rank correlation with the last."""
    print(
        "| epoch | spread between seeds | between configurations | signal to noise | rank corr. |"
    )
    print("|---|---|---|---|---|")
    for epoch in range(bank.log_fcd.shape[2]):
        scores = bank.log_fcd[:, :, epoch]
        noise, signal = split_variance(scores)
        ranks = spearmanr(*known(scores, bank.log_fcd[:, :, -1])).statistic
        ratio = signal / noise
        cells = (f"{noise**0.5:.1%}", f"{signal**0.5:.1%}", f"{ratio:.1f}", f"{ranks:.2f}")
        print(f"| {epoch + 1} | {' | '.join(cells)} |")


def print_windows(bank: Bank) -> None:
    """Print the spreads and their ratio for the mean of the log scores of the last epochs."""
    print(
        "\n| mean of the last | spread between seeds | between configurations | signal to noise |"
    )
    print("|---|---|---|---|")
    epochs = bank.log_fcd.shape[2]
    for count in range(1, epochs + 1):
        noise, signal = split_variance(bank.log_fcd[:, :, epochs - count :].mean(axis=2))
        cells = (f"{noise**0.5:.1%}", f"{signal**0.5:.1%}", f"{signal / noise:.1f}")
        print(f"| {count} | {' | '.join(cells)} |")


def known(*arrays: Floats) -> list[Floats]:
    """Return the entries that are finite in all arrays."""
    chosen = np.all([np.isfinite(each) for each in arrays], axis=0)
    return [each[chosen] for each in arrays]


def split_variance(scores: Floats) -> tuple[float, float]:
    """Return the variance within configurations, and that between their true means.

    `scores` is (configurations, seeds) with NaN where there is none.
    """
    counts = np.isfinite(scores).sum(axis=1)
    several = counts > 1
    if several.sum() < 2:
        return float("nan"), float("nan")
    within = np.nanvar(scores[several], axis=1, ddof=1)
    noise = float(np.average(within, weights=counts[several] - 1))
    means = np.nanmean(scores[several], axis=1)
    between = float(np.var(means, ddof=1)) - noise * float(np.mean(1 / counts[several]))
    return noise, max(between, 0.0)


def measure_median_spread(scores: Floats) -> float:
    """Return the median of the standard deviations within the configurations.

    Runs that collapse, which are few, decide on the mean of the variances, and not on this.
    """
    several = np.isfinite(scores).sum(axis=1) > 1
    return float(np.median(np.nanstd(scores[several], axis=1, ddof=1)))


def correlate_seeds(bank: Bank) -> float:
    """Return the mean correlation of the last scores of two configurations over shared seeds.

    It is that of the deviations from the means of the configurations.
    """
    scores = bank.log_fcd[:, :, -1]
    whole = scores[:, np.isfinite(scores).all(axis=0)]
    if whole.shape[1] < 2:
        return float("nan")
    deviations = whole - whole.mean(axis=1, keepdims=True)
    seeds, total = deviations.mean(axis=0), deviations.var()
    # The variance of the mean over configurations is that of the shared part, and a rest.
    count = len(deviations)
    shared = (seeds.var() - total / count) / (1 - 1 / count)
    return float(shared / total)


def measure_luck(bank: Bank) -> tuple[float, float]:
    """Return how far the best of TRIALS configurations lies below the default, in the mean.

    First by its single score, as a search shows it, then by the mean over its seeds.
    """
    random = np.random.default_rng(0)
    promised, true = [], []
    last, means = bank.log_fcd[:, :, -1], bank.means
    for _ in range(REPLAYS):
        chosen = random.choice(np.arange(1, len(last)), min(TRIALS, len(last) - 1), replace=False)
        drawn = {c: random.choice(last[c][np.isfinite(last[c])]) for c in (0, *chosen)}
        best = min(chosen, key=drawn.__getitem__)
        promised.append(1 - np.exp(drawn[best] - drawn[0]))
        true.append(1 - np.exp(means[best] - means[0]))
    return float(np.mean(promised)), float(np.mean(true))


def print_ratios(banks: dict[str, Bank]) -> None:
    """Print the spreads after the last epoch, and their ratio, for each classifier."""
    print("\n| classifier | spread between seeds | between configurations | signal to noise |")
    print("|---|---|---|---|")
    for name, bank in banks.items():
        noise, signal = split_variance(bank.log_fcd[:, :, -1])
        print(f"| {name} | {noise**0.5:.1%} | {signal**0.5:.1%} | {signal / noise:.1f} |")


def print_agreement(banks: dict[str, Bank]) -> None:
    """Print the rank correlation of each pair of classifiers over the configurations' means."""
    print("\n| rank correlation of means | " + " | ".join(banks) + " |")
    print("|---" * (len(banks) + 1) + "|")
    for name, bank in banks.items():
        cells = [f"{spearmanr(bank.means, other.means).statistic:.2f}" for other in banks.values()]
        shipped = " (shipped)" if name == SHIPPED else ""
        print(f"| {name}{shipped} | {' | '.join(cells)} |")


def draw_curves(bank: Bank, path: Path) -> None:
    """Draw the scores of every run, by epoch, and the spreads between seeds and configurations."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
    epochs = np.arange(1, bank.log_fcd.shape[2] + 1)
    for place, curves in reversed([*enumerate(bank.log_fcd)]):
        color, width = ("tab:red", 1.4) if place == 0 else ("0.75", 0.6)
        left.plot(epochs, np.exp(curves).T, color=color, linewidth=width)
    left.set(xlabel="epoch", ylabel="score/fcd", yscale="log", title="every run; red: the default")
    left.set_yticks(TICKS, map(str, TICKS))
    left.minorticks_off()
    spreads = [split_variance(bank.log_fcd[:, :, epoch - 1]) for epoch in epochs]
    for index, name in enumerate(("between seeds", "between configurations")):
        values = [100 * each[index] ** 0.5 for each in spreads]
        right.plot(epochs, values, "o-", label=name)
    right.set(xlabel="epoch", ylabel="standard deviation of log(fcd), %", title="spread")
    right.set_ylim(bottom=0)
    right.legend()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
