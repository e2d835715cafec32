"""Plots a study and prints its leaderboard: `python -m benchmarks.study STUDY_FOLDER PICTURE`.

The left panel shows the score of each trial by epoch; the right panel shows its last score over
one of its parameters. The leaderboard is printed as Markdown.
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
TICKS = (5, 10, 20, 50, 100, 200)


def main() -> None:
    parser = argparse.ArgumentParser("benchmarks.study", description=__doc__)
    parser.add_argument("study", type=Path, help="folder of a study, mlruns/studies/NAME")
    parser.add_argument("picture", type=Path, help="PNG to be written")
    parser.add_argument("--key", default="optimizer.beta_1", help="parameter of the right panel")
    options = parser.parse_args()
    storage = open_storage(None, options.study / "journal.log")
    study = optuna.load_study(study_name=options.study.name, storage=storage)
    draw(study.trials, options.key, options.picture)
    print(render_markdown(rank_trials(study.trials, study.study_name, {})))


def draw(trials: list[optuna.trial.FrozenTrial], key: str, picture: Path) -> None:
    """Write a PNG file with the two panels; `key` is the parameter of the right one."""
    mpl.use("Agg")
    figure, (curves, values) = plt.subplots(
        1, 2, figsize=(9, 3.6), layout="constrained", sharey=True
    )
    for trial in trials:
        if trial.state not in STYLES:
            continue
        colour, mark, _ = STYLES[trial.state]
        steps = sorted(trial.intermediate_values)
        scores = [trial.intermediate_values[step] for step in steps]
        curves.plot(steps, scores, color=colour, linewidth=1, alpha=0.8)
        curves.plot(steps[-1], scores[-1], mark, color=colour)
        values.plot(trial.params[key], scores[-1], mark, color=colour)
    default = trials[0]
    for panel, place in ((curves, default.last_step), (values, default.params[key])):
        edge = {"textcoords": "offset points", "xytext": (-4, 5), "fontsize": 8, "ha": "right"}
        panel.annotate(
            "the default", (place, default.intermediate_values[default.last_step]), **edge
        )
    curves.set(xlabel="epoch", ylabel="score/fcd (lower is better)", title="every trial")
    curves.set_yscale("log")
    curves.set_yticks(TICKS, map(str, TICKS))
    curves.minorticks_off()
    values.set(xlabel=key, title="last score of each")
    for colour, mark, name in STYLES.values():
        curves.plot([], [], mark, color=colour, label=name)
    curves.legend()
    figure.savefig(picture, dpi=110)


if __name__ == "__main__":
    main()
