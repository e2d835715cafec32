"""What a study tells optuna-dashboard about itself, with a real storage."""

from __future__ import annotations

import optuna
from optuna_dashboard import get_note

from dcgan_sweeps.reporting.leaderboard import Board
from dcgan_sweeps.sweep.live_study import name_metric
from dcgan_sweeps.sweep.storage import open_storage
from dcgan_sweeps.sweep.summary import note_board


def test_the_dashboard_has_the_name_of_the_metric_and_the_last_leaderboard(tmp_path):
    storage = open_storage(None, tmp_path / "journal.log")
    for varied in (("seed",), ("optimizer.lr",)):  # the second time the study is resumed
        study = optuna.create_study(study_name="s", storage=storage, load_if_exists=True)
        name_metric(study)
        note_board(study, Board((), "", "", varied))
    assert study.metric_names == ["score/fcd"]
    assert get_note(study).startswith("| lr |")
