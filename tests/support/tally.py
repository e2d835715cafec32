"""What Optuna, MLflow and the folders say of a study, trial by trial: `tally.py FOLDER STUDY`.

`compare_folder` says where MLflow differs from a run folder; it asks nothing of the package.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import optuna
import yaml
from mlflow import MlflowClient
from mlflow.entities import Run
from PIL import Image

from dcgan_sweeps.sweep.storage import open_storage
from dcgan_sweeps.tracking.hidden_tags import read_metrics
from dcgan_sweeps.tracking.history import parse_lines

STATES = {
    "complete": ("COMPLETE", "FINISHED"),
    "pruned": ("PRUNED", "KILLED"),
    "diverged": ("FAIL", "FAILED"),
    "failed": ("FAIL", "FAILED"),
    "interrupted": ("", "KILLED"),
}
MEASURED = ("train/", "tracking/", "scoring/", "system/")  # the machine, not the run
PICTURE = re.compile(
    r"(?P<key>.+?)[+%]step[+%](?P<step>\d+)[+%]timestamp[+%]\d+[+%][0-9a-f-]{36}"
    r"(?P<small>[+%]compressed)?\.(png|webp)"
)
# Of a run folder's files those that are artifacts, and where.
ARTIFACTS = {
    "config.yaml": "config/",
    "overrides.yaml": "config/",
    "provenance*.json": "",
    "git.diff": "",
    "requirements.txt": "",
    "model.txt": "",
    "traceback.txt": "",
    "history.jsonl": "",
    "samples/real.png": "samples/",
    "samples/progress.gif": "samples/",
    "score/*": "score/",
}


def tally(
    folder: Path,
    name: str,
    uri: str | None = None,
    storage: str | None = None,
    experiment: str = "dcgan_sweeps",
) -> list[dict]:
    """Return one row for each trial of a study under folder/mlruns.

    It is tracked there or at `uri`, and its trials are stored there or at `storage`.
    """
    root = folder / "mlruns" / "studies" / name
    study = optuna.load_study(study_name=name, storage=open_storage(storage, root / "journal.log"))
    client = MlflowClient(uri or f"sqlite:///{folder / 'mlruns' / 'mlflow.db'}")
    place = client.get_experiment_by_name(experiment)
    parent = next(
        run
        for run in client.search_runs([place.experiment_id], f"tags.study = '{name}'")
        if "mlflow.parentRunId" not in run.data.tags
    )
    runs = client.search_runs(
        [place.experiment_id], f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'"
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


def find_runs_of(client: MlflowClient, folder: Path) -> list[Run]:
    """Return the MLflow runs of a run folder, which may be a copy: a tag names the record."""
    record = json.loads((folder / "run.json").read_text())["record"]
    experiments = [each.experiment_id for each in client.search_experiments()]
    return list(client.search_runs(experiments, f"tags.record = '{record}'"))


def compare_folder(client: MlflowClient, folder: Path) -> list[str]:
    """Return where MLflow differs from the folder of a run that has ended, in words.

    It shall have the folder as one run.
    """
    runs = find_runs_of(client, folder)
    if len(runs) != 1:
        return [f"{len(runs)} runs of {folder}, not 1"]
    return compare_run(client, runs[0], folder)


def compare_run(client: MlflowClient, run: Run, folder: Path) -> list[str]:
    """Return where a run in MLflow that has ended differs from its run folder, in words."""
    run_id = run.info.run_id
    history = read_lines(folder / "history.jsonl")
    return [
        *compare_metrics(client, run, [*history, *read_lines(folder / "system_metrics.jsonl")]),
        *compare_texts(run, history, yaml.safe_load((folder / "config.yaml").read_text())),
        *compare_pictures(client, run_id, folder / "samples"),
        *compare_artifacts(client, run_id, folder),
        *compare_models(client, run, folder, max(line.get("step", 0) for line in history)),
    ]


def read_lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def list_differences(what, expected, found):
    """Return a sentence for each thing that is there too seldom or too often."""
    return [
        f"{what} {thing}: {found[thing]} times, not {expected[thing]}"
        for thing in sorted(expected.keys() | found.keys(), key=str)
        if found[thing] != expected[thing]
    ]


def compare_metrics(client, run, lines):
    """Compare name, step, value and time of each point.

    A run that was killed and resumed computes again what came after its checkpoint, and MLflow may
    have it already: the same values, and other times. What measures the machine is other then.
    """
    is_resumed = any(name.startswith("resumed") for name in run.data.tags)
    expected = Counter()
    for line in lines:
        step = line.get("step", line.get("epoch", 0))
        for name, value in line.items():
            if isinstance(value, float) and name != "time_s":
                # MLflow keeps no infinity.
                limited = float(np.clip(value, -sys.float_info.max, sys.float_info.max))
                expected[name, step, repr(limited), round(line["time_s"] * 1000)] += 1
    found = Counter()
    for name in run.data.metrics:
        for point in client.get_metric_history(run.info.run_id, name):
            key = (name, point.step, repr(point.value))
            # The two may round a millisecond in different ways.
            times = (point.timestamp, point.timestamp - 1, point.timestamp + 1)
            near = next((time for time in times if (*key, time) in expected), point.timestamp)
            found[*key, near] += 1
    for name, (step, value) in read_metrics(run.data.tags).items():
        point = (name, step, repr(value))
        found[next(each for each in expected if each[:3] == point)] += 1
    if not is_resumed:
        return list_differences("point", expected, found)
    measured = Counter(key[:2] for key in found.elements() if key[0].startswith(MEASURED))
    twice = Counter({key: count for key, count in measured.items() if count > 1})
    same = [
        Counter(key[:3] for key in points.elements() if not key[0].startswith(MEASURED))
        for points in (expected, found)
    ]
    missing = {key[:2] for key in expected if key[0].startswith(MEASURED)} - measured.keys()
    return [
        *list_differences("point", *same),
        *(f"point {key}: {count} times" for key, count in twice.items()),
        *(f"point {key}: 0 times, not 1" for key in sorted(missing)),
    ]


def compare_texts(run, history, config):
    """Compare status, tags and params."""
    wrong = []
    outcome = history[-1].get("outcome")
    status = STATES[outcome][1] if outcome in STATES else "RUNNING"
    if run.info.status != status:
        wrong.append(f"status {run.info.status}, not {status}")
    expected = {
        name: value
        for line in history
        for name, value in line.items()
        if name.startswith("digest.") or name == "outcome"
    }
    if history[-1].get("reason"):
        expected["outcome.reason"] = history[-1]["reason"]
    for name, value in expected.items():
        if run.data.tags.get(name) != value:
            wrong.append(f"tag {name}: {run.data.tags.get(name)}, not {value}")
    wanted = ("optimizer.lr", "seed", "train.epochs")
    wrong += [f"no param {name}" for name in wanted if name not in run.data.params]
    for name, text in run.data.params.items():
        value = config
        for part in name.split("."):
            value = value.get(part, text) if isinstance(value, dict) else text
        if str(value) != text:
            wrong.append(f"param {name}: {text}, not {value}")
    return wrong


def compare_pictures(client, run_id, samples):
    """Compare the sample grids, of which MLflow has each in two sizes."""
    expected, found, wrong = Counter(), Counter(), []
    for path in samples.glob("epoch_*.png"):
        for size in ("whole", "small"):
            expected["samples", int(path.stem.removeprefix("epoch_")), size] += 1
    for each in client.list_artifacts(run_id, "images"):
        match = PICTURE.fullmatch(Path(each.path).name)
        if match is None:
            wrong.append(f"picture {each.path} has an unknown name")
            continue
        size = "small" if match["small"] else "whole"
        found[match["key"], int(match["step"]), size] += 1
        own = samples / f"epoch_{int(match['step']):04d}.png"
        if size == "whole" and own.exists():
            with tempfile.TemporaryDirectory() as place:
                there = client.download_artifacts(run_id, each.path, place)
                if not np.array_equal(read_pixels(there), read_pixels(own)):
                    wrong.append(f"picture {each.path} shows something else than {own.name}")
    return [*list_differences("picture", expected, found), *wrong]


def read_pixels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def compare_artifacts(client, run_id, folder):
    """Compare the files, byte by byte; pictures and models are compared on their own."""
    expected = {
        f"{place}{path.name}": path.read_bytes()
        for pattern, place in ARTIFACTS.items()
        for path in folder.glob(pattern)
    }
    with tempfile.TemporaryDirectory() as place:
        found = {
            path: Path(client.download_artifacts(run_id, path, place)).read_bytes()
            for path in list_files(client, run_id, "")
            if not path.startswith("images/")
        }
    names = sorted(expected.keys() | found.keys())
    wrong = [name for name in names if expected.get(name) != found.get(name)]
    return [
        f"artifact {name}: "
        + ("missing" if name not in found else "other bytes" if name in expected else "unknown")
        for name in wrong
    ]


def list_files(client, run_id, folder):
    for each in client.list_artifacts(run_id, folder):
        if each.is_dir:
            yield from list_files(client, run_id, each.path)
        else:
            yield each.path


def compare_models(client, run, folder, step):
    """Compare the models at the last step; all that name the run are whole, and outputs of it."""
    expected = Counter((path.name, step) for path in (folder / "models").glob("*"))
    steps = {each.model_id: each.step for each in run.outputs.model_outputs} if run.outputs else {}
    made = client.search_logged_models(
        [run.info.experiment_id], f"source_run_id = '{run.info.run_id}'"
    )
    found, wrong = Counter(), []
    for model in made:
        at = steps.get(model.model_id)
        if at == step or at is None:
            found[model.name, at] += 1
        files = {each.path for each in client.list_logged_model_artifacts(model.model_id)}
        if str(model.status) != "READY" or "MLmodel" not in files:
            wrong.append(f"model {model.name} is {model.status} and has {sorted(files)}")
    if len(steps) != len(run.outputs.model_outputs if run.outputs else ()):
        wrong.append("a model is an output twice")
    return [*list_differences("model", expected, found), *wrong]


if __name__ == "__main__":
    table = tally(Path(sys.argv[1]), sys.argv[2])
    for line in table:
        print({key: value for key, value in line.items() if key != "params"})
    wrong = find_disagreements(table)
    print("\n".join(wrong) or f"{len(table)} trials, all agree")
    sys.exit(1 if wrong else 0)
