"""A store of real tiny runs to look at: what the tests of pictures and pages share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient
from processes import PROGRAM, finish, open_store

from dcgan_sweeps.runs.selection import find_all, find_parent

TRIALS = 6


@dataclass(frozen=True)
class Gallery:
    """A folder with a study "demo" of TRIALS trials, some pruned, and a run of its own."""

    folder: Path

    @property
    def client(self) -> MlflowClient:
        return open_store(self.folder)

    @property
    def trials(self):
        return find_all(self.client, "dcgan_sweeps", ["study:demo"], complete=False)

    @property
    def parent(self):
        return find_parent(self.client, "dcgan_sweeps", "demo")

    @property
    def best(self):
        complete = [run for run in self.trials if run.outcome == "complete"]
        return min(complete, key=lambda run: run.metrics["score/fcd"])

    def do(self, verb, *words, status=0):
        command = [*PROGRAM[:2], f"dcgan_sweeps.{verb}", *words]
        return finish(self.folder, command, status=status)
