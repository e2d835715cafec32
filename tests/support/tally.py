"""What Optuna, MLflow and the folders say of a study, trial by trial: `tally.py FOLDER STUDY`."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import optuna
from mlflow import MlflowClient

from dcgan_sweeps.sweep.storage import open_storage
from dcgan_sweeps.tracking.history import parse_lines

STATES = {
    "complete": ("COMPLETE", "FINISHED"),
    "pruned": ("PRUNED", "KILLED"),
    "diverged": ("FAIL", "FAILED"),
    "failed": ("FAIL", "FAILED"),
}


def tally(folder: Path, name: str) -> list[dict]:
    """Return one row for each trial of a study under folder/mlruns."""
    root = folder / "mlruns" / "studies" / name
    study = optuna.load_study(study_name=name, storage=open_storage(None, root / "journal.log"))
    client = MlflowClient(f"sqlite:///{folder / 'mlruns' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("dcgan_sweeps")
    parent = next(
        run
        for run in client.search_runs([experiment.experiment_id], f"tags.study = '{name}'")
        if "mlflow.parentRunId" not in run.data.tags
    )
    runs = client.search_runs(
        [experiment.experiment_id], f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'"
    )
    count = Counter(run.data.tags["trial"] for run in runs)
    children = {int(run.data.tags["trial"]): run for run in runs}
    rows = []
    for trial in study.trials:
        run = children.get(trial.number)
        history = root / "trials" / f"{trial.number:04d}" / "history.jsonl"
        records = parse_lines(history.read_text(), str(history)) if history.is_file() else [{}]
        scores = {r["epoch"]: r["score/fcd"] for r in records if "score/fcd" in r}
        rows.append(
            {
                "trial": trial.number,
                "params": trial.params,
                "optuna": trial.state.name,
                "outcome": trial.user_attrs.get("outcome"),
                "reported": trial.intermediate_values,
                "value": trial.value,
                "mlflow": run.info.status if run else None,
                "runs": count[str(trial.number)],
                "mlflow outcome": run.data.tags.get("outcome") if run else None,
                "folder": records[-1].get("outcome"),
                "scores": scores,
                "lines": len([r for r in records if "score/fcd" in r]),
            }
        )
    return rows


def find_disagreements(rows: list[dict]) -> list[str]:
    """Return what does not fit together, in words."""
    found = []
    for row in rows:
        number, outcome = row["trial"], row["outcome"]
        if outcome not in STATES:
            found.append(f"trial {number}: outcome {outcome}, {row['optuna']}")
            continue
        state, status = STATES[outcome]
        said = (row["optuna"], row["mlflow"], row["mlflow outcome"], row["folder"], row["runs"])
        if said != (state, status, outcome, outcome, 1):
            found.append(f"trial {number}, {outcome}: {said}")
        if row["reported"] != row["scores"] or row["lines"] != len(row["scores"]):
            found.append(f"trial {number}: reported {row['reported']}, folder {row['scores']}")
    numbers = [row["trial"] for row in rows]
    if numbers != list(range(len(rows))):
        found.append(f"trial numbers {numbers}")
    return found


if __name__ == "__main__":
    table = tally(Path(sys.argv[1]), sys.argv[2])
    for line in table:
        print({key: value for key, value in line.items() if key != "params"})
    wrong = find_disagreements(table)
    print("\n".join(wrong) or f"{len(table)} trials, all agree")
    sys.exit(1 if wrong else 0)
