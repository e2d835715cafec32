"""The parent run of a study, in a real store."""

from __future__ import annotations

from dcgan_sweeps.tracking.children import end_parent, open_parent
from dcgan_sweeps.tracking.store import connect, find_store


def test_a_study_that_ends_again_logs_each_metric_once_for_each_value(tmp_path):
    store = find_store(None, str(tmp_path))
    client = connect(store)
    parent = open_parent(client, store, "e", "s", {"folder": str(tmp_path)})
    for importance in (0.25, 0.25, 0.75):
        end_parent(client, parent, "FINISHED", {}, {"importance/lr": importance}, [])
    logged = client.get_metric_history(parent, "importance/lr")
    assert [each.value for each in logged] == [0.25, 0.75]
