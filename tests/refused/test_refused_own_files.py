"""Files of a user's own that are refused: in each line what the file holds, then how each fault
begins, with FILE for its path. A row is added by one line."""

from __future__ import annotations

import pytest
from refusals import ask, require_refusal

HEAD = "# @package _global_\n"
WHOLE = "a whole number, at least 0"
BOMB = "a: &a [1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"{name}: &{name} [{','.join(['*' + before] * 9)}]\n"
    for before, name in zip("abcdefg", "bcdefgh", strict=True)
)
EXPERIMENTS = [
    (
        HEAD + "optimizer:\n  lrr: 5\n",
        ["optimizer.lrr: there is no such key in FILE, line 3; did you"],
    ),
    (HEAD + "optimizer:\n  lr: 5\n", ["optimizer.lr: got 5.0 in FILE, line 3; allowed: a number"]),
    (
        HEAD + "score: {companions: last}\n",
        ["score.companions: renamed to score.extra_metrics in FILE"],
    ),
    (
        HEAD + "defaults: [override /model: 'article']\n",
        ["model=article: renamed to model=dcgan28"],
    ),
    (HEAD + "seed: many\n", [f"seed: got many in FILE, line 2; allowed: {WHOLE}"]),
    (HEAD + "seed: null\n", [f"seed: got null in FILE, line 2; allowed: {WHOLE}"]),
    (HEAD + "seed: ???\n", ["seed: has no value in FILE, line 2"]),
    (HEAD + "seed: ${nothing}\n", ["seed: got ${nothing} in FILE, line 2; Interpolation key 'not"]),
    (
        HEAD + f"seed: {'1' * 6000}\n",
        ["FILE: cannot be read as YAML: a whole number with too"],
    ),
    (
        HEAD + "optimizer: 5\n",
        ["optimizer: got 5 in FILE, line 2; allowed: keys below it, such as optimizer.KEY"],
    ),
    (
        HEAD + "optimizer.lr: 1e-3\n",
        ["'optimizer.lr': there is no such key in FILE, line 2; write"],
    ),
    (HEAD + "1: 2\n", ["1: there is no such key in FILE, line 2"]),
    (
        HEAD + "data: {limit: 5}\n",
        ["data.limit: got 5 in FILE, line 2; allowed: at least train.bat"],
    ),
    (
        HEAD + "tracking: {uri: ''}\n",
        ["tracking.uri: got  in FILE, line 2; allowed: text, not blan"],
    ),
    (HEAD + "<<: {seed: 1}\nmodel: {dropout: 1}\n", ["model.dropout: got 1.0 in FILE, line 3"]),
    (
        HEAD + "train: {epochs: -1}\nscore: {count: x}\n",
        ["train.epochs: got -1", "score.count: got x"],
    ),
    # What YAML makes of text is not what was written.
    (
        HEAD + "tracking: {experiment: 2024_11_26}\n",
        ["tracking.experiment: got 2024_11_26 in FILE"],
    ),
    (
        HEAD + "tracking: {run_name: 1e3}\n",
        ["tracking.run_name: got 1e3 in FILE, line 2, which YAML"],
    ),
    (
        HEAD + "tracking: {run_name: yes}\n",
        ["tracking.run_name: got yes in FILE, line 2, which YAML"],
    ),
    (
        HEAD + "tracking: {dir: 0x10}\n",
        ["tracking.dir: got 0x10 in FILE, line 2, which YAML reads as"],
    ),
    # The form of the file.
    (
        "optimizer: {lr: 1e-3}\n",
        ["FILE: its keys would be placed below experiment; start the file"],
    ),
    ("# a comment alone\n", ["FILE: its keys would be placed below experiment; start the file"]),
    ("# @package elsewhere\nseed: 1\n", ["elsewhere.seed: there is no such key in FILE, line 2"]),
    ("# @package\nseed: 1\n", ["FILE: cannot be read as YAML: Expected header format"]),
    ("", ["FILE: its keys would be placed below experiment; start the file"]),
    (" \n\n", ["FILE: its keys would be placed below experiment; start the file"]),
    ("5\n", ["FILE: is not a mapping; allowed: keys with their values"]),
    (HEAD + "- seed: 1\n", ["FILE: is not a mapping; allowed: keys with their values"]),
    (HEAD + "optimizer: [\n", ["FILE: line 3: cannot be read as YAML: "]),
    (HEAD + "\tseed: 1\n", ["FILE: line 2: cannot be read as YAML: found character '\\t'"]),
    (
        HEAD + "seed: 1\nseed: 2\n",
        ["FILE: line 3: cannot be read as YAML: found duplicate key seed"],
    ),
    (HEAD + "seed: 1\n---\nseed: 2\n", ["FILE: line 3: cannot be read as YAML: "]),
    (HEAD + "seed: !!python/object:os.system x\n", ["FILE: line 2: cannot be read as YAML: could"]),
    (HEAD + "? {a: 1}\n: 2\n", ["FILE: line 2: cannot be read as YAML: found unhashable key"]),
    ("seed: \x01\n", ["FILE: cannot be read as YAML: "]),
    (BOMB, ["FILE: has more than 10000 values, or contains itself"]),
    ("a: &a [*a]\n", ["FILE: has more than 10000 values, or contains itself"]),
    ("a: " + "[" * 10_000, ["FILE: cannot be read as YAML: maximum recursion depth"]),
    ("# " + "x" * 200_000, ["FILE: is too large; allowed: at most 100,000 bytes"]),
    # Its defaults list.
    (
        HEAD + "defaults: 3\n",
        ["defaults: Invalid defaults list in 'experiment/mine'"],
    ),
    (
        HEAD + "defaults:\n  - tny\n",
        ["request: In 'experiment/mine': Could not load 'experiment/tny'"],
    ),
    (
        HEAD + "defaults:\n  - override /optimizer: adm\n",
        ["request: In 'config': Could not find 'optimizer/adm'; allowed: adam"],
    ),
    (
        HEAD + "defaults:\n  - override /optimizer: [adam, adam]\n",
        ["FILE: got adam, adam for /optimizer; allowed: one choice"],
    ),
    (
        HEAD + "defaults:\n  - /nothing: x\n",
        ["request: In 'experiment/mine': Could not find 'nothing/x'"],
    ),
    (HEAD + "defaults:\n  - [tiny]\n", ["defaults: Unsupported type in defaults"]),
    (
        HEAD + "defaults:\n  - tiny\n  - _self_\nseed: -1\n",
        ["seed: got -1 in FILE, line 5; allowed"],
    ),
    # Hydra's own part.
    (
        HEAD + "hydra: {run: {dir: x}}\n",
        ["hydra.run.dir: got x in FILE, line 2; allowed: tracking"],
    ),
    (
        HEAD + "hydra: {sweep: {dir: x}}\n",
        ["hydra.sweep.dir: got x in FILE, line 2; allowed: track"],
    ),
    (
        HEAD + "hydra: {output_subdir: .h}\n",
        ["hydra.output_subdir: got .h in FILE, line 2; allowed"],
    ),
    (
        HEAD + "hydra: {sweeper.n_trials: 5}\n",
        ["request: In 'experiment/mine': ConfigKeyError raised while composing config: Key 'sweep"],
    ),
    (
        HEAD + "hydra: {job: {num: 5}}\n",
        ["hydra.job.num: got 5 in FILE, line 2; only Hydra sets this key"],
    ),
    (HEAD + "hydra: {sweepr: {n: 1}}\n", ["hydra.sweepr.n: there is no such key in FILE, line 2"]),
    (
        HEAD + "hydra: {sweeper: {direction: x}}\n",
        ["hydra.sweeper.direction: there is no such key"],
    ),
    (HEAD + "hydra: {sweeper: {n_trials: x}}\n", ["hydra.sweeper.n_trials: got x in FILE, line 2"]),
    (HEAD + "hydra: {mode: X}\n", ["hydra.mode: got X in FILE, line 2; Invalid value 'X'"]),
    (
        HEAD + "hydra: {mode: MULTIRUN}\nresume: x\n",
        ["resume: got x in FILE, line 3; -m starts new"],
    ),
    (
        HEAD + "hydra: {searchpath: [x]}\n",
        ["request: In 'experiment/mine': Overriding hydra.searchp"],
    ),
]
ELSEWHERE = [
    (
        "optimizer/mine.yaml",
        "lr: 5\n",
        ["optimizer=mine"],
        ["optimizer.lr: got 5.0 in FILE, line 1"],
    ),
    (
        "optimizer/mine.yaml",
        "amsgrad: true\n",
        ["optimizer=mine"],
        ["optimizer.amsgrad: there is"],
    ),
    (
        "search/mine.yaml",
        "x: 1\n",
        ["-m", "search=mine"],
        ["FILE: its keys would be placed below search"],
    ),
    (
        "search/mine.yaml",
        HEAD + "hydra: {sweeper: {space: {seed: '1,2'}}}\n",
        ["-m", "search=mine"],
        ["hydra.sweeper.space.seed: renamed to hydra.sweeper.params.seed in FILE, line 2"],
    ),
    ("hydra/launcher/mine.yaml", "x: [\n", ["hydra/launcher=mine"], ["FILE: line 2: cannot be"]),
    (
        "experiment/tiny.yaml",
        HEAD + "seed: 1\n",
        ["experiment=tiny"],
        ["FILE: is not read, because "],
    ),
    (
        "mine.yaml",
        "seed: 1\n",
        ["--config-name=mine"],
        ["--config-name: got mine; allowed: config"],
    ),
    (
        "mine.yaml",
        "defaults: [config, _self_]\nseed: -1\n",
        ["--config-name=mine"],
        ["seed: got -1 in"],
    ),
    (
        "mine.yaml",
        "defaults: [config\n",
        ["--config-name=mine"],
        ["FILE: line 2: cannot be read as"],
    ),
    ("mine.yaml", BOMB, ["--config-name=mine"], ["FILE: has more than 10000 values"]),
    (
        "mine.yaml",
        "defaults: [config, _self_]\nhydra: {searchpath: [nosuch]}\n",
        ["--config-name=mine"],
        ["hydra.searchpath: got nosuch; there is no such folder"],
    ),
]


def refuse(monkeypatch, capsys, folder, file, text, words, faults):
    """Check how a run over a file of the user's own is refused."""
    path = folder / "own" / file
    path.parent.mkdir(parents=True)
    path.write_text(text)
    place = folder / "here"
    place.mkdir()
    monkeypatch.setattr("dcgan_sweeps.run.run", lambda request: pytest.fail("was not refused"))
    answer = ask(monkeypatch, capsys, place, "run", *words)
    require_refusal(answer, [fault.replace("FILE", str(path)) for fault in faults])


def name(row):
    return " ".join(map(str, row))[:60] if isinstance(row, list) else str(row)[-60:]


@pytest.mark.parametrize(("text", "faults"), EXPERIMENTS, ids=name)
def test_an_experiment_is_refused(text, faults, monkeypatch, capsys, tmp_path):
    words = ["--config-dir=../own", "experiment=mine"]
    refuse(monkeypatch, capsys, tmp_path, "experiment/mine.yaml", text, words, faults)


@pytest.mark.parametrize(("file", "text", "words", "faults"), ELSEWHERE, ids=name)
def test_another_file_is_refused(file, text, words, faults, monkeypatch, capsys, tmp_path):
    words = ["--config-dir=../own", *words]
    refuse(monkeypatch, capsys, tmp_path, file, text, words, faults)


@pytest.mark.parametrize("option", ["hydra.searchpath=[../own]", "hydra.searchpath=[file://OWN]"])
def test_the_search_path_is_heeded(option, monkeypatch, capsys, tmp_path):
    words = [option.replace("OWN", str(tmp_path / "own")), "experiment=mine"]
    text, faults = HEAD + "seed: -1\n", ["seed: got -1 in FILE, line 2; allowed: "]
    if "file" not in option:
        faults = ["seed: got -1 in ../own/experiment/mine.yaml, line 2; allowed: "]
    refuse(monkeypatch, capsys, tmp_path, "experiment/mine.yaml", text, words, faults)


def test_a_primary_configuration_of_ones_own_is_heeded(monkeypatch, capsys, tmp_path):
    text, words = "defaults: [schema, _self_]\nseed: -1\n", ["--config-path=../own"]
    faults = ["seed: got -1 in FILE, line 2; allowed: "]
    refuse(monkeypatch, capsys, tmp_path, "config.yaml", text, words, faults)


def test_a_file_that_is_no_text_is_refused(monkeypatch, capsys, tmp_path):
    path = tmp_path / "own" / "experiment" / "mine.yaml"
    path.parent.mkdir(parents=True)
    path.write_bytes("seed: 1".encode("utf-16"))
    answer = ask(monkeypatch, capsys, tmp_path, "run", "--config-dir=own", "experiment=mine")
    require_refusal(answer, [f"{path}: is UTF-16; allowed: text in UTF-8"])
