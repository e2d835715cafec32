"""Files of a run that are damaged or were edited: what reads them refuses, and says why.

One complete run serves all tests. In each line of a table: the words of the command, the file, what
is done to it, and how each fault begins. {id} is the run, {run} its folder, {artifacts} the folder
of its artifacts, {model} that of its generator.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import itertools
import json
import re
import shutil
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlparse
from urllib.request import url2pathname

import pytest
import yaml
from processes import TINY, list_runs, open_store
from refusals import ask, require_refusal

from dcgan_sweeps import run
from dcgan_sweeps.command import Request
from dcgan_sweeps.config.compose import compose
from dcgan_sweeps.config.faults import RequestError
from dcgan_sweeps.config.schema import Config
from dcgan_sweeps.execution.resume import build_resumed_spec
from dcgan_sweeps.execution.spec import ResumePoint, RunSpec
from dcgan_sweeps.execution.start import open_record
from dcgan_sweeps.sweep.folder import StudyFolder
from dcgan_sweeps.sweep.trial import find_resume_point
from dcgan_sweeps.tracking.checkpoints import (
    list_checkpoints,
    read_checkpoint,
    write_checkpoint,
)
from dcgan_sweeps.tracking.folder import RunFolder
from dcgan_sweeps.tracking.outcome import Outcome

# On as many threads as this process is set up for.
ASKED = [word.replace("threads=1", "threads=2") for word in TINY]
WORDS = ["score.extra_metrics=never", "train.checkpoint_every=2"]


@dataclass(frozen=True)
class Made:
    """One complete run in a folder with its store, and what its files are."""

    folder: Path
    places: dict[str, str]

    def find(self, text: str) -> str:
        """Return a text of a table with the run's own names in it."""
        return text.format(**self.places)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Keras, which saves a model
        patch.chdir(folder)
        patch.setattr("sys.argv", ["dcgan_sweeps.run", *ASKED, *WORDS])
        assert run.main() == 0
    client = open_store(folder)
    (logged,) = list_runs(client)
    (generator,) = (each for each in find_models(client, logged) if each.name == "generator")
    places = {
        "id": logged.info.run_id,
        "blank": client.create_run(client.create_experiment("blank")).info.run_id,
        "run": logged.data.tags["folder"],
        "artifacts": as_path(logged.info.artifact_uri),
        "model": as_path(generator.artifact_location),
    }
    return Made(folder, places)


def find_models(client, logged):
    return [client.get_logged_model(each.model_id) for each in logged.outputs.model_outputs]


def as_path(uri):
    return url2pathname(urlparse(uri).path)


@contextlib.contextmanager
def changed(path: Path, change: Callable[[Path], None]):
    """Change a file of the run, and put it back."""
    before = path.read_bytes()
    change(path)
    try:
        yield
    finally:
        if path.is_dir():
            path.rmdir()
        path.write_bytes(before)


def require_refused(answer, faults):
    """Assert that a command refuses with these faults.

    It may have held the run's lock, and a local store measures its tables when it is opened.
    """
    left = tuple(each for each in answer.left if not each.endswith(("/.lock", "/mlflow.db")))
    require_refusal(dataclasses.replace(answer, left=left), faults)


# --- damage -----------------------------------------------------------------------------------

LETTERS = "abcdefghi"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in itertools.pairwise(LETTERS)
)

DAMAGES = {
    "binary": lambda text: b"\x89PNG\r\n\x1a\n\0\0",
    "zeros": lambda text: b"\0" * 100,
    "utf-16": lambda text: text.encode("utf-16"),
    "latin-1": lambda text: b"name: Mot\xf6rhead\n",
    "empty": lambda text: b"",
    "blank": lambda text: b" \n\n",
    "a list": lambda text: b"[1, 2]\n",
    "a number": lambda text: b"3\n",
    "cut off": lambda text: text.rstrip().encode()[:-4] + b" [",
    "deep": lambda text: b"[" * 10_000 + b"]" * 10_000,
    "deep mappings": lambda text: b'{"a": ' * 10_000 + b"1" + b"}" * 10_000,
    "a bomb": lambda text: BOMB.encode(),
    "cyclic": lambda text: b"a: &a [*a]\n",
    "a tag": lambda text: b"a: !!python/object/apply:os.system [ls]\n",
    "huge": lambda text: b"a: 1\n" * 300_000,
    "many digits": lambda text: b'{"a": ' + b"9" * 5000 + b"}\n",
    "not finite": lambda text: b'{"a": NaN}\n',
    "a key twice": lambda text: b'{"a": 1, "a": 2}\n',
}


def damage(name):
    return lambda path: path.write_bytes(DAMAGES[name](path.read_text(errors="replace")))


OF_TEXT = {
    "binary": "is not text (byte ",
    "zeros": "is not text (byte 0); allowed: text in UTF-8",
    "utf-16": "is UTF-16; allowed: text in UTF-8",
    "latin-1": "is not text (byte 9); allowed: text in UTF-8",
    "huge": "is too large; allowed: at most 1,000,000 bytes",
}
OF_JSON = OF_TEXT | {
    "empty": "is empty",
    "blank": "is empty",
    "a list": "is a list; allowed: a mapping",
    "a number": "is 3; allowed: a mapping",
    "cut off": "line ",
    "deep": "is nested too deeply; allowed: at most 20 levels",
    "deep mappings": "is nested too deeply; allowed: at most 20 levels",
    "many digits": "has a value that cannot be read: Exceeds the limit",
    "not finite": "has a value that cannot be read: NaN is not a finite number",
    "a key twice": "has a value that cannot be read: duplicate key a",
}
OF_YAML = OF_TEXT | {
    "empty": "is empty; allowed: a mapping",
    "blank": "is empty; allowed: a mapping",
    "a list": "is a list; allowed: a mapping",
    "a number": "is 3; allowed: a mapping",
    "deep": "is nested too deeply; allowed: at most 20 levels",
    "deep mappings": "is nested too deeply; allowed: at most 20 levels",
    "a bomb": "line 1 has an alias, an anchor or a tag; allowed: plain values",
    "cyclic": "line 1 has an alias, an anchor or a tag; allowed: plain values",
    "a tag": "line 1 has an alias, an anchor or a tag; allowed: plain values",
    "many digits": "has a value that cannot be read: Exceeds the limit",
    "a key twice": "line 1 is not valid YAML: duplicate key a",
}
OF_A_LIST = OF_YAML | {
    "empty": "is empty; allowed: a list",
    "blank": "is empty; allowed: a list",
    "a list": "item 1 is 1; allowed: text",
    "a number": "is 3; allowed: a list",
}
LINE = ", line 1: is damaged; allowed: a JSON mapping"
OF_LINES = {
    "binary": ": is not text (byte ",
    "utf-16": ": is UTF-16; allowed: text in UTF-8",
    "blank": LINE,
    "a list": ", line 1: got [1, 2]; allowed: a JSON mapping",
    "huge": LINE,
    "many digits": LINE,
}

# Trains one epoch more, unless it is refused.
RESUME = ["run", "resume={id}", "train.epochs=3"]
REPRODUCE_FILE = ["reproduce", "{run}/config.yaml", "--check-only"]
REPRODUCE = ["reproduce", "{id}", "--check-only"]
COMPARE = ["compare", "{id}", "{blank}"]

DAMAGED = [
    *((RESUME, "{run}/run.json", name, f": {words}") for name, words in OF_JSON.items()),
    *((RESUME, "{run}/config.yaml", name, f": {words}") for name, words in OF_YAML.items()),
    *((RESUME, "{run}/overrides.yaml", name, f": {words}") for name, words in OF_A_LIST.items()),
    *((RESUME, "{run}/provenance.json", name, f": {words}") for name, words in OF_JSON.items()),
    *((REPRODUCE_FILE, "{run}/config.yaml", name, f": {words}") for name, words in OF_YAML.items()),
    *(
        (REPRODUCE_FILE, "{run}/provenance.json", name, f": {words}")
        for name, words in OF_JSON.items()
    ),
    *((REPRODUCE_FILE, "{run}/history.jsonl", name, words) for name, words in OF_LINES.items()),
    *((REPRODUCE_FILE, "{run}/run.json", name, f": {OF_JSON[name]}") for name in ("deep", "empty")),
    *((REPRODUCE_FILE, "{run}/git.diff", name, f": {OF_TEXT[name]}") for name in ("utf-16",)),
]


@pytest.mark.parametrize(
    ("words", "file", "name", "fault"),
    DAMAGED,
    ids=[f"{words[0]} {file.partition('/')[2]} {name}" for words, file, name, _ in DAMAGED],
)
def test_a_damaged_file_of_a_run_is_refused(words, file, name, fault, made, monkeypatch, capsys):
    path = Path(made.find(file))
    begin = time.monotonic()
    with changed(path, damage(name)):
        answer = ask(monkeypatch, capsys, made.folder, words[0], *map(made.find, words[1:]))
    assert time.monotonic() - begin < 10  # in a whole test run on a busy machine
    require_refused(answer, [f"{path}{fault}"])


DAMAGED_ARTIFACTS = [
    *(
        (REPRODUCE, "config/config.yaml", name, words)
        for name, words in OF_YAML.items()
        if name != "huge"
    ),
    *((REPRODUCE, "config/overrides.yaml", name, OF_A_LIST[name]) for name in ("a bomb", "a list")),
    *((REPRODUCE, "provenance.json", name, OF_JSON[name]) for name in ("deep", "a list", "zeros")),
    *((COMPARE, "provenance.json", name, OF_JSON[name]) for name in ("deep", "a list", "empty")),
    *((COMPARE, "provenance.json", name, OF_JSON[name]) for name in ("binary", "utf-16")),
    (COMPARE, "provenance.json", "huge", "is too large; allowed: at most 1,000,000 bytes"),
    (REPRODUCE, "config/config.yaml", "huge", "is too large; allowed: at most 1,000,000 bytes"),
    (REPRODUCE, "git.diff", "binary", "is not text"),
]


@pytest.mark.parametrize(
    ("words", "file", "name", "fault"),
    DAMAGED_ARTIFACTS,
    ids=[f"{words[0]} {file} {name}" for words, file, name, _ in DAMAGED_ARTIFACTS],
)
def test_a_damaged_artifact_is_refused(words, file, name, fault, made, monkeypatch, capsys):
    path = Path(made.places["artifacts"]) / file
    with changed(path, damage(name)):
        answer = ask(monkeypatch, capsys, made.folder, words[0], *map(made.find, words[1:]))
    require_refused(answer, [made.find(f"run {{id}}, {file}: {fault}")])


MODELS = [
    ("binary", "it is not a .keras file"),
    ("empty", "it is not a .keras file"),
    ("a bomb", "it is not a .keras file"),
    ("cut off", ""),
]


@pytest.mark.parametrize(("name", "reason"), MODELS)
@pytest.mark.parametrize(
    "words",
    [["generate", "{id}"], ["score", "{id}", "score.count=200", "score.extra_metrics=never"]],
)
def test_a_damaged_generator_is_refused(words, name, reason, made, monkeypatch, capsys):
    path = Path(made.places["model"]) / "data" / "model.keras"
    with changed(path, damage(name)):
        answer = ask(monkeypatch, capsys, made.folder, words[0], *map(made.find, words[1:]))
    fault = f"TARGET: got {{id}}, whose generator cannot be loaded: {reason}"
    require_refused(answer, [made.find(fault)])


# --- values of other types --------------------------------------------------------------------


def set_json(*keys, value):
    """Return what sets a value below some keys of a JSON file."""

    def change(path):
        content = json.loads(path.read_text())
        inner = content
        for key in keys[:-1]:
            inner = inner[key]
        inner[keys[-1]] = value
        path.write_text(json.dumps(content))

    return change


def set_line(number, line):
    """Return what puts a line in the place of another."""

    def change(path):
        lines = path.read_text().splitlines()
        lines[number - 1] = line
        path.write_text("\n".join(lines) + "\n")

    return change


PROVENANCE, HISTORY = "{run}/provenance.json", "{run}/history.jsonl"

WRONG_TYPES = [
    (set_json("device", value=3), PROVENANCE, ": device is 3; allowed: a mapping"),
    (set_json("device", value={}), PROVENANCE, ": device."),
    (
        set_json("device", "threads", value="many"),
        PROVENANCE,
        ": device.threads is 'many'; allowed: a whole number",
    ),
    (
        set_json("device", "jit", value=1),
        PROVENANCE,
        ": device.jit is 1; allowed: true or false",
    ),
    (set_json("packages", value="keras"), PROVENANCE, ": packages is 'keras'; allowed: a list"),
    (set_json("packages", value=[1]), PROVENANCE, ": packages has an item that is not text"),
    (set_json("config_hash", value=None), PROVENANCE, ": config_hash is None; allowed: text"),
    (
        set_json("device", "kind", value="tpu"),
        PROVENANCE,
        ": device.device: got tpu; allowed: auto, cpu, gpu",
    ),
    (
        set_json("device", "threads", value=0),
        PROVENANCE,
        ": device.threads: got 0; allowed: a whole number, at least 1",
    ),
    (set_line(2, '{"step": 4, "loss/gen'), HISTORY, ", line 2: is damaged"),
    (set_line(2, "[" * 10_000), HISTORY, ", line 2: is damaged"),
    (set_line(2, "[]"), HISTORY, ", line 2: got []; allowed: a JSON mapping"),
    (
        set_line(2, '{"step": 4, "loss/generator": NaN}'),
        HISTORY,
        ", line 2: loss/generator is nan; allowed: a finite number",
    ),
    (
        set_line(2, '{"step": 4, "loss/generator": "0.7"}'),
        HISTORY,
        ", line 2: loss/generator is '0.7'; allowed: a number",
    ),
    (
        set_line(2, '{"step": 4.5, "loss/generator": 0.7}'),
        HISTORY,
        ", line 2: step is 4.5; allowed: a whole number",
    ),
    (set_line(2, '{"step": null}'), HISTORY, ", line 2: step is None; allowed: a whole number"),
    (
        set_line(2, '{"step": 4, "score/fcd": true}'),
        HISTORY,
        ", line 2: score/fcd is True; allowed: a number",
    ),
    (
        set_line(2, '{"step": 4, "score/fcd": 1' + "0" * 400 + "}"),
        HISTORY,
        ", line 2: score/fcd is 1000",
    ),
    (
        set_line(2, '{"epoch": 1, "digest.weights": 7}'),
        HISTORY,
        ", line 2: digest.weights is 7; allowed: text",
    ),
]


@pytest.mark.parametrize(
    ("change", "file", "fault"), WRONG_TYPES, ids=[fault for _, _, fault in WRONG_TYPES]
)
def test_a_value_of_another_type_is_refused(change, file, fault, made, monkeypatch, capsys):
    path = Path(made.find(file))
    with changed(path, change):
        answer = ask(monkeypatch, capsys, made.folder, "reproduce", made.find("{run}/config.yaml"))
    faults = 5 if fault == ": device." else 1
    where = path.name if fault.startswith(": device.") and "got " in fault else path
    require_refused(answer, [f"{where}{fault}"] * faults)


@pytest.mark.parametrize(
    ("name", "change", "fault"),
    [
        ("mlflow.json", set_json("run_id", value=7), "run_id is 7; allowed: text, or null"),
        ("run.json", set_json("logged", value=[]), "logged is []; allowed: a mapping"),
        ("run.json", set_json("tags", value=3), "tags is 3; allowed: a mapping"),
        ("run.json", set_json("params", value=[]), "params is []; allowed: a mapping"),
        ("run.json", set_json("name", value=3), "name is 3; allowed: text"),
    ],
)
def test_what_says_whose_a_folder_is_and_has_another_type_is_refused(
    name, change, fault, made, monkeypatch, capsys
):
    path = Path(made.find(f"{{run}}/{name}"))
    with changed(path, change):
        answer = ask(monkeypatch, capsys, made.folder, "run", made.find("resume={run}"))
    require_refused(answer, [f"{path}: {fault}"])


# --- edits ------------------------------------------------------------------------------------


def set_yaml(**values):
    """Return what sets values below two keys, group__key, of a YAML file."""

    def change(path):
        content = yaml.safe_load(path.read_text())
        for name, value in values.items():
            group, key = name.split("__")
            content[group][key] = value
        path.write_text(yaml.safe_dump(content))

    return change


def write(text):
    return lambda path: path.write_text(text)


def forget(*names):
    """Return what makes a run.json one of an earlier version, which kept nothing of some files."""

    def change(path):
        content = json.loads(path.read_text())
        for name in names:
            del content["logged"][name]
        path.write_text(json.dumps(content))

    return change


CONFIG, OVERRIDES = "{run}/config.yaml", "{run}/overrides.yaml"

EDITED = [
    (
        CONFIG,
        set_yaml(optimizer__lr=0.01),
        ["optimizer.lr was logged as 0.001, the file has 0.01; undo the edit, or start a new run"],
    ),
    (
        CONFIG,
        set_yaml(optimizer__lr=0.01, model__dropout=0.5, train__epochs=1),
        [
            "model.dropout was logged as 0.3, the file has 0.5",
            "optimizer.lr was logged as 0.001, the file has 0.01",
            "train.epochs was logged as 2, the file has 1",
        ],
    ),
    (
        CONFIG,
        set_yaml(model__generator_filters=[4, 8]),
        ["model.generator_filters: the order of the items differs"],
    ),
    (CONFIG, set_yaml(tracking__log_every=1), ["tracking.log_every was logged as 5, the file"]),
    (CONFIG, set_yaml(data__dir="/data"), ["data.dir was logged as null, the file has /data"]),
    (
        OVERRIDES,
        write("- experiment=tiny\n"),
        [
            "runner.threads=2 was logged but is not in the file",
            "tracking.system_metrics_s=0 was logged but is not in the file",
            "score.extra_metrics=never was logged but is not in the file",
            "train.checkpoint_every=2 was logged but is not in the file",
        ],
    ),
    (
        OVERRIDES,
        lambda path: path.write_text(path.read_text() + "- seed=1\n"),
        ["seed=1 is in the file but was not logged"],
    ),
    (
        PROVENANCE,
        set_json("device", "threads", value=1),
        ["device.threads was logged as 2, the file has 1"],
    ),
    (
        PROVENANCE,
        set_json("device", "precision", value="float64"),
        ["device.precision was logged as float32, the file has float64"],
    ),
    (PROVENANCE, set_json("score_identity", value=""), ["score_identity was logged as "]),
    (
        PROVENANCE,
        set_json("environment", "XLA_FLAGS", value="--x"),
        ["environment.XLA_FLAGS was not logged, the file has --x"],
    ),
    ("{run}/git.diff", write("diff --git a/x b/x\n"), ["sha256 was logged as "]),
    (
        "{run}/run.json",
        set_json("logged", "provenance.json", "device", "threads", value=1),
        [],
    ),
    ("{run}/samples/epoch_0001.png", write("x"), ["was changed since the run wrote it"]),
]


@pytest.mark.parametrize(
    ("file", "change", "faults"), EDITED, ids=[f"{file} {faults}" for file, _, faults in EDITED]
)
def test_a_run_whose_file_was_edited_does_not_go_on(
    file, change, faults, made, monkeypatch, capsys
):
    path = Path(made.find(file))
    with changed(path, change):
        answer = ask(monkeypatch, capsys, made.folder, *map(made.find, RESUME))
    # Of run.json the other side is named: which of the two was edited, nothing says.
    expected = [f"{path}: {words}" for words in faults] or [
        made.find(PROVENANCE) + ": device.threads was logged as 1, the file has 2"
    ]
    require_refused(answer, expected)


def test_a_file_of_the_run_that_trained_longer_must_be_there(made, monkeypatch, capsys):
    path = Path(made.find(PROVENANCE))
    with changed(path, Path.unlink):
        answer = ask(monkeypatch, capsys, made.folder, *map(made.find, RESUME))
    require_refused(answer, [f"{path}: is missing; restore it, or start a new run"])


def test_an_edited_run_of_an_earlier_version_is_known_by_its_config_hash(made, monkeypatch, capsys):
    path = Path(made.find(CONFIG))
    old = changed(Path(made.find("{run}/run.json")), forget("config.yaml"))
    with old, changed(path, set_yaml(optimizer__lr=0.01)):
        answer = ask(monkeypatch, capsys, made.folder, *map(made.find, RESUME))
    require_refused(answer, [f"{path}: the config hash of the run is "])


def test_an_edited_untracked_run_of_an_earlier_version_is_known_by_its_config_hash(
    made, tmp_path, monkeypatch, capsys
):
    folder = Path(shutil.copytree(made.places["run"], tmp_path / "run"))
    (folder / "run.json").write_text('{"run_id": null}')
    set_yaml(optimizer__lr=0.01)(folder / "config.yaml")
    words = [f"resume={folder}", "train.epochs=3", "tracking=none"]
    answer = ask(monkeypatch, capsys, tmp_path, "run", *words)
    require_refused(answer, [f"{folder / 'config.yaml'}: the config hash of the run is "])


def test_a_folder_that_names_a_run_of_another_folder_is_refused(made, monkeypatch, capsys):
    copy = Path(shutil.copytree(made.places["run"], made.folder / "copy"))
    answer = ask(monkeypatch, capsys, made.folder, "run", f"resume={copy}", "train.epochs=3")
    shutil.rmtree(copy)
    require_refused(
        answer, [f"{copy / 'mlflow.json'}: names run {made.places['id']}, which belongs to"]
    )


# --- checkpoints ------------------------------------------------------------------------------


@pytest.fixture
def untracked(made, tmp_path):
    """The run's folder, copied, as that of a run without a tracker."""
    folder = Path(shutil.copytree(made.places["run"], tmp_path / "run"))
    (folder / "mlflow.json").unlink()
    return folder


def resume(folder, monkeypatch, capsys):
    words = [f"resume={folder}", "train.epochs=3"]
    return ask(monkeypatch, capsys, folder.parent, "run", *words)


def test_a_checkpoint_of_another_run_is_refused(untracked, monkeypatch, capsys):
    (path,) = list_checkpoints(untracked / "checkpoints")
    checkpoint = read_checkpoint(path)
    facts = {**checkpoint.facts, "config_hash": "f" * 16}
    facts.pop("version")
    path.unlink()
    write_checkpoint(path.parent, dataclasses.replace(checkpoint, facts=facts), 2)
    answer = resume(untracked, monkeypatch, capsys)
    require_refused(answer, [f"{path.parent}: step 20 has config hash {'f' * 16}; the run has "])


@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"\0" * 1000])
def test_a_damaged_checkpoint_without_one_before_it_is_refused(
    content, untracked, monkeypatch, capsys
):
    (path,) = list_checkpoints(untracked / "checkpoints")
    path.write_bytes(content)
    answer = resume(untracked, monkeypatch, capsys)
    require_refused(answer, [f"{path}: is damaged, and there is no intact checkpoint"])


def test_what_has_the_checksum_in_its_name_and_is_no_checkpoint_is_refused(
    untracked, monkeypatch, capsys
):
    (path,) = list_checkpoints(untracked / "checkpoints")
    path.unlink()
    fake = path.with_name(f"step_000000020_{hashlib.sha256(b'PK').hexdigest()}.npz")
    fake.write_bytes(b"PK")
    answer = resume(untracked, monkeypatch, capsys)
    require_refused(answer, [f"{fake}: is damaged, and there is no intact checkpoint"])


@pytest.mark.parametrize("last", ["{", '{"outcome": 3}', "[]", "\x00"])
def test_an_untracked_run_whose_end_is_damaged_is_refused(last, untracked, monkeypatch, capsys):
    path = untracked / "history.jsonl"
    number = len(path.read_text().splitlines()) + 1
    path.write_text(path.read_text() + last + "\n")
    answer = ask(monkeypatch, capsys, untracked.parent, "run", f"resume={untracked}")
    where = "" if last == "\x00" else f", line {number}"
    require_refused(answer, [f"{path}{where}: "])


def build_longer(folder, say):
    """Return the spec that trains the run in a folder longer."""
    words = [f"resume={folder}", "train.epochs=3"]
    return build_resumed_spec(Request(compose("config", words, Config), tuple(words), {}), say)


@pytest.mark.parametrize("content", [b"", b"\0\0\0\n", b"{}\n", b"\xff\xfe"])
def test_a_damaged_history_is_put_back_to_what_the_checkpoint_has(content, untracked):
    path = untracked / "history.jsonl"
    before = path.read_text()
    path.write_bytes(content)
    said = []
    spec = build_longer(untracked, said.append)
    spec.resume_point.lock.close()
    assert said[0] == f"{path} was changed; it is restored from the checkpoint"
    assert before.startswith(spec.resume_point.checkpoint.history)


def test_a_damaged_checkpoint_is_said_and_the_one_before_it_taken(untracked):
    (path,) = list_checkpoints(untracked / "checkpoints")
    checkpoint = read_checkpoint(path)
    facts = {key: value for key, value in checkpoint.facts.items() if key != "version"}
    newer = dataclasses.replace(checkpoint, step=25, facts=facts)
    damaged = write_checkpoint(path.parent, newer, 2)
    damaged.write_bytes(b"PK")
    said = []
    spec = build_longer(untracked, said.append)
    spec.resume_point.lock.close()
    assert spec.resume_point.checkpoint.step == 20
    assert said[0].startswith(
        f"skipped a damaged checkpoint, now {path.parent}/damaged_step_000000025"
    )


def test_a_missing_sample_grid_is_said(untracked):
    (untracked / "samples" / "epoch_0001.png").unlink()
    said = []
    build_longer(untracked, said.append).resume_point.lock.close()
    assert said[0].startswith("the sample grid of epoch 1 is missing: ")


def test_a_run_of_an_earlier_version_goes_on(untracked):
    names = [("dcgan28", "article"), ("extra_metrics", "companions"), ("config_hash", "signature")]
    for file in ("config.yaml", "overrides.yaml", "run.json", "provenance.json"):
        text = (untracked / file).read_text()
        for new, old in names:
            text = text.replace(new, old)
        (untracked / file).write_text(text)
    (path,) = list_checkpoints(untracked / "checkpoints")
    checkpoint = read_checkpoint(path)
    facts = dict(checkpoint.facts)
    facts["signature"] = facts.pop("config_hash")
    path.unlink()
    facts.pop("version")
    write_checkpoint(path.parent, dataclasses.replace(checkpoint, facts=facts), 2)
    spec = build_longer(untracked, [].append)
    spec.resume_point.lock.close()
    assert spec.resume_point.checkpoint.step == 20
    assert (spec.config.model.name, spec.config.score.extra_metrics) == ("dcgan28", "never")


# --- trials -----------------------------------------------------------------------------------


def find_trial(folder, *words):
    """Return what an earlier start of a trial left, its study asking for `words`."""
    asked = compose("config", [*ASKED, *WORDS, "tracking=none", *words], Config)
    return find_resume_point(asked, RunFolder(folder), 0, lambda line: None)


def test_a_trial_goes_on_from_files_that_were_not_edited(untracked):
    resume_point = find_trial(untracked)
    assert resume_point.provenance["device"]["threads"] == 2
    assert resume_point.checkpoint.step == 20
    resume_point.lock.close()


@pytest.mark.parametrize(
    ("name", "change", "fault"),
    [
        ("provenance.json", set_json("device", "threads", value=1), "threads was logged as 2"),
        ("provenance.json", write("[]"), "is a list; allowed: a mapping"),
        ("config.yaml", set_yaml(optimizer__lr=0.01), "lr was logged as 0.001, the file has 0.01"),
        ("overrides.yaml", write("3"), "is 3; allowed: a list"),
        ("run.json", write(""), "is empty"),
        ("samples/epoch_0000.png", write(""), "was changed since the run wrote it"),
    ],
)
def test_a_trial_whose_file_was_edited_or_damaged_does_not_go_on(name, change, fault, untracked):
    change(untracked / name)
    with pytest.raises(RequestError, match=re.escape(fault)):
        find_trial(untracked)


def test_a_trial_of_which_the_study_asks_something_else_does_not_go_on(untracked):
    with pytest.raises(RequestError, match=r"optimizer.lr: got 0.5; the trial started with 0.001"):
        find_trial(untracked, "optimizer.lr=0.5")


def test_a_trial_that_died_before_its_configuration_was_written_starts_over(tmp_path):
    (tmp_path / "run.json").write_text('{"run_id": null}')
    resume_point = find_trial(tmp_path)
    assert resume_point.checkpoint is None
    assert resume_point.provenance == {}
    resume_point.lock.close()


@pytest.mark.parametrize("name", OF_JSON)
def test_a_damaged_study_json_is_refused(name, tmp_path):
    path = tmp_path / "study.json"
    path.write_bytes(DAMAGES[name]('{"parent_run_id": null}\n'))
    with pytest.raises(RequestError, match=re.escape(f"{path}: {OF_JSON[name]}")):
        StudyFolder(tmp_path).read()


@pytest.mark.parametrize(
    ("file", "key"), [("mlflow.json", "run_id"), ("study.json", "parent_run_id")]
)
@pytest.mark.parametrize(("value", "got"), [("7", "7"), ("[1]", "[1]")])
def test_a_file_whose_mlflow_run_is_no_text_is_refused(file, key, value, got, tmp_path):
    (tmp_path / file).write_text(f'{{"{key}": {value}}}')
    with pytest.raises(RequestError, match=re.escape(f"{key} is {got}; allowed: text, or null")):
        RunFolder(tmp_path).read_run_id()


# --- what is no edit, and what is said --------------------------------------------------------

COMPLETE = ["resume: the run is complete; train.epochs above 2 trains it longer"]


def reformat_yaml(path):
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()), indent=6, sort_keys=True))


def reformat_json(path):
    path.write_text(json.dumps(json.loads(path.read_text()), sort_keys=True))


def add_mark(path):
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())


def comment(path):
    path.write_text("# mine\n" + path.read_text().replace("\n", "\r\n"))


@pytest.mark.parametrize(
    ("file", "change"),
    [
        (CONFIG, reformat_yaml),
        (CONFIG, add_mark),
        (CONFIG, comment),
        (CONFIG, lambda path: path.write_text(path.read_text().replace("0.001", "'1e-3'"))),
        (OVERRIDES, add_mark),
        (OVERRIDES, comment),
        (PROVENANCE, reformat_json),
        (PROVENANCE, add_mark),
        ("{run}/run.json", reformat_json),
        ("{run}/run.json", add_mark),
        ("{run}/run.json", forget("config.yaml", "overrides.yaml", "provenance.json", "git.diff")),
    ],
)
def test_a_file_that_says_the_same_in_another_way_is_no_edit(
    file, change, made, monkeypatch, capsys
):
    with changed(Path(made.find(file)), change):
        answer = ask(monkeypatch, capsys, made.folder, "run", made.find("resume={id}"))
    require_refused(answer, COMPLETE)


@pytest.mark.parametrize(
    "name", ["epoch_x.png", "epoch_1 (copy).png", "epoch_.png", "epoch_1.png", "epoch_00001.png"]
)
def test_a_picture_of_another_name_is_left_alone(name, untracked):
    picture = untracked / "samples" / name
    picture.write_bytes(b"mine")
    said = []
    build_longer(untracked, said.append).resume_point.lock.close()
    assert said == ["resuming run from step 20"]
    assert sorted(RunFolder(untracked).find_frames()) == [0, 1, 2]
    RunFolder(untracked).rewind("", -1)
    assert [each.name for each in picture.parent.glob("epoch_*.png")] == [name]


def test_a_run_whose_pictures_were_removed_goes_on(untracked, tiny):
    shutil.rmtree(untracked / "samples")
    folder = RunFolder(untracked)
    (path,) = list_checkpoints(folder.checkpoints)
    point = ResumePoint(folder, folder.lock(), {}, read_checkpoint(path), same=True)
    spec = RunSpec(tiny, (), "run", tiny.runner, resume_point=point)
    recorder = open_record(spec, SimpleNamespace(steps_per_epoch=10))
    recorder.finish(Outcome.COMPLETE, "")
    assert folder.samples.is_dir()


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        (CONFIG, set_yaml(optimizer__lr=0.01), "optimizer.lr was logged as 0.001, the file has"),
        (
            PROVENANCE,
            set_json("data", "name", value="mnist"),
            "provenance.json: data.name was logged as fashion_mnist, the file has mnist",
        ),
        ("{run}/git.diff", write("x\n"), "git.diff: sha256 was logged as "),
        (HISTORY, set_line(3, '{"step": 9}'), "history.jsonl: line 3 differs from the checkpoint"),
        (
            "{artifacts}/config/config.yaml",
            set_yaml(optimizer__lr=0.01),
            "optimizer.lr was logged as 0.001, the file has 0.01",
        ),
        (
            "{artifacts}/config/overrides.yaml",
            write("- seed=1\n"),
            "overrides.yaml was logged with digest ",
        ),
        (
            "{artifacts}/provenance.json",
            set_json("machine", "cores", value=1),
            "provenance.json was logged with digest ",
        ),
        ("{artifacts}/git.diff", write("x\n"), "git.diff does not have the SHA-256 that prove"),
    ],
)
def test_reproduce_says_what_was_edited(file, change, said, made, monkeypatch, capsys):
    target = "{id}" if file.startswith("{artifacts}") else "{run}/config.yaml"
    with changed(Path(made.find(file)), change):
        words = [made.find(target), "--check-only"]
        answer = ask(monkeypatch, capsys, made.folder, "reproduce", *words)
    assert answer.status == 1, answer
    assert f"edited since it was logged: {said}" in answer.out


def test_reproduce_says_nothing_of_what_was_not_edited(made, monkeypatch, capsys):
    for target in ("{id}", "{run}/config.yaml"):
        words = [made.find(target), "--check-only"]
        answer = ask(monkeypatch, capsys, made.folder, "reproduce", *words)
        assert answer.status == 0, answer
        assert "edited since" not in answer.out


def test_a_damaged_picture_in_the_store_stops_no_report(made, monkeypatch, capsys):
    pictures = Path(made.places["artifacts"]) / "images"
    gif = Path(made.places["artifacts"]) / "samples" / "progress.gif"
    damaged = [*pictures.glob("*"), gif]
    assert len(damaged) > 6
    with contextlib.ExitStack() as stack:
        for path in damaged:
            stack.enter_context(changed(path, lambda path: path.write_bytes(b"")))
        for words in (["report", "--html", "page.html"], COMPARE):
            answer = ask(monkeypatch, capsys, made.folder, words[0], *map(made.find, words[1:]))
            assert answer.status == 0, answer
            assert "Traceback" not in answer.err
