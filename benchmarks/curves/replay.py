"""Replays searches and confirmations on the bank of curves: `python -m benchmarks.curves.replay`.

Each replay of a search trains the configurations of the bank in a random order, each with one of
its seeds, and prunes them with the pruners of conf/pruner as they are. Each replay of a
confirmation draws from the scores of the default, shifted by a known gain. docs/search.md has these
tables.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from omegaconf import OmegaConf

from benchmarks.curves.bank import Bank, read_bank
from benchmarks.curves.spaces import SPACES
from dcgan_sweeps.config.compose import find_conf_dir
from dcgan_sweeps.sweep.confirmation.sequential_test import Rules, Verdict, assess
from dcgan_sweeps.sweep.samplers import make_pruner
from dcgan_sweeps.terminal import track

PRUNERS = ("none", "median", "hyperband", "successive_halving", "soft_halving")
GAINS = (0.0, 0.05, 0.1, 0.2, 0.3)
FINALISTS = (1, 3)


@dataclass(frozen=True)
class Search:
    """What a replayed search came to."""

    epochs: int
    best_lost: bool  # the configuration with the lowest mean was pruned
    third_lost: float  # share of the best third of the configurations that was pruned
    regret: float  # of the configuration that is returned, as a share of the best mean


def main() -> None:
    parser = argparse.ArgumentParser("benchmarks.curves.replay", description=__doc__)
    parser.add_argument("--space", choices=SPACES, default="fcd")
    parser.add_argument("--table", type=Path)
    parser.add_argument("--classifier", default="shipped")
    parser.add_argument("--replays", type=int, default=500)
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    bank = read_bank(SPACES[options.space], options.classifier, options.table)
    print_searches(bank, options.replays)
    print_confirmations(bank, options.replays)


def print_searches(bank: Bank, replays: int) -> None:
    """Print a row for each pruner."""
    count, epochs = len(bank.configurations), bank.log_fcd.shape[2]
    print(f"\n{count} trials in a search, {replays} replays\n")
    print("| pruner | epochs spent | best lost | best third lost | regret |")
    print("|---|---|---|---|---|")
    for name in PRUNERS:
        options = read_options(name, epochs)
        found = [
            search(bank, options, seed) for seed in track(range(replays), f"replays of {name}")
        ]
        cells = (
            f"{np.mean([each.epochs for each in found]) / (count * epochs):.0%}",
            f"{np.mean([each.best_lost for each in found]):.1%}",
            f"{np.mean([each.third_lost for each in found]):.0%}",
            f"{np.mean([each.regret for each in found]):.1%}",
        )
        print(f"| {name} | {' | '.join(cells)} |")


def read_options(name: str, epochs: int) -> dict[str, Any]:
    """Return the pruner of a file in conf/pruner, as a run of `epochs` epochs has it."""
    node = OmegaConf.load(find_conf_dir() / "pruner" / f"{name}.yaml")
    whole = OmegaConf.create({"train": {"epochs": epochs}, "pruner": node})
    options: Any = OmegaConf.to_container(whole.pruner, resolve=True)
    return dict(options)


def search(bank: Bank, pruner: Mapping[str, Any], seed: int) -> Search:
    """Return the outcome of one search with a pruner; trials run one after the other."""
    random = np.random.default_rng(seed)
    study = optuna.create_study(
        pruner=make_pruner(pruner), sampler=optuna.samplers.RandomSampler(seed=0)
    )
    means = bank.means
    spent, scores = 0, {}
    for place in random.permutation(len(bank.configurations)):
        curve = draw_curve(bank, place, random)
        trial = study.ask()
        for epoch, score in enumerate(curve, 1):
            spent += 1
            trial.report(score, epoch)
            if epoch < len(curve) and trial.should_prune():
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            study.tell(trial, curve[-1])
            scores[place] = curve[-1]
    order = np.argsort(means)
    third = order[: len(order) // 3]
    returned = min(scores, key=scores.__getitem__)
    return Search(
        spent,
        order[0] not in scores,
        float(np.mean([each not in scores for each in third])),
        float(np.expm1(means[returned] - means[order[0]])),
    )


def draw_curve(bank: Bank, place: int, random: np.random.Generator) -> list[float]:
    """Return the scores of a configuration after each epoch, with one of its seeds."""
    whole = bank.log_fcd[place][np.isfinite(bank.log_fcd[place]).all(axis=1)]
    return [float(each) for each in np.exp(random.choice(whole))]


def print_confirmations(bank: Bank, replays: int) -> None:
    """Print how often a known gain is confirmed, and how many runs it takes."""
    node: Any = OmegaConf.load(find_conf_dir() / "hydra" / "sweeper" / "study.yaml").confirmation
    print("\n| finalists | true gain of the first | confirmed | mean runs | 90 % of runs |")
    print("|---|---|---|---|---|")
    for finalists in FINALISTS:
        rules = Rules(node.alpha, node.min_gain, node.max_runs, tuple(node.looks), finalists)
        for gain in GAINS:
            random = np.random.default_rng(finalists)
            played = [confirm(bank, rules, gain, random) for _ in range(replays)]
            confirmed = np.mean([verdict is Verdict.CONFIRMED for verdict, _ in played])
            runs = [spent for _, spent in played]
            cells = (f"{confirmed:.1%}", f"{np.mean(runs):.1f}", f"{np.percentile(runs, 90):.0f}")
            print(f"| {finalists} | {gain:.0%} | {' | '.join(cells)} |")


def confirm(
    bank: Bank, rules: Rules, gain: float, random: np.random.Generator
) -> tuple[Verdict | None, int]:
    """Return the verdict and the number of runs of one confirmation.

    The scores of all arms are drawn from those of the default; the first finalist has a gain.
    """
    known = bank.log_fcd_test[0, :, -1]
    known = known[np.isfinite(known)]
    shifts = {"default": 0.0, "finalist 0": float(np.log1p(-gain))}
    shifts |= {f"finalist {index}": 0.0 for index in range(1, rules.finalists)}
    drawn = {arm: [*random.choice(known, rules.looks[-1]) + shift] for arm, shift in shifts.items()}
    return play(rules, drawn)


def play(rules: Rules, drawn: Mapping[str, Sequence[float]]) -> tuple[Verdict | None, int]:
    """Return the verdict of a confirmation with these scores, and how many of them it used."""
    counts = dict.fromkeys(drawn, 0)
    for progress in _assess_all(rules, drawn, counts):
        if progress.verdict is not None:
            return progress.verdict, sum(counts.values())
        counts |= progress.wanted
    return None, sum(counts.values())


def _assess_all(
    rules: Rules, drawn: Mapping[str, Sequence[float]], counts: dict[str, int]
) -> Iterator[Any]:
    while True:
        yield assess(rules, "default", {arm: drawn[arm][: counts[arm]] for arm in drawn})


if __name__ == "__main__":
    main()
