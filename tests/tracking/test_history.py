from __future__ import annotations

from dcgan_sweeps.tracking.history import read_history

NAME = "history.jsonl"
TEXT = """\
{"epoch": 0, "score/fcd_floor": 0.4, "time_s": 1.0}
{"epoch": 0, "digest.weights": "aa", "time_s": 1.0}
{"step": 8, "epoch": 1, "loss/generator": 0.7, "train/images_per_s": 800.0, "time_s": 2.0}
{"outcome": "complete", "reason": "", "time_s": 3.0}
"""


def test_losses_go_by_step_scores_and_digests_by_epoch():
    history = read_history(TEXT, NAME)
    assert history.metrics == {"score/fcd_floor": {0: 0.4}, "loss/generator": {8: 0.7}}
    assert history.digests == {"digest.weights": {0: "aa"}}


def test_a_line_that_was_cut_off_is_left_out():
    cut_off = read_history(TEXT + '{"step": 16, "loss/gen', NAME)
    assert cut_off.metrics == read_history(TEXT, NAME).metrics
