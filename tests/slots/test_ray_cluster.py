"""The places of a Ray cluster, and the GPUs of a job."""

from __future__ import annotations

import pytest

from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.slots.ray_cluster import (
    RaySlot,
    count_fitting,
    list_resources,
    require_listener,
)

REMOTE = {"num_cpus": 2, "num_gpus": 0, "resources": {}, "max_retries": 0}
NODE = {"CPU": 7.0, "GPU": 2.0, "memory": 1e9, "large": 1.0}


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({}, 3),
        ({"num_gpus": 1}, 2),
        ({"num_gpus": 0.1, "num_cpus": 0}, 20),  # 2 / 0.1 is less than 20 in some roundings
        ({"memory": 6e8}, 1),
        ({"resources": {"large": 1}}, 1),
        ({"resources": {"other": 1}}, 0),
        ({"num_cpus": 0}, 0),  # without resources, there is no number
    ],
)
def test_as_many_jobs_fit_on_a_node_as_its_scarcest_resource_allows(changes, count):
    assert count_fitting(NODE, list_resources({**REMOTE, **changes})) == count


def test_a_job_without_gpus_sees_none():
    assert RaySlot(()).environment == {"CUDA_VISIBLE_DEVICES": "-1"}
    assert RaySlot(("1",)).environment == {}  # Ray has set it
    assert str(RaySlot(("1",))) == "GPU 1"


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere.invalid:6379", "127.0.0.1:99999"])
def test_an_address_where_nothing_listens_is_refused(address):
    with pytest.raises(RequestError, match="it cannot be reached"):
        require_listener(address)
