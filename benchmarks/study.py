"""Plots a study and prints its leaderboard: `python -m benchmarks.study STUDY_FOLDER PICTURE`.

The left panel shows the score of each trial by epoch; the right panel shows its last score over
its learning rate. The leaderboard is printed as Markdown.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import optuna
from optuna.trial import TrialState

from dcgan_sweeps.reporting.export import render_markdown
from dcgan_sweeps.sweep.ranking import rank_trials
from dcgan_sweeps.sweep.storage import open_storage

# Colours of Okabe and Ito, which colour-blind people can distinguish; so are the markers.
STYLES = {
    TrialState.COMPLETE: ("#0072B2", "o", "complete"),
    TrialState.PRUNED: ("#E69F00", "x", "pruned"),
}


def main() -> None:
    parser = argparse.ArgumentParser("benchmarks.study", description=__doc__)
    parser.add_argument("study", type=Path, help="folder of a study, mlruns/studies/NAME")
    parser.add_argument("picture", type=Path, help="PNG to be written")
    options = parser.parse_args()
    storage = open_storage(None, options.study / "journal.log")
    study = optuna.load_study(study_name=options.study.name, storage=storage)
    draw(study.trials, options.picture)
    print(render_markdown(rank_trials(study.trials, study.study_name)))


def draw(trials: list[optuna.trial.FrozenTrial], picture: Path) -> None:
    """Write a PNG file with the two panels."""
    mpl.use("Agg")
    figure, (curves, rates) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for trial in trials:
        if trial.state not in STYLES:
            continue
        colour, mark, _ = STYLES[trial.state]
        steps = sorted(trial.intermediate_values)
        values = [trial.intermediate_values[step] for step in steps]
        curves.plot(steps, values, color=colour, linewidth=1, alpha=0.8)
        curves.plot(steps[-1], values[-1], mark, color=colour)
        rates.plot(trial.params["optimizer.lr"], values[-1], mark, color=colour)
        edge = {"textcoords": "offset points", "xytext": (4, 3), "fontsize": 7}
        rates.annotate(str(trial.number), (trial.params["optimizer.lr"], values[-1]), **edge)
    curves.set(xlabel="epoch", ylabel="score/fcd (lower is better)", title="every trial")
    rates.set(xlabel="optimizer.lr", title="last score of each (its trial number)", xscale="log")
    for colour, mark, name in STYLES.values():
        curves.plot([], [], mark, color=colour, label=name)
    curves.legend()
    figure.savefig(picture, dpi=110)


if __name__ == "__main__":
    main()
