from __future__ import annotations

import pytest
from logged_runs import make_run

from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.runs.filters import meets, read_filters, refuse_unknown

RUN = make_run(1, 30.0, optimizer__lr="1e-3", data__name="fashion_mnist", data__limit="None")


@pytest.mark.parametrize(
    "text",
    [
        "optimizer.lr < 0.01",
        "optimizer.lr = 0.001",  # however it is written
        "optimizer.lr<=1e-3 and score/fcd > 29.9",
        "data.name == fashion_mnist",
        "data.name != 'mnist'",
        "outcome = complete",
        "data.limit = None",
        "lr < 0.01",  # headings of the table
        "fcd > 29.9 and +- = 1",
        "state = complete",
        "time = 5",
    ],
)
def test_what_is_so_is_met(text):
    assert meets(RUN, read_filters([text]))


@pytest.mark.parametrize(
    "text",
    [
        "optimizer.lr < 1e-4",
        "optimizer.lr != 1e-3",
        "data.name < 3",  # no number
        "model.dropout = 0.3",  # which it does not have
        "model.dropout != 0.3",
        "optimizer.lr = 1e-3 and outcome = pruned",
    ],
)
def test_what_is_not_so_is_not_met(text):
    assert not meets(RUN, read_filters([text]))


def test_several_filters_are_all_to_be_met():
    assert not meets(RUN, read_filters(["optimizer.lr < 1", "score/fcd < 1"]))


def test_every_filter_that_cannot_be_read_is_named():
    with pytest.raises(RequestError) as caught:
        read_filters(["optimizer.lr", "score/fcd < low", "seed ="])
    problems = [fault.problem for fault in caught.value.faults]
    assert [problem.partition(";")[0] for problem in problems] == [
        "got optimizer.lr",
        "got score/fcd < low",
        "got seed =",
    ]


def test_a_key_that_no_run_has_is_refused_with_the_nearest_and_the_allowed():
    runs = [RUN, make_run(2, 30.0, optimizer__lr="1e-2")]
    with pytest.raises(RequestError) as caught:
        refuse_unknown(read_filters(["optimizer.rl < 1"]), runs)
    (fault,) = caught.value.faults
    assert fault.problem == (
        "no run has optimizer.rl; did you mean optimizer.lr?; allowed: lr, fcd, +-, run, state,"
        " time, or any key of the configuration"
    )


def test_a_heading_that_several_keys_end_with_is_refused_with_these_keys():
    run = make_run(1, 30.0, data__count=5, score__count=6)
    with pytest.raises(RequestError, match=r"got count; allowed: data.count or score.count"):
        refuse_unknown(read_filters(["count = 5"]), [run])
