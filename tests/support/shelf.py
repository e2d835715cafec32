"""A store of runs that were never trained: what the tests of refused requests share."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from mlflow.entities import Metric, Param

from dcgan_sweeps.tracking.store import connect, find_experiment, find_store

IDENTITIES = {"one": "a" * 16, "other": "b" * 16}


@dataclass
class Shelf:
    """A store in `folder`, and its runs by what is wrong, or right, with them."""

    folder: Path
    runs: dict[str, str] = field(default_factory=dict)

    def fill(self, text: str) -> str:
        """Return text with STORE and the names of runs, in capitals, replaced by what they are."""
        for name, run_id in {**self.runs, "STORE": str(self.folder)}.items():
            text = text.replace(name.upper(), run_id)
        return text


def make_shelf(folder: Path) -> Shelf:
    """Make a store with a run of each kind: two identities, a study, failed, deleted, bare."""
    shelf = Shelf(folder)
    store = find_store(None, str(folder))
    client = connect(store)
    experiment = find_experiment(client, store, "dcgan_sweeps")
    find_experiment(client, store, "empty")

    def add(name, outcome, params, fcd, **tags):
        run = client.create_run(experiment, run_name=name, tags={"outcome": outcome, **tags})
        shelf.runs[name] = run.info.run_id
        metrics = [] if fcd is None else [Metric("score/fcd", fcd, 1, 1)]
        logged = [Param(key, value) for key, value in params.items()]
        client.log_batch(run.info.run_id, metrics=metrics, params=logged)
        client.set_terminated(run.info.run_id, "FINISHED")

    one, other = ({"score.identity": digest, "seed": "0"} for digest in IDENTITIES.values())
    add("other_run", "complete", other, 50.0)
    add("failed_run", "failed", one, None)
    add("deleted_run", "complete", one, 10.0)
    client.delete_run(shelf.runs["deleted_run"])
    add("parent_run", "complete", {}, None, study="s")
    add("trial_run", "complete", one, 40.0, study="s", trial="0")
    add("blank_run", "complete", {}, None, study="blank", trial="0")
    add("one_run", "complete", {**one, "optimizer.lr": "0.001"}, 30.0)
    return shelf
